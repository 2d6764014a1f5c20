/**
 * Keeps vectors, so that a text or an image is paid for once.
 *
 * `EmbeddingService.withCache` puts a cache in front of a service; {@link EmbeddingCache} is where it keeps them: bytes
 * under keys, in memory here, and in Redis, SQL or files through `persistence/EmbeddingCachePersistence.ts`.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Lru from "../cache/internal/lru.ts"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"

/** The store could not be read or written. */
export class EmbeddingCacheError extends Schema.TaggedError<EmbeddingCacheError>()("EmbeddingCacheError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** A key of 64 hexadecimal digits, and what is kept under it. */
export type Entry = readonly [key: string, value: Uint8Array]

/**
 * A store of bytes.
 *
 * - `getMany`: what is kept under each key, in the order of the keys; `undefined` where there is nothing, or no longer.
 * - `setMany`: keeps what it is given, for good when there is no `timeToLive`. The bytes are not changed afterwards.
 *
 * Both get at most 256 keys at a time. What a store returns is checked: a damaged value is as good as none.
 */
export interface EmbeddingCache {
  readonly getMany: (
    keys: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, EmbeddingCacheError>
  readonly setMany: (
    entries: ReadonlyArray<Entry>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void, EmbeddingCacheError>
}
/** The store in force: one in the memory of this process, common to everything in it, unless a layer says otherwise. */
export const EmbeddingCache = Context.Reference<EmbeddingCache>("@strata/core/embedding/EmbeddingCache", {
  defaultValue: () => Lru.make()
})

/**
 * - `timeToLive`: how long a vector is kept; for good unless said otherwise: the same input has the same vector tomorrow.
 * - `namespace`: sets the vectors apart from those of other namespaces in the same store. Needed only where services
 *   with the same provider and model give different vectors, and to leave old vectors behind.
 */
export interface Options {
  readonly timeToLive?: Duration.Input | undefined
  readonly namespace?: string | undefined
}

/**
 * Options that may be any value.
 *
 * @internal
 */
export const options: Check.Check<Options & { readonly timeToLive?: Duration.Duration | undefined }> = Check.partial({
  timeToLive: Check.duration({ infinite: true }),
  namespace: Check.text
})

/**
 * A store of its own in the memory of this process. When it holds more than `capacity` vectors (10,000 unless said
 * otherwise), or more than `maxBytes` (64 MiB), it drops those that were not asked for the longest. 10,000 vectors of
 * 1,024 floats take 40 MB.
 */
export const layerMemory = (options: {
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
} = {}): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    EmbeddingCache,
    Effect.map(
      Check.run(Lru.bounds, options, { provider: "strata", whole: "options" }),
      Lru.make
    )
  )
