/**
 * State that processes share, in Redis or a SQL database: quotas, budgets, limits of adaptive concurrency and breakers; in
 * Redis caches, too.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import type * as Documents from "@strata/core/state/Documents"
import * as Ledger from "@strata/core/state/Ledger"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Bytes from "./Bytes.ts"
import * as ChatCachePersistence from "./ChatCachePersistence.ts"
import * as EmbeddingCachePersistence from "./EmbeddingCachePersistence.ts"
import * as RedisConnection from "./redis/RedisConnection.ts"
import * as RedisLedger from "./redis/RedisLedger.ts"
import * as RedisLimits from "./redis/RedisLimits.ts"
import * as SqlBreakers from "./sql/SqlBreakers.ts"
import * as SqlState from "./sql/SqlState.ts"

/** `prefix`: the prefix of all keys, `strata:` by default. Use one for each environment. */
export interface Options {
  readonly prefix?: string | undefined
}

/**
 * The service a layer must provide: `Redis` of `effect/persistence`, as `NodeRedis.layer` of `@effect/platform-node` and
 * those of Bun and Deno do.
 */
export type GivesRedis<A> = "effect/persistence/Redis" extends (A extends { readonly key: infer Key } ? Key : never)
  ? unknown
  : "this layer does not connect to Redis"

/**
 * Keeps all shared state in Redis 7 or later, or a compatible server. It is the ledger of quotas and budgets, the
 * limits of adaptive concurrency, breakers, and both caches. Provide it to the layers of the services.
 *
 * An outage of Redis fails neither a call nor the start of the program. A command without an answer within a second has
 * failed; then the store is not used for five seconds, after which one call tries it again. The beginning of an outage is
 * one warning, its end one notice. Meanwhile each process continues from its last known state:
 *
 * - Quotas and budgets: what other processes had spent counts until it leaves the window. After that each process grants
 *   up to the whole limit, so N processes may admit N times a limit per minute in an outage of more than a minute.
 *   Settlements are entered when Redis is back, twice if a command was executed but its answer lost.
 * - Adaptive concurrency: the last known limit. Breakers: circuits of its own. Caches: every lookup is a miss.
 *
 * Time is that of the server. Reservations of a process that died are released when their leases expire.
 * `disableOfflineQueue` tells the client not to queue commands while the server is down: they would be executed too late,
 * and delay the end of the program. Of the client's log only errors are kept.
 *
 * Fails with the errors of the connection layer, other than `RedisError`, and with `InvalidRequestError` for invalid
 * options.
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
    const { prefix = Bytes.usualPrefix } = yield* Check.run(optionsOf, options, {
      provider: "strata",
      whole: "options"
    })
    yield* Check.run(Check.layer, connection, { provider: "strata", field: "connection" })
    const redis = yield* RedisConnection.make<A, E, R>(connection)
    return Layer.mergeAll(
      Layer.succeed(Ledger.Ledger, RedisLedger.make(redis, prefix)),
      Layer.succeed(AdaptiveLimits.AdaptiveLimits, RedisLimits.make(redis, prefix)),
      CircuitBreaker.layerStoreRedis({ prefix: `${prefix}breaker:` }),
      ChatCachePersistence.layerRedis({ prefix: `${prefix}answers:` }),
      EmbeddingCachePersistence.layerRedis({ prefix: `${prefix}embeddings:` })
    ).pipe(Layer.provide(Layer.succeed(Redis.Redis, redis)))
  }))

const optionsOf = Check.partial({ prefix: Bytes.redisPrefix })

/**
 * `table`: the table that has everything, `strata_state` if not said otherwise; with a schema before it, `jobs.strata_state`. It is made
 * where it is missing. Use one for each environment.
 */
export interface SqlOptions {
  readonly table?: string | undefined
}

/** The service a layer must provide: `SqlClient`, as `SqliteClient.layer` and `PgClient.layer` of `@effect/sql-pg` do. */
export type GivesSql<A> = SqlClient.SqlClient extends A ? unknown : "this layer does not connect to a SQL database"

