/**
 * Where the limits of adaptive concurrency are kept, under keys.
 *
 * In this process unless a layer says otherwise; `SharedState` of `@strata/persistence` keeps them in Redis or
 * a SQL database, for many.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TaggedError from "../TaggedError.ts"
import type * as Documents from "./Documents.ts"
import * as AdaptiveLimitsMemory from "./internal/adaptiveLimitsMemory.ts"
import type { Adaptive, Current } from "./internal/limitCurve.ts"
import * as LimitsDocuments from "./internal/limitsDocuments.ts"

export type { Adaptive, Current } from "./internal/limitCurve.ts"

/**
 * The store of adaptive limits could not be read or written.
 *
 * When: limits that `SharedState` shares cannot be reached. Calls are not failed by it: each process goes on with
 * limits of its own.
 *
 * Remedy: check the connection to the store.
 */
export class AdaptiveLimitsError extends TaggedError.make<AdaptiveLimitsError>()("AdaptiveLimitsError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The limits. All operations answer what holds after them.
 *
 * - `read`: the limit of a key, `initial` at first.
 * - `increase`: after `answered` more answers: each adds 1 until the first decrease, `1 / limit` after it, up to `max`.
 * - `decrease`: after a round of calls that began in `epoch` and of which the share `refused` was refused: the limit is
 *   multiplied by what is left, at least by the `decrease` of the key. Nothing when the epoch is over.
 *
 * No call waits for them but the first of a key: they are asked about once a second while calls are made, and at once
 * for a decrease. While they fail, or take longer than a second, each process goes on with what it last knew.
 */
export interface AdaptiveLimits {
  readonly read: (key: string, adaptive: Adaptive) => Effect.Effect<Current, AdaptiveLimitsError>
  readonly increase: (key: string, adaptive: Adaptive, answered: number) => Effect.Effect<Current, AdaptiveLimitsError>
  readonly decrease: (
    key: string,
    adaptive: Adaptive,
    epoch: number,
    refused: number
  ) => Effect.Effect<Current, AdaptiveLimitsError>
}

/** The limits in force: kept in the memory of this process, common to everything in it, unless a layer says otherwise. */
export const AdaptiveLimits: Context.Reference<AdaptiveLimits> = Context.Reference<AdaptiveLimits>(
  "@strata/core/state/AdaptiveLimits",
  { defaultValue: () => AdaptiveLimitsMemory.make() }
)

/** Limits of their own in the memory of this process. */
export const layerMemory: Layer.Layer<never> = Layer.sync(AdaptiveLimits, () => AdaptiveLimitsMemory.make())

/** Limits for all processes that use a store of texts. Fails with `AdaptiveLimitsError` when the store does. */
export const fromDocuments = <E>(documents: Documents.Documents<E>): AdaptiveLimits =>
  LimitsDocuments.make(
    documents,
    (operation, cause) =>
      new AdaptiveLimitsError({ message: `The shared limit of concurrency: ${operation} failed`, cause })
  )
