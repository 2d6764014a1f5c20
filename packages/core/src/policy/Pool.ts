/**
 * Lanes of a pool: services that can answer the same calls, such as one model in several regions, accounts, inference
 * profiles or at several providers. `ChatService.withPool` and `EmbeddingService.withPool` choose a lane for each call.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Total from "../internal/total.ts"
import * as ProviderError from "../ProviderError.ts"

/**
 * A lane with what is declared about it.
 *
 * - `weight`: its part of the calls, compared with other lanes that are equally full; 1 unless said otherwise.
 * - `cost`: the price of a token, compared with other lanes; 1 unless said otherwise, 0 where the capacity is paid for
 *   anyway. Lanes of a lower cost are used first, as long as they have room.
 * - `interactive`: only for calls that {@link interactive} marks.
 * - `model`: the name of an embedding model, where the id of the lane does not say it, such as that of an application
 *   inference profile: lanes with the same name must be the same model.
 */
export interface Lane<L> {
  readonly layer: L
  readonly weight?: number | undefined
  readonly cost?: number | undefined
  readonly interactive?: boolean | undefined
  readonly model?: string | undefined
}

/** Lanes by name, which answers, metrics and logs show. */
export type Lanes<Service> = Readonly<Record<string, AnyLayer<Service> | Lane<AnyLayer<Service>>>>

type AnyLayer<Service> = Layer.Layer<Service, unknown, unknown>

/** The layers of {@link Lanes}, for the types of their requirements and errors. */
export type LayerOf<L> = L[keyof L] extends infer One
  ? One extends Lane<infer Inner extends Layer.Any> ? Inner : One extends Layer.Any ? One : never
  : never

/**
 * When another lane is asked, and for which model.
 *
 * - `when`: which errors of a lane make another one be asked; {@link isUnavailable} when missing.
 * - `model`: the model of a lane for a request that names one; the same name for all when missing. For `undefined` it is
 *   the default model of the lane. Only for chat.
 */
export interface Options {
  readonly when?: ((error: ProviderError.ProviderError) => boolean) | undefined
  readonly model?: ((model: string, lane: string) => string | undefined) | undefined
}

/**
 * Whether an error is of the lane, so that another one may answer. It is for those of `ProviderError.isUnavailable`,
 * and for `AuthenticationError`, so that one account with expired credentials does not take the calls of the others.
 * The log warns of a lane that leaves the pool, and of why.
 */
export const isUnavailable = (error: ProviderError.ProviderError): boolean =>
  ProviderError.isUnavailable(error) || isOfTheAccount(error)

const isOfTheAccount: (error: ProviderError.ProviderError) => boolean = Total.make(
  ({ _tag }) => _tag === "AuthenticationError",
  () => false
)

/** Whether the calls of a fiber are interactive: a person waits for them, so they may use lanes reserved for such calls. */
export const Interactive = Context.Reference<boolean>("@strata/core/policy/Pool/Interactive", {
  defaultValue: () => false
})

/**
 * Marks the calls of an effect as interactive.
 *
 * @example
 * ChatService.generate(question).pipe(Pool.interactive)
 */
export const interactive = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Interactive, true)

/**
 * Counts the calls of each lane, by `strata.lane` and `strata.lane.outcome`. The outcome is `answered`, `refused`
 * (throttled), `unavailable` (down) or `failed` (an error that no other lane would answer better).
 */
export const calls = Metric.counter("strata.client.lane.calls", {
  description: "Calls of each lane of a pool, by their outcome",
  incremental: true
})

/**
 * {@link calls} of one lane.
 *
 * @internal
 */
export const callsOf = (lane: string, outcome: string) =>
  Metric.counter(calls.id, {
    description: calls.description,
    incremental: true,
    attributes: { "strata.lane": lane, "strata.lane.outcome": outcome }
  })

/** Whether a lane takes calls, by `strata.lane`: 0 in the pool, 1 probed by one call, 2 out of the pool. */
export const state = Metric.gauge("strata.client.lane.state", {
  description: "State of a lane: 0 in the pool, 1 probed by one call, 2 out of the pool"
})
