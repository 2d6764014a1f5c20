/**
 * When another chat service answers in place of one that cannot, and for how long: the options of
 * `ChatService.withFallback`.
 *
 * There is nothing like it for embeddings: vectors of different models do not compare, so an index must not get a few
 * from another model because the first was busy.
 */
import type * as Duration from "effect/Duration"
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
 * - `stickFor`: how long a fallback that took over is asked first; 5 minutes when missing. `0` asks the first service
 *   first, every time.
 * - `model`: what a fallback is asked in place of the model a request names; `fallback` counts them from 0. When missing,
 *   or where it gives `undefined`, a fallback is asked for its own default model.
 */
export interface Options {
  readonly when?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly stickFor?: Duration.Input | undefined
  readonly model?: ((model: string, fallback: number) => string | undefined) | undefined
}

/**
 * Options that may be any value.
 *
 * @internal
 */
export const options: Check.Check<Options & { readonly stickFor?: Duration.Duration | undefined }> = Check.partial({
  when: Check.callback<NonNullable<Options["when"]>>(),
  stickFor: Check.duration({ infinite: true }),
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
 * Whether a service cannot serve now, or this model cannot serve at all: what another one may well be able to do.
 *
 * - `RateLimitError`, `ModelUnavailableError`, `ProviderInternalError`, `TimeoutError`, `ConnectionError`,
 *   `CircuitOpenError`: transient, and they outlived the retries of the service's own policy.
 * - `QuotaExceededError`: each model and region has its own.
 * - `ModelNotFoundError`, `PermissionDeniedError`: models are retired, and access is given for each of them.
 * - `ModelFailedError`, `MalformedResponseError`: this model broke on this request.
 *
 * Not among them:
 *
 * - `InvalidRequestError`, `UnsupportedFeatureError`, `ContextLengthExceededError`: the request is at fault. Add the last
 *   two where a fallback can do more than the first.
 * - `AuthenticationError`: a mistake in the configuration, which an answer from elsewhere would hide.
 * - `BudgetExceededError`: money does not come back by asking somebody else.
 * - `StructuredOutputError`, `StreamInterruptedError`: there was an answer, or a part of one.
 *
 * @example
 * const when = (error: ProviderError.ProviderError) =>
 *   Fallback.isUnavailable(error) || error._tag === "ContextLengthExceededError"
 */
export const isUnavailable: (error: ProviderError.ProviderError) => boolean = Total.make(
  ({ _tag }) => saysOfService.has(_tag) || saysOfAnswer.has(_tag),
  () => false
)

/** Requests handed on to another service, by the tag of the error of the one that could not answer. */
export const fallbacks = Metric.counter("strata.client.fallbacks", {
  description: "Requests handed on to another service because one could not answer",
  incremental: true
})

type Tags = ReadonlySet<ProviderError.ProviderError["_tag"]>

/** Errors that the next request would meet as well. */
const saysOfService: Tags = new Set([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError",
  "QuotaExceededError",
  "ModelNotFoundError",
  "PermissionDeniedError"
])

/** Errors that may be about one request alone. */
const saysOfAnswer: Tags = new Set(["ModelFailedError", "MalformedResponseError"])

/** Whether later requests had better not go to the service that failed. @internal */
export const isLasting = (error: ProviderError.ProviderError): boolean =>
  saysOfService.has(error._tag) || error._tag === "AuthenticationError"
