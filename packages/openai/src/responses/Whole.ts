/** Decodes a whole answer of the Responses API. Total: an answer that failed is an error, one without `output` as well. */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import * as Asked from "./Asked.ts"
import * as Decoder from "./Decoder.ts"
import * as Json from "./Json.ts"
import * as Outcome from "./Outcome.ts"
import * as Output from "./Output.ts"

export const decode = (
  body: unknown,
  asked: Asked.Asked
): Result.Result<ChatResponse.ChatResponse, ProviderError.CallError> => {
  const error = Json.member(body, "error")
  const status = Json.text(body, "status")
  if (error !== undefined && error !== null || status !== undefined && !ended.has(status)) {
    return Result.fail(asked.failed(error ?? { message: `the answer has the status "${status}"` }))
  }
  const output = Json.member(body, "output")
  if (!Array.isArray(output)) return Result.fail(Decoder.malformed(asked, "the answer has no `output`"))
  const items: ReadonlyArray<unknown> = output
  const parts = items.flatMap((item, nth) => Output.parts(item, nth, asked))
  const lastCall = items.findLast((item) => Json.text(item, "type") === "function_call")
  const isCut = lastCall !== undefined && (Output.isCut(lastCall) || !Output.isWhole(lastCall))
  const outcome = Outcome.make(body, Outcome.contentOf(parts, isCut), asked)
  const uncalled = Asked.uncalled(asked, outcome)
  return uncalled === undefined ? Result.succeed(ChatResponse.make(parts, outcome)) : Result.fail(uncalled)
}

/** The states of an answer that is there. */
const ended: ReadonlySet<string> = new Set(["completed", "incomplete"])
