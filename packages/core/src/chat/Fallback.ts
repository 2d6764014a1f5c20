/**
 * When another chat service answers in place of one that cannot: the options of `ChatService.withFallback`.
 *
 * There is nothing like it for embeddings: vectors of different models do not compare, so an index must not get a few
 * from another model because the first was busy.
 */
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import type * as ProviderError from "../ProviderError.ts"
import type { ChatService } from "./ChatService.ts"

/** A layer of a chat service, whatever it needs and fails with. */
export type ChatLayer = Layer.Layer<ChatService, unknown, unknown>

/** One fallback, or several, in the order they are asked. */
export type Others = ChatLayer | ReadonlyArray<ChatLayer>

/** The layers of {@link Others}, to tell what they need and fail with. */
export type LayerOf<O extends Others> = O extends ReadonlyArray<infer L extends ChatLayer> ? L
  : O extends ChatLayer ? O
  : never

/**
 * - `when`: whether an error of the first service makes the next one be asked; {@link isUnavailable} when missing.
 * - `failFast`: which of those errors make the next one be asked at once, before a service has spent the retries of its
 *   policy on them; none when missing. The last service repeats by its policy whatever this says.
 * - `model`: what a fallback is asked in place of the model a request names; `fallback` counts them from 0. When missing,
 *   or where it gives `undefined`, a fallback is asked for its own default model.
 *
 * @example
 * // Another region has room now: do not wait for this one to refill.
 * ChatService.withFallback(elsewhere, { failFast: (error) => error._tag === "RateLimitError" })
 */
export interface Options {
  readonly when?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly failFast?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly model?: ((model: string, fallback: number) => string | undefined) | undefined
}

/**
 * Options that may be any value.
 *
 * @internal
 */
export const options: Check.Check<Options> = Check.partial({
  when: Check.callback<NonNullable<Options["when"]>>(),
  failFast: Check.callback<NonNullable<Options["failFast"]>>(),
  model: Check.callback<NonNullable<Options["model"]>>()
})

/**
 * A layer that may be any value: what it builds shows when it is built.
 *
 * @internal
 */
// Of a layer no more can be known than that it is one.
export const layer = Check.layer as Check.Check<ChatLayer>

const layers = Check.list(layer, { remedy: "Give a layer, or an array of layers" })

/**
 * Fallbacks that may be any value.
 *
 * @internal
 */
export const others: Check.Check<ReadonlyArray<ChatLayer>> = (given, at) =>
  Check.holds(Layer.isLayer, given) ? layers([given], at) : layers(given, at)

/**
 * Whether a service cannot serve now, or this model cannot serve at all: so that another one may be able to.
 *
 * - `RateLimitError`, `ModelUnavailableError`, `ProviderInternalError`, `TimeoutError`, `ConnectionError`: transient, and
 *   still there after the retries of the service's own policy, unless `failFast` came before them.
 * - `CircuitOpenError`: the breaker of the service's policy says that it is down, so nothing was sent.
 * - `QuotaExceededError`: each model and region has its own.
 * - `ModelNotFoundError`, `PermissionDeniedError`: models are retired, and access is given for each of them.
 * - `ModelFailedError`, `MalformedResponseError`: this model broke on this request.
 *
 * Not among them:
 *
 * - `InvalidRequestError`, `UnsupportedFeatureError`, `ContextLengthExceededError`: the request is at fault. Add the last
 *   two where a fallback can do more than the first.
 * - `AuthenticationError`: a mistake in the configuration, which an answer from elsewhere would hide.
 * - `BudgetExceededError`: another service does not bring the money back.
 * - `StructuredOutputError`, `StreamInterruptedError`: there was an answer, or a part of one.
 *
 * @example
 * const when = (error: ProviderError.ProviderError) =>
 *   Fallback.isUnavailable(error) || error._tag === "ContextLengthExceededError"
 */
export const isUnavailable: (error: ProviderError.ProviderError) => boolean = Total.make(
  ({ _tag }) => unavailable.has(_tag),
  () => false
)

/** Requests handed on to another service, by the tag of the error of the one that could not answer. */
export const fallbacks = Metric.counter("strata.client.fallbacks", {
  description: "Requests handed on to another service because one could not answer",
  incremental: true
})

const unavailable: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError",
  "QuotaExceededError",
  "ModelNotFoundError",
  "PermissionDeniedError",
  "ModelFailedError",
  "MalformedResponseError"
])
