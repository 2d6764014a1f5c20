/**
 * The bodies of models that follow OpenAI's chat completions exactly: its own, Qwen, Kimi, GLM, MiniMax, Nemotron,
 * Gemma and others. Unknown members are ignored, since each server has some of its own; reasoning is not returned.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Violation from "../../Violation.ts"
import * as ChatCompletion from "./ChatCompletion.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

/** Amazon Bedrock User Guide, "OpenAI models", and the pages of the other vendors. */
const Body = Schema.Struct({
  ...ChatCompletion.fields,
  max_completion_tokens: optional(Family.Tokens),
  temperature: optional(Schema.Finite.check(Family.between(0, 2))),
  stop: optional(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  tool_choice: optional(Schema.Unknown)
})
interface Body extends Schema.Schema.Type<typeof Body> {}

const decode = Schema.decodeUnknownResult(Body, { errors: "all" })

const read = (body: unknown): Result.Result<Body, AwsError.AwsError> =>
  Result.mapError(decode(body), ({ issue }) => Violation.toMalformedInput(Violation.collect(issue, body)))

/** All models without a file of their own. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ max_completion_tokens, stop, temperature, tool_choice: choice, ...asked }) => {
    const maxTokens = max_completion_tokens ?? asked.max_tokens
    return {
      request: ChatCompletion.toRequest({ ...asked, ...Family.present({ max_tokens: maxTokens }) }, {
        // Converse, whose schema is used here, limits it to 1
        temperature: temperature === undefined ? undefined : Math.min(1, temperature),
        stopSequences: typeof stop === "string" ? [stop] : stop,
        toolChoice: choice === "required" ? "any" : choice === "auto" || choice === "none" ? choice : undefined
      }),
      forbidsTools: choice === "none",
      check: () => Family.tooManyTokens("max_tokens", maxTokens, model),
      whole: (response, envelope) => ChatCompletion.whole(response, envelope, ChatCompletion.standard),
      pieces: (envelope) => ChatCompletion.pieces(envelope, ChatCompletion.standard, Tokens.ofText)
    }
  })
