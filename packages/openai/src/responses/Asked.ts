/**
 * What decoding an answer needs to know of its request, and where data that only its server can read came from.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ProviderError from "@strata/core/ProviderError"
import * as Wording from "../error/Wording.ts"
import type { Warning } from "../OpenAiOptions.ts"
import * as Shape from "../schema/Shape.ts"
import * as Json from "./Json.ts"

/**
 * The request of an answer.
 *
 * - `model`: as the request names it; `server`: the host it was sent to; both are kept with encrypted reasoning.
 * - `callId`: the id of a call, the nth item of the answer, to which the server gave none.
 * - `shapes`, `shape`: of the arguments of tools, by name, and of the answer, where their schemas were made strict.
 * - `needsCall`: whether an answer without a tool call is none.
 * - `failed`: the error for the `error` of an answer or a stream, as the same one with an HTTP status.
 */
export interface Asked {
  readonly provider: string
  readonly model: string
  readonly server: string
  readonly requestId?: string | undefined
  readonly warnings: ReadonlyArray<Warning>
  readonly callId: (nth: number) => string
  readonly shapes: ReadonlyMap<string, Shape.Shape>
  readonly shape: Shape.Shape | undefined
  readonly needsCall: boolean
  readonly failed: (error: unknown) => ProviderError.CallError
}

/** The server and the model that wrote something only they can read. */
export interface Origin {
  readonly server: string
  readonly model: string
}

/** Whether an item of the history comes from where the request goes. */
export const isFrom = (given: unknown, { model, server }: Origin): boolean =>
  Json.text(given, "server") === server && Json.text(given, "model") === model

/** The error of a complete answer that lacks the call the request demands. */
export const uncalled = (
  asked: Asked,
  { finishReason }: ChatResponse.Outcome
): ProviderError.ModelFailedError | undefined => {
  const { model, needsCall, provider, requestId, server } = asked
  return needsCall && finishReason === "stop"
    ? new ProviderError.ModelFailedError({
      provider,
      model,
      server,
      requestId,
      message: Wording.message(
        asked,
        "the request demands a tool call, and the model made none",
        "Use a model that calls tools, or the tool choice `auto`"
      )
    })
    : undefined
}

/** Takes the nulls out of a text in pieces, which a strict schema put in; text as it is without one. */
export const eraser = (shape: Shape.Shape | undefined): Shape.Eraser =>
  shape === undefined ? { feed: (text) => text, end: () => "" } : Shape.makeEraser(shape)

/** {@link eraser} for a whole text. */
export const erase = (text: string, shape: Shape.Shape | undefined): string => {
  const { end, feed } = eraser(shape)
  return feed(text) + end()
}
