/**
 * The bodies of Amazon Titan Text: an `inputText` in, a list of `results` out.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"
import * as Template from "./Template.ts"

/** Amazon Bedrock User Guide, "Amazon Titan Text models": 512 tokens by default, 8192 at most for the largest. */
const read = Body.reader(Schema.Struct({
  inputText: Schema.String.check(Body.textBetween(1, Infinity)),
  textGenerationConfig: Schema.optionalKey(Schema.Struct({
    maxTokenCount: Schema.optionalKey(Schema.Int.check(Family.between(0, 8192))),
    temperature: Schema.optionalKey(Family.Share),
    topP: Schema.optionalKey(Family.Share),
    stopSequences: Schema.optionalKey(Schema.Array(Schema.String))
  }))
}))

const defaultMaxTokens = 512

/** Amazon Titan Text: Lite, Express and Premier. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ inputText, textGenerationConfig = {} }) => {
    const { maxTokenCount: maxTokens = defaultMaxTokens, stopSequences, temperature, topP } = textGenerationConfig
    return {
      request: {
        ...Template.read(inputText, "titan", model),
        inferenceConfig: { maxTokens, ...Family.present({ stopSequences, temperature, topP }) }
      },
      check: () => Family.tooManyTokens("textGenerationConfig/maxTokenCount", maxTokens, model),
      whole: (response) => ({
        inputTextTokenCount: response.usage.inputTokens,
        results: [{
          tokenCount: response.usage.outputTokens,
          outputText: response.text,
          completionReason: completionReason(Family.stopReasonOf(response))
        }]
      }),
      pieces: ({ counted }) => {
        const textOf = Family.makeTextOf()
        let first = true
        // the last text has the completion reason: one chunk is held back until the next
        let held: string | undefined
        const piece = (outputText: string, tokens: number | null, reason: string | null) => {
          const inputTextTokenCount = first ? counted.inputTokens : null
          first = false
          return [{
            outputText,
            index: 0,
            totalOutputTextTokenCount: tokens,
            completionReason: reason,
            inputTextTokenCount
          }]
        }
        return (event) => {
          if (event.type === "finish") {
            return piece(held ?? "", event.usage.outputTokens, completionReason(Family.stopReasonOf(event)))
          }
          const text = textOf(event)
          if (text === "") return []
          const before = held
          held = text
          return before === undefined ? [] : piece(before, null, null)
        }
      }
    }
  })

const completionReason = (reason: string): string => {
  switch (reason) {
    case "max_tokens":
      return "LENGTH"
    case "stop_sequence":
      return "STOP_CRITERIA_MET"
    case "content_filtered":
    case "guardrail_intervened":
      return "CONTENT_FILTERED"
    default:
      return "FINISH"
  }
}