/**
 * Keeps what processes share in SQLite or PostgreSQL, for programs without Redis. It is the ledger of quotas and
 * budgets, the limits of adaptive concurrency, and breakers. Caches are layers of their own,
 * `ChatCachePersistence.layerPersistence`.
 *
 * Semantics and outages are those of {@link layerRedis}. Time is that of the database. A change is two statements and no
 * transaction: a pooler such as PgBouncer may give each its own session. The connection is one of its own, also where the
 * layer is built elsewhere, so that it is no part of the transactions there. What a crash of PostgreSQL
 * loses is less than a second of spending, since no call waits for its disk.
 *
 * To reserve and to settle a call takes some 170 µs in SQLite and 870 µs in PostgreSQL on the same machine, beside 12 µs in
 * memory and 600 µs in Redis. It grows with the calls in flight on one key, by 2 to 4 µs each.
 *
 * Fails with the errors of the connection layer, other than `SqlError`, and with `InvalidRequestError` for invalid options
 * and databases of another kind.
 *
 * @example
 * const Shared = SharedState.layerSql(SqliteClient.layer({ filename: "job.db" }))
 * const Chat = BedrockChat.layer({ model, policy: Policy.make({ quota }) }).pipe(Layer.provide(Shared))
 */
export const layerSql = <A, E, R>(
  connection: Layer.Layer<A, E, R> & GivesSql<A>,
  options: SqlOptions = {}
): Layer.Layer<never, ProviderError.InvalidRequestError | Exclude<E, { readonly _tag: "SqlError" }>, R> =>
  Layer.unwrap(Effect.gen(function*() {
    const { table = "strata_state" } = yield* Check.run(sqlOptionsOf, options, { provider: "strata", whole: "options" })
    yield* Check.run(Check.layer, connection, { provider: "strata", field: "connection" })
    const documents = yield* SqlState.make<A, E, R>(connection, table)
    const part = (name: string) => SqlState.within(documents, `${name}:`)
    return Layer.mergeAll(
      Layer.succeed(Ledger.Ledger, Ledger.fromDocuments(part("ledger"))),
      Layer.succeed(AdaptiveLimits.AdaptiveLimits, AdaptiveLimits.fromDocuments(part("concurrency"))),
      Layer.succeed(CircuitBreaker.CircuitBreakerStore, SqlBreakers.make(part("breaker")))
    )
  }))

/**
 * A store of texts in a table of SQLite or PostgreSQL, changed atomically. It is for what of a program processes
 * share, such as the waiting runs of `UiRuns` of `@strata/ui`. Changes fail while there is no database; time is that
 * of the database.
 *
 * Fails as {@link layerSql} does; `table` is `strata_documents` when missing.
 *
 * @example
 * const Runs = UiRuns.layerDocuments(SharedState.documentsSql(PgClient.layer({ url })))
 */
export const documentsSql = <A, E, R>(
  connection: Layer.Layer<A, E, R> & GivesSql<A>,
  options: SqlOptions = {}
): Effect.Effect<
  Documents.Documents<SqlError>,
  ProviderError.InvalidRequestError | Exclude<E, { readonly _tag: "SqlError" }>,
  R | Scope.Scope
> =>
  Effect.gen(function*() {
    const { table = "strata_documents" } = yield* Check.run(sqlOptionsOf, options, {
      provider: "strata",
      whole: "options"
    })
    yield* Check.run(Check.layer, connection, { provider: "strata", field: "connection" })
    return yield* SqlState.make<A, E, R>(connection, table)
  })

/** @internal */
export const tableOf: Check.Check<string> = (given, at) => {
  const table = Check.text(given, at)
  return table === Check.refused || /^([a-z_][a-z0-9_]{0,47}\.)?[a-z_][a-z0-9_]{0,47}$/.test(table)
    ? table
    : Check.refuse(at, "it is no name of a table", "Use up to 48 small letters, digits and `_`, such as `strata_state`")
}

const sqlOptionsOf = Check.partial<SqlOptions>({ table: tableOf })
