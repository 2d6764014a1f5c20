/**
 * The bodies of Meta Llama: a `prompt` in, a `generation` and its counters out.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"
import * as Template from "./Template.ts"

/** Amazon Bedrock User Guide, "Meta Llama models": 512 tokens by default, 2048 at most. */
const read = Body.reader(Schema.Struct({
  prompt: Schema.String.check(Body.textBetween(1, Infinity)),
  max_gen_len: Schema.optionalKey(Schema.Int.check(Family.between(1, 2048))),
  temperature: Schema.optionalKey(Family.Share),
  top_p: Schema.optionalKey(Family.Share),
  images: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
}))

const defaultMaxTokens = 512

/** Meta Llama, all versions. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ max_gen_len: maxTokens = defaultMaxTokens, prompt, temperature, top_p: topP }) => ({
    request: {
      ...Template.read(prompt, "llama", model),
      inferenceConfig: { maxTokens, ...Family.present({ temperature, topP }) }
    },
    whole: (response) => ({
      generation: response.text,
      prompt_token_count: response.usage.inputTokens,
      generation_token_count: response.usage.outputTokens,
      stop_reason: stopReason(Family.stopReasonOf(response))
    }),
    pieces: ({ counted }) => {
      const textOf = Family.makeTextOf()
      let first = true
      let said = ""
      const piece = (generation: string, tokens: number, stop: string | null) => {
        const promptTokens = first ? counted.inputTokens : null
        first = false
        return [{ generation, prompt_token_count: promptTokens, generation_token_count: tokens, stop_reason: stop }]
      }
      return (event) => {
        if (event.type === "finish") {
          return piece("", event.usage.outputTokens, stopReason(Family.stopReasonOf(event)))
        }
        const text = textOf(event)
        said += text
        return text === "" ? [] : piece(text, Tokens.ofText(said), null)
      }
    }
  }))

const stopReason = (reason: string): string => reason === "max_tokens" ? "length" : "stop"
