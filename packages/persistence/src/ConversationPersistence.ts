/**
 * Stores of conversations in SQL, Redis and files, as layers of `ConversationStore` of `@strata/core`.
 */
import * as Check from "@strata/core/Check"
import * as ConversationStore from "@strata/core/conversation/ConversationStore"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Bytes from "./Bytes.ts"
import * as RedisLog from "./conversation/redisLog.ts"
import * as SlotLog from "./conversation/slotLog.ts"
import * as SqlLog from "./conversation/sqlLog.ts"
import * as SharedState from "./SharedState.ts"

type Store = Layer.Success<typeof ConversationStore.layerMemory>

/**
 * A store in SQLite or PostgreSQL, for any number of processes. There is one table with a row for each record, which is made
 * where it is missing: `strata_conversations` by default, with a schema before it, `chat.conversations`.
 *
 * Appends are no part of a transaction of the caller: they are there when the model is asked. Two that meet are told apart
 * by the primary key, so nothing is locked. SQLite has one writer: within a transaction of the same client an append would
 * wait for its end, and fails after ten seconds.
 *
 * Fails with `SqlError` where there is no database, and with `InvalidRequestError` for invalid options and databases of
 * another kind.
 *
 * @example
 * const Store = ConversationPersistence.layerSql().pipe(Layer.provide(SqliteClient.layer({ filename: "chat.db" })))
 */
export const layerSql = (
  options: { readonly table?: string | undefined } = {}
): Layer.Layer<Store, ProviderError.InvalidRequestError | SqlError, SqlClient.SqlClient> =>
  layer(Effect.gen(function*() {
    const { table = "strata_conversations" } = yield* Check.run(
      Check.partial({ table: SharedState.tableOf }),
      options,
      names
    )
    const log = yield* SqlLog.make(yield* SqlClient.SqlClient, table)
    return log ?? (yield* Check.invalid("client", "it is neither of SQLite nor of PostgreSQL", "Use one that is"))
  }))

/**
 * A store in Redis, a cluster too, for any number of processes. It is a list for each conversation, and a sorted set
 * of their ids, under keys that begin with `prefix`, `strata:conversations:` by default. What Redis loses is lost:
 * turn its append-only file on. Fails with `InvalidRequestError` for invalid options.
 */
export const layerRedis = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<Store, ProviderError.InvalidRequestError, Redis.Redis> =>
  layer(Effect.gen(function*() {
    const { prefix = `${Bytes.usualPrefix}conversations:` } = yield* Check.run(
      Check.partial({ prefix: Bytes.redisPrefix }),
      options,
      names
    )
    return RedisLog.make(yield* Redis.Redis, prefix)
  }))

/**
 * A store in any `KeyValueStore`, such as files or browser storage, with a key for each record; keys begin with
 * `strata-conversations-` by default. It has no way to compare and set: conflicts are found within this layer only,
 * so use it from one process. A record that was cut off by the end of a process counts as not written. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Store = ConversationPersistence.layerKeyValueStore().pipe(
 *   Layer.provide(KeyValueStore.layerFileSystem("conversations")),
 *   Layer.provide(NodeServices.layer)
 * )
 */
export const layerKeyValueStore = (
  options: { readonly prefix?: string | undefined } = {}
): Layer.Layer<Store, ProviderError.InvalidRequestError, KeyValueStore.KeyValueStore> =>
  layer(Effect.gen(function*() {
    const { prefix = "strata-conversations-" } = yield* Check.run(Check.partial({ prefix: Check.text }), options, names)
    const store = yield* KeyValueStore.KeyValueStore
    return SlotLog.make({
      get: (key) => store.get(prefix + key),
      set: (key, text) => store.set(prefix + key, text)
    })
  }))

/**
 * A store in what `Persistence` of Effect reaches, with the id `strata-conversations` by default; from one process,
 * as for {@link layerKeyValueStore}. In SQL and Redis {@link layerSql} and {@link layerRedis} serve many. Fails with
 * `InvalidRequestError` for invalid options.
 */
export const layerPersistence = (
  options: { readonly storeId?: string | undefined } = {}
): Layer.Layer<Store, ProviderError.InvalidRequestError, Persistence.BackingPersistence> =>
  layer(Effect.gen(function*() {
    const { storeId = "strata-conversations" } = yield* Check.run(
      Check.partial({ storeId: Check.filled }),
      options,
      names
    )
    const store = yield* (yield* Persistence.BackingPersistence).make(storeId)
    return SlotLog.make({
      get: (key) =>
        Effect.map(store.get(key), (value) => value !== undefined && "text" in value ? `${value.text}` : undefined),
      set: (key, text) => store.set(key, { text }, undefined)
    })
  }))

const layer = <E, R, E2>(log: Effect.Effect<ConversationStore.Log<E2>, E, R>) =>
  Layer.effect(ConversationStore.ConversationStore, Effect.map(log, ConversationStore.fromLog)) as Layer.Layer<
    Store,
    E,
    Exclude<R, Scope.Scope>
  >

const names = { provider: "strata", whole: "options" }
