/**
 * The Responses API, as a {@link Codec}: `OpenAiChat` sends what it encodes, and gives it the answers.
 *
 * Nothing is stored on the server. Reasoning goes back in its encrypted form with the next request, to the server and the model
 * that wrote it; see `responses/Output.ts` for where it is kept in a message.
 */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import * as Withheld from "./chat/answer/Outcome.ts"
import type * as Codec from "./chat/Codec.ts"
import type * as Answer from "./client/Answer.ts"
import * as OpenAiError from "./OpenAiError.ts"
import type { Warning } from "./OpenAiOptions.ts"
import type { Asked } from "./responses/Asked.ts"
import * as Events from "./responses/Events.ts"
import * as Request from "./responses/Request.ts"
import * as Whole from "./responses/Whole.ts"

/** @internal */
export const codec: Codec.Codec = {
  encode: (request, target) => {
    const warnings: Array<Warning> = []
    const add: Codec.Report["add"] = (type, field, message) => void warnings.push({ type, field, message })
    return Result.map(
      Request.encode(request, target, { add, warnings }),
      ({ body, needsCall, shape, shapes }): Codec.Exchange => {
        const asked = (head: Answer.Head): Asked => ({
          provider: target.provider,
          model: request.model,
          server: target.server,
          requestId: head.requestId,
          warnings,
          callId: (nth) => `call_${target.seed}_${nth}`,
          shape,
          shapes,
          needsCall,
          failed: failedAt(head, {
            provider: target.provider,
            model: request.model,
            server: target.server,
            request: body
          })
        })
        return {
          path: "responses",
          body,
          decode: (answer) => Whole.decode(answer.body, asked(answer)),
          stream: (answer) => Events.decode(answer.events, asked(answer)),
          filtered: (filter, requestId) =>
            ChatResponse.make([], Withheld.withheld(request.model, requestId, filter, warnings))
        }
      }
    )
  }
}

/** The error in an answer with status 200 is that of the status it stands for; it has no hint that is a date. */
const failedAt = (head: Answer.Head, asked: OpenAiError.Asked) => (error: unknown): ProviderError.CallError =>
  OpenAiError.fromAnswer(asked, { ...head, status: 500 }, { error }, 0)
