/**
 * Stores for the embedding cache in Redis, SQL and files, which processes share.
 */
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Persistence from "effect/persistence/Persistence"
import type * as Redis from "effect/persistence/Redis"
import * as Bytes from "./Bytes.ts"

/**
 * A store in Redis, a cluster too, whose keys begin with `prefix`, `strata:embeddings:` by default. Vectors are
 * base64. Fails with `InvalidRequestError` for invalid options.
 */
export const layerRedis = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Redis.Redis> =>
  layer(Bytes.overRedis(options, `${Bytes.usualPrefix}embeddings:`))

/**
 * A store in SQL, with the id `strata-embeddings` by default. Many vectors are one command. They are base64 in JSON:
 * a third longer than in a {@link layerKeyValueStore}. For Redis there is {@link layerRedis}. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * EmbeddingCachePersistence.layerPersistence().pipe(
 *   Layer.provide(Persistence.layerBackingSql),
 *   Layer.provide(PgClient.layer({ url }))
 * )
 */
export const layerPersistence = (
  options: { readonly storeId?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Persistence.BackingPersistence> =>
  layer(Bytes.overPersistence(options, "strata-embeddings"))

/**
 * A store in any `KeyValueStore`, such as files or browser storage, with the key prefix `strata-embeddings-` by
 * default. Expired vectors are removed when they are read. Fails with `InvalidRequestError` for invalid options.
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
  layer(Bytes.overKeyValueStore(options, "strata-embeddings-"))

const layer = <E, R>(bytes: Effect.Effect<Bytes.Bytes<{ readonly message: string }>, E, R>) =>
  Layer.effect(
    EmbeddingCache.EmbeddingCache,
    Effect.map(bytes, ({ getMany, setMany }) => ({
      getMany: (keys) => Effect.mapError(getMany(keys), failure),
      setMany: (entries, timeToLive) => Effect.mapError(setMany(entries, timeToLive), failure)
    }))
  )

const failure = (cause: { readonly message: string }) =>
  new EmbeddingCache.EmbeddingCacheError({ message: cause.message, cause })
