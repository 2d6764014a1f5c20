/**
 * The bodies of AI21 Jamba: chat completions, with counters in every chunk of a stream.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Body from "../Body.ts"
import * as ChatCompletion from "./ChatCompletion.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

/** Amazon Bedrock User Guide, "AI21 Labs Jamba models". */
const read = Body.reader(Schema.Struct({
  ...ChatCompletion.fields,
  temperature: optional(Schema.Finite.check(Family.between(0, 2))),
  stop: optional(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  n: optional(Schema.Int.check(Family.between(1, 16))),
  frequency_penalty: optional(Schema.Finite),
  presence_penalty: optional(Schema.Finite),
  response_format: optional(Family.JsonObject),
  documents: optional(Schema.Array(Family.JsonObject))
}))

const endOfMessage = 518

const style: ChatCompletion.Style = {
  reason: "finish_reason",
  piece: "delta",
  // recorded: the token that ended the answer
  stop: (reason) => reason === "end_turn" ? { stop_reason: endOfMessage } : {},
  around: (kind, { inputTokens, outputTokens }, { id, latencyMs, model }) => ({
    id: `chatcmpl-${id}`,
    usage: {
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens
    },
    ...(kind === "piece" ? undefined : { meta: { requestDurationMillis: latencyMs() } }),
    ...(kind === "whole" ? { model: Family.nameOf(model).replace(/(\d)-(\d)/, "$1.$2") } : undefined)
  })
}

/** Jamba 1.5 Mini, Large and later. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ stop, temperature, ...asked }) => ({
    request: ChatCompletion.toRequest(asked, {
      temperature,
      stopSequences: typeof stop === "string" ? [stop] : stop,
      toolChoice: undefined
    }),
    check: () => Family.tooManyTokens("max_tokens", asked.max_tokens, model),
    whole: (response, envelope) => ChatCompletion.whole(response, envelope, style),
    pieces: (envelope) => {
      const pieces = ChatCompletion.pieces(envelope, style, Tokens.ofText)
      // the service's metrics are a separate chunk
      return (event) => event.type === "finish" ? [...pieces(event), {}] : pieces(event)
    }
  }))
