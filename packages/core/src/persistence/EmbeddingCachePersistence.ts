/**
 * Stores for the embedding cache that outlive a process and are shared between processes: Redis, SQL, files.
 *
 * What they stand on, `effect/persistence`, is marked unstable by Effect: a minor release of it may change this module,
 * and no other of this package.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"
import * as EmbeddingCache from "../EmbeddingCache.ts"

/**
 * A store in Redis or SQL, under the id `strata-embeddings` unless said otherwise. Many vectors are one command.
 *
 * What is persisted there is JSON, so vectors are base64 in it: a third longer than in a {@link layerKeyValueStore}.
 *
 * @example
 * EmbeddingCachePersistence.layerPersistence().pipe(
 *   Layer.provide(Persistence.layerBackingRedis),
 *   Layer.provide(NodeRedis.layer({ url: "redis://localhost" }))
 * )
 */
export const layerPersistence = (options?: {
  readonly storeId?: string | undefined
}): Layer.Layer<EmbeddingCache.EmbeddingCache, never, Persistence.BackingPersistence> =>
  Layer.effect(
    EmbeddingCache.EmbeddingCache,
    Effect.gen(function*() {
      const persistence = yield* Persistence.BackingPersistence
      const store = yield* persistence.make(options?.storeId ?? "strata-embeddings")
      return {
        getMany: ([key, ...keys]) =>
          key === undefined ? Effect.succeed([]) : Effect.mapBoth(store.getMany([key, ...keys]), {
            onFailure: failure,
            onSuccess: (values) => values.map(fromJson)
          }),
        setMany: (entries, timeToLive) => {
          const [first, ...rest] = entries.map(([key, value]) =>
            [key, { bytes: Base64.encode(value) }, timeToLive] as const
          )
          return first === undefined ? Effect.void : Effect.mapError(store.setMany([first, ...rest]), failure)
        }
      }
    })
  )

/**
 * A store in files, the storage of a browser, or whatever else keeps values under keys. Keys begin with
 * `strata-embeddings-` unless said otherwise. Each vector is a value of its own, of raw bytes; those out of date are
 * removed when they are asked for.
 *
 * @example
 * EmbeddingCachePersistence.layerKeyValueStore().pipe(
 *   Layer.provide(KeyValueStore.layerFileSystem(".cache/embeddings")),
 *   Layer.provide(NodeServices.layer)
 * )
 */
export const layerKeyValueStore = (options?: {
  readonly prefix?: string | undefined
}): Layer.Layer<EmbeddingCache.EmbeddingCache, never, KeyValueStore.KeyValueStore> =>
  Layer.effect(
    EmbeddingCache.EmbeddingCache,
    Effect.map(KeyValueStore.KeyValueStore, (values) => {
      const store = KeyValueStore.prefix(values, options?.prefix ?? "strata-embeddings-")
      const get = Effect.fnUntraced(function*(key: string) {
        const value = yield* store.getUint8Array(key)
        if (value === undefined || value.length < expiryLength) return undefined
        const expires = new DataView(value.buffer, value.byteOffset).getFloat64(0)
        if (expires > (yield* Clock.currentTimeMillis)) return value.subarray(expiryLength)
        yield* store.remove(key)
      })
      return {
        getMany: (keys) => Effect.mapError(Effect.forEach(keys, get, { concurrency }), failure),
        setMany: Effect.fnUntraced(function*(entries, timeToLive) {
          const now = yield* Clock.currentTimeMillis
          const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
          yield* Effect.forEach(entries, ([key, value]) => store.set(key, withExpiry(value, expires)), {
            concurrency,
            discard: true
          })
        }, Effect.mapError(failure))
      }
    })
  )

/** Values of a key value store that are read or written at the same time. */
const concurrency = 16

/** The time a value is good for comes before it, in milliseconds since 1970. */
const expiryLength = 8

const withExpiry = (value: Uint8Array, expires: number): Uint8Array => {
  const bytes = new Uint8Array(expiryLength + value.length)
  new DataView(bytes.buffer).setFloat64(0, expires)
  bytes.set(value, expiryLength)
  return bytes
}

const fromJson = (value: object | undefined): Uint8Array | undefined =>
  value !== undefined && "bytes" in value && typeof value.bytes === "string"
    ? Result.getOrUndefined(Base64.decode(value.bytes))
    : undefined

const failure = (cause: { readonly message: string }) =>
  new EmbeddingCache.EmbeddingCacheError({ message: cause.message, cause })
