/**
 * Stores for the embedding cache in Redis, SQL and files, which processes share.
 *
 * Built on `effect/persistence`, which Effect marks as unstable: a minor release of Effect may change this module.
 */
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Persistence from "effect/persistence/Persistence"
import * as Bytes from "./Bytes.ts"

/**
 * A store in Redis or SQL, with the id `strata-embeddings` by default. Many vectors are one command. They are base64 in
 * JSON: a third longer than in a {@link layerKeyValueStore}.
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
    Effect.map(Bytes.overPersistence(options, "strata-embeddings"), cache)
  )

/**
 * A store in any `KeyValueStore`, such as files or browser storage, with the key prefix `strata-embeddings-` by default.
 * Expired vectors are removed when they are read.
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
    Effect.map(Bytes.overKeyValueStore(options, "strata-embeddings-"), cache)
  )

const cache = (
  { getMany, setMany }: Bytes.Bytes<{ readonly message: string }>
): EmbeddingCache.EmbeddingCache => ({
  getMany: (keys) => Effect.mapError(getMany(keys), failure),
  setMany: (entries, timeToLive) => Effect.mapError(setMany(entries, timeToLive), failure)
})

const failure = (cause: { readonly message: string }) =>
  new EmbeddingCache.EmbeddingCacheError({ message: cause.message, cause })
