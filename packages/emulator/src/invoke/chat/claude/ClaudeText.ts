/**
 * The bodies of Claude 2 and Instant: a `prompt` in, a `completion` out. The prompt holds the turns of the
 * conversation.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isObject } from "../../../converse/rule/Finding.ts"
import * as Body from "../../Body.ts"
import * as Family from "../Family.ts"
import * as Template from "../Template.ts"
import * as Claude from "./Claude.ts"

const optional = Schema.optionalKey

/** Amazon Bedrock User Guide, "Anthropic Claude Text Completions API". */
const read = Body.reader(Schema.Struct({
  prompt: Schema.String.check(Body.textBetween(1, Infinity)),
  max_tokens_to_sample: Family.Tokens,
  anthropic_version: optional(Schema.String),
  temperature: optional(Family.Share),
  top_p: optional(Family.Share),
  top_k: optional(Schema.Int.check(Family.between(0, 500))),
  stop_sequences: optional(Schema.Array(Schema.String))
}))

/** Claude 2 and Instant, which also accept messages. */
export const family: Family.Family = (body, model) =>
  isObject(body) && "messages" in body ? Claude.family(body, model) : text(body, model)

const text: Family.Family = (body, model) =>
  Result.map(read(body), (asked) => {
    const { max_tokens_to_sample: maxTokens, prompt, stop_sequences: stopSequences, temperature, top_p: topP } = asked
    return {
      request: {
        ...Template.read(prompt, "human", model),
        inferenceConfig: { maxTokens, ...Family.present({ stopSequences, temperature, topP }) }
      },
      check: () => Family.tooManyTokens("max_tokens_to_sample", maxTokens, model),
      whole: (response) => completion(response.text, stopOf(Family.stopReasonOf(response))),
      pieces: () => {
        const textOf = Family.makeTextOf()
        return (event) => {
          if (event.type === "finish") return [completion("", stopOf(Family.stopReasonOf(event)))]
          const text = textOf(event)
          return text === "" ? [] : [completion(text, { stop_reason: null, stop: null })]
        }
      }
    }
  })

const completion = (text: string, stop: Family.Payload): Family.Payload => ({
  type: "completion",
  completion: text,
  ...stop
})

/** A complete answer ends where the next turn would begin. */
const stopOf = (reason: string): Family.Payload =>
  reason === "max_tokens"
    ? { stop_reason: "max_tokens", stop: null }
    : { stop_reason: "stop_sequence", stop: "\n\nHuman:" }
