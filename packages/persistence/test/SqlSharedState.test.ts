import { assert, describe, it } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import { SharedState, SqliteClient } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { inspect } from "node:util"
import { watched } from "../../core/test/ChatFixture.ts"
import { enforce } from "../../core/test/QuotaFixture.ts"
import * as Databases from "./support/Databases.ts"
import * as Postgres from "./support/Postgres.ts"
import * as Sharing from "./support/Sharing.ts"

const limits = [{ name: "day", unit: "tokens" as const, amount: 100, window: Duration.days(1) }]

/** Calls in a process that shares what a layer says. */
const calling = Effect.fnUntraced(function*(shared: Sharing.Shared) {
  const context = yield* Layer.build(Layer.fresh(shared))
  return yield* enforce({ quota: Quota.tokens({ perMinute: 1_000 }) }).pipe(
    Effect.provideContext(Context.merge(yield* Effect.context(), context))
  )
})

Databases.suites("SharedState.documentsSql", (it) => {
  const documents = (table?: string) =>
    Effect.flatMap(Databases.Database, ({ connection }) => SharedState.documentsSql(connection, { table }))

  it.effect("shares texts between processes, each changed by one at a time", () =>
    Effect.gen(function*() {
      const stores = yield* Effect.all([documents(), documents()])
      const count = (text: string | undefined) => Number(text ?? 0) + 1
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => stores[index % 2]!),
        (store) =>
          store.change("a", (text) => Result.succeed({ answer: undefined, text: `${count(text)}`, keep: Infinity })),
        { concurrency: "unbounded" }
      )
      const read = (text: string | undefined) => Result.succeed({ answer: text, text, keep: Infinity })
      assert.deepStrictEqual(yield* Effect.forEach(stores, (store) => store.change("a", read)), ["20", "20"])
      assert.isUndefined(yield* (yield* documents("other_table")).change("a", read))
    }))
})

Databases.suites("SharedState.layerSql", (it) => {
  const shared = (table?: string) =>
    Effect.map(Databases.Database, ({ connection }) => SharedState.layerSql(connection, { table }))

  it.effect("shares everything between processes", () =>
    Effect.flatMap(shared(), (layer) => Sharing.assertShared(layer, false)))

  it.effect("keeps environments apart that have tables of their own", () =>
    Effect.gen(function*() {
      const spend = Effect.flatMap(Ledger.Ledger, ({ settle }) =>
        settle({ key: "apart", id: "a", amounts: { tokens: 7 }, limits }))
      yield* Effect.provide(spend, yield* shared("production"), { local: true })
      const spent = (table: string) =>
        Effect.gen(function*() {
          const ledger = Effect.flatMap(Ledger.Ledger, ({ balances }) =>
            balances("apart", limits))
          const [balance] = yield* Effect.provide(ledger, yield* shared(table), { local: true })
          return balance?.spent
        })
      assert.deepStrictEqual([yield* spent("production"), yield* spent("staging")], [7, 0])
    }))

  it.effect("adds no spans to those of a call", () =>
    watched(({ logs, spans }) =>
      Effect.gen(function*() {
        const { call, times } = yield* calling(yield* shared("quiet"))
        yield* call({ input: 10 })
        assert.strictEqual(times().length, 1)
        assert.isFalse(spans.some(({ attributes }) => attributes.has("db.system.name")))
        assert.deepStrictEqual(logs, [])
      })
    ))
})

describe("SharedState.layerSql without a database", () => {
  it.live("lets a program start and work, with one warning for what it lost", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        // Nothing listens on port 1.
        const { call, times } = yield* calling(
          SharedState.layerSql(Postgres.connection("postgres://postgres@127.0.0.1:1/postgres"))
        )
        for (let calls = 0; calls < 3; calls++) yield* call({ input: 10 })
        assert.strictEqual(times().length, 3)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        assert.include(String(logs[0]?.message), "The ledger of quotas and budgets cannot be reached")
      })
    ))

  it.live("goes on where another program keeps the file locked", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { place } = yield* Databases.Database
        const shared = SharedState.layerSql(Databases.connectionTo("sqlite", place))
        const { call } = yield* calling(shared)
        yield* call({ input: 10 })
        const other = yield* SqliteClient.make({ filename: place })
        yield* other.withTransaction(Effect.andThen(other`CREATE TABLE held (n INTEGER)`, call({ input: 10 })))
        assert.strictEqual(Sharing.outages({ logs, spans: [] }).length, 1)
      }).pipe(Effect.provide(Databases.layerSqlite))
    ))

  it.live("tells nobody the password", () =>
    Sharing.assertDiscreet(
      SharedState.layerSql(Postgres.connection("postgres://user:hunter2@127.0.0.1:1/postgres"))
    ))

  it.live.each(["postgres://user:hunter2@localhost:port/db", "postgres://user:hunter2/?#@localhost:5432/db"])(
    "tells nobody the password: a URL that is none, %#",
    (url) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Layer.build(SharedState.layerSql(Postgres.connection(url))))
        assert.strictEqual(error.field, "connection")
        assert.include(error.message, "the URL of the database is not a URL")
        assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "hunter2")
      })
  )
})

describe("SharedState.layerSql that cannot be right", () => {
  const memory = SqliteClient.layer({ filename: ":memory:" })

  it.effect("refuses what is no name of a table", () =>
    Effect.gen(function*() {
      for (const table of ["", "State", "a.b.c", "x; DROP TABLE y", "a\"b", "ä", "a".repeat(49)]) {
        const error = yield* Effect.flip(Layer.build(SharedState.layerSql(memory, { table })))
        assert.strictEqual(error.field, "table")
      }
      for (const table of ["order", "main.state_2"]) yield* Layer.build(SharedState.layerSql(memory, { table }))
    }))

  it.effect("refuses a layer without a database", () =>
    Effect.gen(function*() {
      // @ts-expect-error It is refused where it is written, too.
      const layer = SharedState.layerSql(Layer.empty)
      const error = yield* Effect.flip(Layer.build(layer))
      assert.include(error.message, "the layer does not connect to a database of SQLite or PostgreSQL")
    }))
})
