/** The store of `EmbeddingService.withCache`: in memory here; in Redis, SQL or files by `@strata/persistence`. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Lru from "../cache/internal/lru.ts"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as TaggedError from "../TaggedError.ts"

/**
 * The store of an embedding cache could not be read or written.
 *
 * When: a store of your own, or of `EmbeddingCachePersistence`, fails. `EmbeddingService.withCache` treats it as a
 * miss.
 *
 * Remedy: check the store; calls go on without the cache.
 */
export class EmbeddingCacheError extends TaggedError.make<EmbeddingCacheError>()("EmbeddingCacheError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** A key of 64 hexadecimal digits, and its value. */
export type Entry = Lru.Entry

/**
 * A store of bytes.
 *
 * - `getMany`: the value of each key, in order; `undefined` for missing and expired ones.
 * - `setMany`: stores values, without expiry when there is no `timeToLive`. The bytes are not changed afterwards.
 *
 * Both get at most 256 keys at a time. Values are verified: a damaged one is a miss.
 */
export interface EmbeddingCache extends Lru.Bytes<EmbeddingCacheError> {}

/** The store; by default an LRU cache in memory, shared by the whole process. */
export const EmbeddingCache = Context.Reference<EmbeddingCache>("@strata/core/embedding/EmbeddingCache", {
  defaultValue: () => Lru.make()
})

/**
 * How `EmbeddingService.withCache` keeps vectors.
 *
 * - `timeToLive`: how long a vector is cached; without expiry by default.
 * - `namespace`: separates vectors in the same store. Needed when services with the same provider and model give different
 *   vectors, and to invalidate old ones.
 */
export interface Options {
  readonly timeToLive?: Duration.Input | undefined
  readonly namespace?: string | undefined
}

/** @internal */
export const options: Check.Check<Options & { readonly timeToLive?: Duration.Duration | undefined }> = Check.partial({
  timeToLive: Check.duration({ infinite: true }),
  namespace: Check.text
})

/**
 * A new LRU cache in memory, bounded by `capacity` entries (10,000; of 1,024 floats 40 MB) and `maxBytes` (64 MiB).
 * Fails with `InvalidRequestError` for invalid options.
 */
export const layerMemory = (options: Lru.Bounds = {}): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    EmbeddingCache,
    Effect.map(Check.run(Lru.bounds, options, { provider: "strata", whole: "options" }), Lru.make)
  )
