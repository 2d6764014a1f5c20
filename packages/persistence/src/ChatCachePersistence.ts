/**
 * Stores for the chat cache in Redis, SQL and files, which processes share.
 *
 * Built on `effect/persistence`, which Effect marks as unstable: a minor release of Effect may change this module.
 */
import * as ChatCache from "@strata/core/chat/ChatCache"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Persistence from "effect/persistence/Persistence"
import * as Bytes from "./Bytes.ts"

/**
 * A store in Redis or SQL, with the id `strata-answers` by default.
 *
 * @example
 * ChatCachePersistence.layerPersistence().pipe(
 *   Layer.provide(Persistence.layerBackingRedis),
 *   Layer.provide(NodeRedis.layer({ url: "redis://localhost" }))
 * )
 */
export const layerPersistence = (
  options: { readonly storeId?: string | undefined } = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, Persistence.BackingPersistence> =>
  Layer.effect(
    ChatCache.ChatCache,
    Effect.map(Bytes.overPersistence(options, "strata-answers"), cache)
  )

/**
 * A store in any `KeyValueStore`, such as files or browser storage, with the key prefix `strata-answers-` by default.
 * Expired answers are removed when they are read.
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
  Layer.effect(
    ChatCache.ChatCache,
    Effect.map(Bytes.overKeyValueStore(options, "strata-answers-"), cache)
  )

const cache = ({ getMany, setMany }: Bytes.Bytes<{ readonly message: string }>): ChatCache.ChatCache => ({
  get: (key) => Effect.mapBoth(getMany([key]), { onFailure: failure, onSuccess: ([value]) => value }),
  set: (key, value, timeToLive) => Effect.mapError(setMany([[key, value]], timeToLive), failure)
})

const failure = (cause: { readonly message: string }) => new ChatCache.ChatCacheError({ message: cause.message, cause })
