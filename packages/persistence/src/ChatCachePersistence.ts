/**
 * Stores for the chat cache in Redis, SQL and files, which processes share.
 */
import * as ChatCache from "@strata/core/chat/ChatCache"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Persistence from "effect/persistence/Persistence"
import type * as Redis from "effect/persistence/Redis"
import * as Bytes from "./Bytes.ts"

/**
 * A store in Redis, a cluster too, whose keys begin with `prefix`, `strata:answers:` by default. Fails with
 * `InvalidRequestError` for invalid options.
 */
export const layerRedis = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Redis.Redis> =>
  layer(Bytes.overRedis(options, `${Bytes.usualPrefix}answers:`))

/**
 * A store in SQL, with the id `strata-answers` by default. For Redis there is {@link layerRedis}. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * ChatCachePersistence.layerPersistence().pipe(
 *   Layer.provide(Persistence.layerBackingSql),
 *   Layer.provide(PgClient.layer({ url }))
 * )
 */
export const layerPersistence = (
  options: { readonly storeId?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Persistence.BackingPersistence> =>
  layer(Bytes.overPersistence(options, "strata-answers"))

/**
 * A store in any `KeyValueStore`, such as files or browser storage, with the key prefix `strata-answers-` by default.
 * Expired answers are removed when they are read. Fails with `InvalidRequestError` for invalid options.
 *
 * @example
 * ChatCachePersistence.layerKeyValueStore().pipe(
 *   Layer.provide(KeyValueStore.layerFileSystem(".cache/answers")),
 *   Layer.provide(NodeServices.layer)
 * )
 */
export const layerKeyValueStore = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, KeyValueStore.KeyValueStore> =>
  layer(Bytes.overKeyValueStore(options, "strata-answers-"))

const layer = <E, R>(bytes: Effect.Effect<Bytes.Bytes<{ readonly message: string }>, E, R>) =>
  Layer.effect(
    ChatCache.ChatCache,
    Effect.map(bytes, ({ getMany, setMany }) => ({
      get: (key) => Effect.mapBoth(getMany([key]), { onFailure: failure, onSuccess: ([value]) => value }),
      set: (key, value, timeToLive) => Effect.mapError(setMany([[key, value]], timeToLive), failure)
    }))
  )

const failure = (cause: { readonly message: string }) => new ChatCache.ChatCacheError({ message: cause.message, cause })
