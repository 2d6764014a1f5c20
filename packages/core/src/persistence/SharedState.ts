/**
 * State that many processes share, in Redis: together they keep one quota, one budget and one limit of concurrency, see
 * the same breakers, and know each other's answers and vectors.
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
import * as RedisConnection from "../state/internal/redisConnection.ts"
import { Ledger } from "../state/Ledger.ts"
import * as ChatCachePersistence from "./ChatCachePersistence.ts"
import * as EmbeddingCachePersistence from "./EmbeddingCachePersistence.ts"

/** `prefix`: what all keys in Redis begin with, `strata:` unless said otherwise. One for each environment. */
export interface Options {
  readonly prefix?: string | undefined
}

/**
 * What a layer must give: the service `Redis` of `effect/persistence`. `NodeRedis.layer` of `@effect/platform-node` does,
 * and so do those for Bun and Deno.
 */
export type GivesRedis<A> = "effect/persistence/Redis" extends (A extends { readonly key: infer Key } ? Key : never)
  ? unknown
  : "this layer does not connect to Redis"

/**
 * Puts all of it in Redis, 7 or later or what speaks like it: the ledger of quotas and budgets, the limits of adaptive
 * concurrency, the breakers, and the caches of answers and vectors, where a service has one. Provide it to the layers of
 * the services.
 *
 * No outage of Redis fails a call, nor the start of the program. A command that is not answered within a second counts as
 * lost; then each store is left alone for five seconds and tried again by one call, with one warning when it is lost and
 * one notice when it is back. Meanwhile each process goes on from what it last knew:
 *
 * - Quotas and budgets: from the last known balances. What other processes had on a limit is taken off until it would have
 *   left the window; from then on, each process grants up to the whole limit by itself, so that N processes may admit N
 *   times a limit of a minute in an outage of more than a minute. What is settled meanwhile is entered when Redis is back,
 *   and twice if a command was carried out although its answer was lost: rather too much than too little.
 * - Adaptive concurrency: from the last known limit. Breakers: with circuits of its own. Caches: without them.
 *
 * It goes by the clock of the server. What a process had set aside when it died comes back when its lease has run out.
 * `disableOfflineQueue` tells the client not to keep commands for a server that is down: they would be carried out too
 * late, and the end of the program would wait for them. Of the client's own log only errors are kept.
 *
 * Fails with what the layer of the connection fails with, other than `RedisError`, and with `InvalidRequestError` for
 * options that cannot be right.
 *
 * @example
 * import { NodeRedis } from "@effect/platform-node" // needs the package `redis`
 *
 * const Shared = SharedState.layerRedis(
 *   NodeRedis.layer({ url: "redis://localhost:6379", disableOfflineQueue: true }),
 *   { prefix: "production:" }
 * )
 * const Chat = BedrockChat.layer({ model, policy: Policy.make({ quota }) }).pipe(Layer.provide(Shared))
 */
export const layerRedis = <A, E, R>(
  connection: Layer.Layer<A, E, R> & GivesRedis<A>,
  options: Options = {}
): Layer.Layer<never, ProviderError.InvalidRequestError | Exclude<E, { readonly _tag: "RedisError" }>, R> =>
  Layer.unwrap(Effect.gen(function*() {
    const { prefix = "strata:" } = yield* Check.run(optionsOf, options, { provider: "strata", whole: "options" })
    yield* Check.run(Check.layer, connection, { provider: "strata", field: "connection" })
    const redis = yield* RedisConnection.make<A, E, R>(connection)
    return Layer.mergeAll(
      Layer.succeed(Ledger, LedgerRedis.make(redis, prefix)),
      Layer.succeed(AdaptiveLimits, AdaptiveLimitsRedis.make(redis, prefix)),
      CircuitBreaker.layerStoreRedis({ prefix: `${prefix}breaker:` }),
      Layer.merge(
        ChatCachePersistence.layerPersistence({ storeId: `${prefix}answers` }),
        EmbeddingCachePersistence.layerPersistence({ storeId: `${prefix}embeddings` })
      ).pipe(Layer.provide(Persistence.layerBackingRedis))
    ).pipe(Layer.provide(Layer.succeed(Redis.Redis, redis)))
  }))

const optionsOf = Check.partial({ prefix: Check.text })
