/**
 * State that many processes share, in Redis: together they keep one quota, one budget and one limit of concurrency, see
 * the same breakers, and know each other's answers and vectors.
 *
 * What it stands on, `effect/persistence`, is marked unstable by Effect: a minor release of it may change this module.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Persistence from "effect/persistence/Persistence"
import * as Redis from "effect/persistence/Redis"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import { AdaptiveLimits } from "../state/AdaptiveLimits.ts"
import * as AdaptiveLimitsRedis from "../state/internal/adaptiveLimitsRedis.ts"
import * as LedgerRedis from "../state/internal/ledgerRedis.ts"
import * as RedisStore from "../state/internal/redisStore.ts"
import { Ledger } from "../state/Ledger.ts"
import * as ChatCachePersistence from "./ChatCachePersistence.ts"
import * as EmbeddingCachePersistence from "./EmbeddingCachePersistence.ts"

/** `prefix`: what all keys in Redis begin with, `strata:` unless said otherwise. One for each environment. */
export interface Options {
  readonly prefix?: string | undefined
}

/**
 * Puts all of it in Redis, 7 or later or what speaks like it: the ledger of quotas and budgets, the limits of adaptive
 * concurrency, the breakers, and the caches of answers and vectors, where a service has one. Provide it to the layers of
 * the services.
 *
 * It goes by the clock of the server. What a process had set aside when it died comes back when its lease has run out. A
 * server that does not answer within a second counts as down, and each process goes on by itself until it is back.
 * `disableOfflineQueue` tells the client not to keep commands for a server that is down: they would be carried out too
 * late, and the end of the program would wait for them.
 *
 * @example
 * import { NodeRedis } from "@effect/platform-node" // needs the package `redis`
 *
 * const Shared = SharedState.layerRedis({ prefix: "production:" }).pipe(
 *   Layer.provide(NodeRedis.layer({ url: "redis://localhost:6379", disableOfflineQueue: true }))
 * )
 * const Chat = BedrockChat.layer({ model, policy: Policy.make({ quota }) }).pipe(Layer.provide(Shared))
 */
export const layerRedis = (
  options: Options = {}
): Layer.Layer<CircuitBreaker.CircuitBreakerStore, ProviderError.InvalidRequestError, Redis.Redis> =>
  Layer.unwrap(Effect.gen(function*() {
    const { prefix = "strata:" } = yield* Check.run(optionsOf, options, { provider: "strata", whole: "options" })
    const store = RedisStore.make(yield* Redis.Redis, prefix)
    return Layer.mergeAll(
      Layer.succeed(Ledger, LedgerRedis.make(store)),
      Layer.succeed(AdaptiveLimits, AdaptiveLimitsRedis.make(store)),
      CircuitBreaker.layerStoreRedis({ prefix: `${prefix}breaker:` }),
      Layer.merge(
        ChatCachePersistence.layerPersistence({ storeId: `${prefix}answers` }),
        EmbeddingCachePersistence.layerPersistence({ storeId: `${prefix}embeddings` })
      ).pipe(Layer.provide(Persistence.layerBackingRedis))
    )
  }))

const optionsOf = Check.partial({ prefix: Check.text })
