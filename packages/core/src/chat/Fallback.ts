/**
 * The options of `ChatService.withFallback`.
 *
 * Embeddings have no fallback: vectors of different models are not comparable.
 */
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as ProviderError from "../ProviderError.ts"
import type { ChatService } from "./Chat.ts"

/** A layer of a chat service. */
export type ChatLayer = Layer.Layer<ChatService, unknown, unknown>

/** One fallback, or several in order. */
export type Others = ChatLayer | ReadonlyArray<ChatLayer>

/** The layers of {@link Others}, for the types of their requirements and errors. */
export type LayerOf<O extends Others> = O extends ReadonlyArray<infer L extends ChatLayer> ? L
  : O extends ChatLayer ? O
  : never

/**
 * When a fallback is asked, and for which model.
 *
 * - `when`: which errors of the first service lead to a fallback; {@link isUnavailable} when missing.
 * - `failFast`: which of those errors do so without retries; none when missing. The last service always retries.
 * - `model`: the model of a fallback, given that of the request and the index of the fallback from 0. When missing, or for
 *   `undefined`, it is the default model of the fallback.
 */
export interface Options {
  readonly when?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly failFast?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly model?: ((model: string, fallback: number) => string | undefined) | undefined
}

/**
 * Whether another service may succeed; see `ProviderError.isUnavailable`. Add the errors of what a fallback supports and
 * the first service does not.
 *
 * @example
 * const when = (error: ProviderError.ProviderError) =>
 *   Fallback.isUnavailable(error) || error._tag === "ContextLengthExceededError"
 */
export const isUnavailable: (error: ProviderError.ProviderError) => boolean = ProviderError.isUnavailable

/** Requests passed on to a fallback, by the tag of the error. */
export const fallbacks = Metric.counter("strata.client.fallbacks", {
  description: "Requests passed on to a fallback",
  incremental: true
})
