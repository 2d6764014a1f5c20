/**
 * Stores for the embedding cache that outlive a process and are shared between processes: Redis, SQL, files.
 *
 * What they stand on, `effect/persistence`, is marked unstable by Effect: a minor release of it may change this module,
 * and none outside of this folder.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Persistence from "effect/persistence/Persistence"
import * as BytePersistence from "../cache/internal/bytePersistence.ts"
import * as EmbeddingCache from "../embedding/EmbeddingCache.ts"
import type * as ProviderError from "../ProviderError.ts"

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
export const layerPersistence = (
  options: { readonly storeId?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Persistence.BackingPersistence> =>
  Layer.effect(
    EmbeddingCache.EmbeddingCache,
    Effect.map(BytePersistence.overPersistence(options, "strata-embeddings"), cache)
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
export const layerKeyValueStore = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, KeyValueStore.KeyValueStore> =>
  Layer.effect(
    EmbeddingCache.EmbeddingCache,
    Effect.map(BytePersistence.overKeyValueStore(options, "strata-embeddings-"), cache)
  )

const cache = (
  { getMany, setMany }: BytePersistence.Bytes<{ readonly message: string }>
): EmbeddingCache.EmbeddingCache => ({
  getMany: (keys) => Effect.mapError(getMany(keys), failure),
  setMany: (entries, timeToLive) => Effect.mapError(setMany(entries, timeToLive), failure)
})

const failure = (cause: { readonly message: string }) =>
  new EmbeddingCache.EmbeddingCacheError({ message: cause.message, cause })
