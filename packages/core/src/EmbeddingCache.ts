/**
 * Keeps vectors, so that a text or an image is paid for once.
 *
 * {@link withCache} puts a cache in front of an embedding service; {@link EmbeddingCache} is where it keeps them: bytes
 * under keys, in memory here, and in Redis, SQL or files through `persistence/EmbeddingCachePersistence.ts`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as EmbeddingService from "./EmbeddingService.ts"
import * as Caching from "./internal/embeddingCaching.ts"

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
export class EmbeddingCache extends Context.Service<EmbeddingCache, {
  readonly getMany: (
    keys: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, EmbeddingCacheError>
  readonly setMany: (
    entries: ReadonlyArray<Entry>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void, EmbeddingCacheError>
}>()("@strata/core/EmbeddingCache") {}

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
 * Puts a cache in front of a service. Decorate last, so that policies apply to what is sent and not to what is known.
 *
 * - An input is known by everything that decides on its vector: its content, provider, model, all options of the call.
 * - Only unknown inputs reach the service: requests and usage are theirs, and the position an error names
 *   (`inputs[17]`) is the caller's. A known input costs 0 tokens. A call of known inputs only sends nothing.
 * - The cache never fails a call. Vectors it cannot read or write are computed; the first failure is logged.
 * - Equal inputs asked for at the same time by different calls are each computed.
 * - A call is not cached when nothing names its model, or when its options hold what has no text of its own, such as
 *   a function.
 *
 * Counts inputs in `strata.embedding.cache.hits` and `strata.embedding.cache.misses`, equal texts of a call once, and
 * failed steps in `strata.embedding.cache.failures`.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(
 *   EmbeddingCache.withCache({ timeToLive: "30 days" }),
 *   Layer.provide(EmbeddingCache.layerMemory({ capacity: 50_000 }))
 * )
 */
export const withCache: {
  (options?: Options): <E, R>(
    self: Layer.Layer<EmbeddingService.EmbeddingService, E, R>
  ) => Layer.Layer<EmbeddingService.EmbeddingService, E, R | EmbeddingCache>
  <E, R>(
    self: Layer.Layer<EmbeddingService.EmbeddingService, E, R>,
    options?: Options
  ): Layer.Layer<EmbeddingService.EmbeddingService, E, R | EmbeddingCache>
} = dual(
  (args) => Layer.isLayer(args[0]),
  <E, R>(
    self: Layer.Layer<EmbeddingService.EmbeddingService, E, R>,
    options?: Options
  ): Layer.Layer<EmbeddingService.EmbeddingService, E, R | EmbeddingCache> =>
    Layer.effect(
      EmbeddingService.EmbeddingService,
      Effect.gen(function*() {
        const service = yield* EmbeddingService.EmbeddingService
        const store = yield* EmbeddingCache
        const digest = yield* Digest.Digest
        const timeToLive = Duration.fromInputUnsafe(options?.timeToLive ?? Duration.infinity)
        return yield* Caching.make(service, store, digest, {
          namespace: options?.namespace ?? "",
          timeToLive: Duration.isFinite(timeToLive) ? timeToLive : undefined
        })
      })
    ).pipe(Layer.provide([self, Digest.layerWebCrypto]))
)

/**
 * A store in the memory of this process. When it holds more than `capacity` vectors (10,000 unless said otherwise), it
 * drops those that were not asked for the longest. 10,000 vectors of 1,024 floats take 40 MB.
 */
export const layerMemory = (options?: { readonly capacity?: number | undefined }): Layer.Layer<EmbeddingCache> =>
  Layer.sync(EmbeddingCache, () => {
    const capacity = options?.capacity ?? 10_000
    // A map keeps the order in which keys were set: the first one is the one not asked for the longest.
    const kept = new Map<string, Kept>()
    return {
      getMany: (keys) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          keys.map((key) => {
            const found = kept.get(key)
            if (found === undefined) return undefined
            kept.delete(key)
            if (found.expires <= now) return undefined
            kept.set(key, found)
            return found.value
          })),
      setMany: (entries, timeToLive) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
          for (const [key, value] of entries) {
            kept.delete(key)
            kept.set(key, { value, expires })
          }
          for (const key of kept.keys()) {
            if (kept.size <= capacity) break
            kept.delete(key)
          }
        })
    }
  })

interface Kept {
  readonly value: Uint8Array
  readonly expires: number
}
