import { assert, describe, it } from "@effect/vitest"
import type * as Documents from "@strata/core/state/Documents"
import { SqliteClient } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Statement from "effect/sql/Statement"
import * as Dialect from "../src/sql/dialect.ts"
import * as SqlDocuments from "../src/sql/SqlDocuments.ts"
import * as Databases from "./support/Databases.ts"
import * as PgBouncer from "./support/PgBouncer.ts"
import * as Postgres from "./support/Postgres.ts"

const hour = 3_600_000

/** Adds 1 to the number of a key; answers it. */
const increment = (text: string | undefined): Result.Result<Documents.Change<number>> => {
  const answer = Number(text ?? 0) + 1
  return Result.succeed({ answer, text: `${answer}`, keep: hour })
}

const written = (text: string | undefined, keep = hour) => () => Result.succeed({ answer: undefined, text, keep })

/** The text of a key, and the time. */
const read = (text: string | undefined, now: number) => Result.succeed({ answer: { text, now }, text, keep: 0 })

const { elsewhere, over, texts } = Databases

const rows = (table: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql.unsafe<{ key: string; state: string; expires: number; version: number }>(
        `SELECT key, state, expires, version FROM ${table} WHERE version > 0 ORDER BY key`
      )
  )

Databases.suites("texts in SQL", (it, kind) => {
  it.effect("no change is lost, whoever makes them at once", () =>
    Effect.gen(function*() {
      const processes = yield* Effect.forEach([1, 2, 3, 4], () => elsewhere("counters"), { concurrency: "unbounded" })
      const changes = processes.flatMap((documents) =>
        Array.from({ length: 50 }, (_, index) => documents.change(`${index % 2}`, increment))
      )
      const answers = yield* Effect.all(changes, { concurrency: "unbounded" })
      const expected = Array.from({ length: 100 }, (_, index) => index + 1)
      for (const rest of [0, 1]) {
        const found = answers.filter((_, index) => index % 50 % 2 === rest).sort((a, b) => a - b)
        assert.deepStrictEqual(found, expected)
      }
    }))

  it.effect("changes that meet in one process are made together, in their order", () =>
    Effect.gen(function*() {
      const documents = yield* elsewhere("together")
      const answers = yield* Effect.all(Array.from({ length: 30 }, () => documents.change("k", increment)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers, Array.from({ length: 30 }, (_, index) => index + 1))
    }))

  it.effect("a change that fails or throws writes nothing, and those that are made with it succeed", () =>
    Effect.gen(function*() {
      const documents = yield* elsewhere("failures")
      const exits = yield* Effect.all(
        [
          documents.change("k", increment),
          documents.change("k", () => Result.fail("no")),
          documents.change("k", (): never => {
            throw new Error("thrown")
          }),
          documents.change("k", increment)
        ].map((change) => Effect.exit<unknown, unknown, never>(change)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Success", "Failure", "Failure", "Success"])
      assert.deepStrictEqual(exits[1], Exit.fail("no"))
      assert.strictEqual((yield* documents.change("k", read)).text, "2")
    }))

  it.effect("a change whose caller has left before its turn is not made", () =>
    Effect.gen(function*() {
      const documents = yield* elsewhere("left")
      const change = Effect.forkChild(documents.change("k", increment), { startImmediately: true })
      const fibers = yield* Effect.all([change, change, change])
      yield* Fiber.interruptAll(fibers.slice(1))
      // In SQLite all three are made at once.
      assert.strictEqual(yield* documents.change("k", increment), kind === "sqlite" ? 4 : 2)
    }))

  it.effect("keeps a text as long as it was to be kept, and an infinite one for ever", () =>
    Effect.gen(function*() {
      const { advance, documents } = yield* Databases.standing("kept")
      yield* documents.change("finite", written("a"))
      yield* documents.change("infinite", written("b", Infinity))
      yield* advance(hour - 1)
      assert.strictEqual(
        yield* documents.change("finite", (text) => Result.succeed({ answer: text, text, keep: 1 })),
        "a"
      )
      yield* advance(hour)
      assert.isUndefined((yield* documents.change("finite", read)).text)
      yield* advance(1e12)
      assert.strictEqual((yield* documents.change("infinite", read)).text, "b")
    }))

  it.effect("writes nothing where nothing changes, and nothing of a key that was only read", () =>
    Effect.gen(function*() {
      const { documents } = yield* Databases.standing("unchanged")
      yield* documents.change("absent", read)
      assert.deepStrictEqual(yield* rows("unchanged"), [])
      yield* documents.change("k", written("a"))
      const before = yield* rows("unchanged")
      yield* documents.change("k", written("a"))
      yield* documents.change("k", read)
      assert.deepStrictEqual(yield* rows("unchanged"), before)
    }))

  it.effect("forgets removed and expired keys: a new one removes ten that are long expired, none that is in use", () =>
    Effect.gen(function*() {
      const { advance, documents } = yield* Databases.standing("swept")
      yield* documents.change("used", written("a", 1e12))
      for (let key = 0; key < 25; key++) yield* documents.change(`${key}`, written("a", key % 2 * hour))
      yield* documents.change("removed", written("a"))
      yield* documents.change("removed", written(undefined))
      yield* advance(3 * hour)
      let made = 0
      const add = Effect.suspend(() => documents.change(`new ${made++}`, written("a")))
      yield* add
      assert.isAtLeast((yield* rows("swept")).length, 18)
      yield* Effect.repeat(Effect.andThen(add, rows("swept")), {
        until: (rows) => rows.length === made + 1,
        times: 200
      })
      const keys = (yield* rows("swept")).map(({ key }) => key)
      assert.deepStrictEqual(keys.filter((key) => !key.startsWith("new")), ["used"])
      const sql = yield* SqlClient.SqlClient
      const [all] = yield* sql`SELECT count(*) AS rows FROM swept`
      assert.strictEqual(Number(all?.["rows"]), kind === "sqlite" ? made + 1 : 2 * (made + 1))
    }))

  it.effect("twenty that start at once on a new database make one table (jobs 20)", () =>
    Effect.gen(function*() {
      const all = yield* Effect.forEach(Array.from({ length: 20 }), () => elsewhere("started"), {
        concurrency: "unbounded"
      })
      yield* Effect.forEach(all, (documents) => documents.change("k", increment), { concurrency: "unbounded" })
      assert.deepInclude((yield* rows("started"))[0], { key: "k", state: "20" })
    }))

  it.effect("ends the wait of those who wait when it closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const documents = yield* Scope.provide(elsewhere("closed"), scope)
      const fiber = yield* Effect.forkChild(Effect.exit(documents.change("k", increment)))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* Effect.flip(documents.change("k", increment))).message, "The store is closed")
    }))
})

Postgres.suite("texts in PostgreSQL", (it) => {
  it.effect("are no part of a transaction of the caller", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const documents = yield* texts("apart")
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(documents.change("k", increment), Effect.fail("no"))))
      assert.strictEqual((yield* documents.change("k", read)).text, "1")
    }))

  it.effect("are changed where transactions are REPEATABLE READ by default", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      const settings = { startupParameters: { default_transaction_isolation: "repeatable read" } }
      const processes = yield* Effect.forEach([1, 2, 3], () => over(Postgres.connection(url, settings), "repeatable"))
      const changes = processes.flatMap((documents) =>
        Array.from({ length: 30 }, () => documents.change("k", increment))
      )
      const answers = yield* Effect.all(changes, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.sort((a, b) => a - b), Array.from({ length: 90 }, (_, index) => index + 1))
    }))

  it.effect("are in the schema that their table names, and need no right to make tables where there is one", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.Postgres
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE SCHEMA app`
      yield* texts("app.order")
      yield* sql`CREATE ROLE least LOGIN`
      yield* sql`GRANT USAGE ON SCHEMA app TO least`
      yield* sql`GRANT SELECT, INSERT, UPDATE, DELETE ON app."order" TO least`
      const least = Postgres.connection(`postgres://least@127.0.0.1:${port}/postgres`)
      const documents = yield* over(least, "app.order")
      assert.strictEqual(yield* documents.change("k", increment), 1)
    }))

  it.effect("wait for no disk, and leave the setting of others as it is", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const documents = yield* texts("durable")
      yield* documents.change("k", increment)
      assert.deepInclude((yield* sql`SHOW synchronous_commit`)[0], { synchronous_commit: "on" })
    }))

  it.effect("are found as fast while an old transaction keeps all their versions (jobs 24)", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      const sql = yield* SqlClient.SqlClient
      const context = yield* Layer.build(Layer.fresh(Postgres.connection(url)))
      const other = Context.get(context, SqlClient.SqlClient)
      const documents = yield* Effect.provideContext(texts("versions"), context)
      yield* documents.change("k", increment)
      const { lock, read: select, update } = Dialect.statements(Dialect.of(other)!, "versions", "0::float8")
      /** Pages that a statement looks at. */
      const pages = (statement: string, ...params: ReadonlyArray<unknown>) =>
        Effect.map(
          other.unsafe(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`, params),
          (plan) => Number(/"Shared Hit Blocks":\s*(\d+)/.exec(JSON.stringify(plan).replaceAll("\\", ""))?.[1])
        )
      yield* sql.withTransaction(
        Effect.gen(function*() {
          yield* sql`SELECT count(*) FROM versions`
          yield* Effect.repeat(documents.change("k", increment), { times: 1_500 })
          const [row] = yield* Effect.provideContext(rows("versions"), context)
          assert.isAtMost(yield* pages(select, "k"), 12)
          assert.isAtMost(yield* pages(lock, "k"), 16)
          assert.isAtMost(yield* pages(update, "x", Number(row?.version) + 1, row?.expires, "k", row?.version), 30)
        })
      ).pipe(Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ"))
    }))

  it.effect("fail where another program has the row for too long, and then nothing of it is written", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const documents = yield* texts("locked", { patience: 300 })
      yield* documents.change("k", increment)
      const error = yield* sql.withTransaction(
        Effect.andThen(sql`SELECT * FROM locked FOR UPDATE`, Effect.flip(documents.change("k", increment)))
      )
      assert.strictEqual(error.reason._tag, "LockTimeoutError")
      assert.strictEqual(yield* documents.change("k", increment), 2)
    }))

  it.effect("find a new connection when theirs is cut (jobs 22)", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      const sql = yield* SqlClient.SqlClient
      const cut = Postgres.connection(url, { applicationName: "cut", maxConnections: 1 })
      const documents = yield* over(cut, "cut")
      yield* documents.change("k", increment)
      yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut'`
      yield* Effect.retry(documents.change("k", increment), { times: 5 })
      assert.strictEqual((yield* documents.change("k", read)).text, "2")
    }))
})

PgBouncer.suite("texts in PostgreSQL behind PgBouncer, a session for each transaction (jobs 26)", (it) => {
  it.effect("are made and changed, whoever does it", () =>
    Effect.gen(function*() {
      const { url } = yield* PgBouncer.PgBouncer
      const processes = yield* Effect.forEach([1, 2, 3], () =>
        over(Postgres.connection(url, { prepare: false }), "bounced"), { concurrency: "unbounded" })
      const changes = processes.flatMap((documents) =>
        Array.from({ length: 30 }, () =>
          documents.change("k", increment))
      )
      const answers = yield* Effect.all(changes, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.sort((a, b) => a - b), Array.from({ length: 90 }, (_, index) => index + 1))
    }))
})

describe("texts in SQL of another kind", () => {
  it.effect("are refused", () =>
    Effect.gen(function*() {
      const sqlite = yield* SqliteClient.make({ filename: ":memory:" })
      const other = yield* SqlClient.make({
        acquirer: sqlite.reserve,
        compiler: { ...Statement.makeCompilerSqlite(), dialect: "mysql" },
        driver: "other",
        spanAttributes: []
      }).pipe(Effect.provide(Reactivity.layer))
      assert.isUndefined(yield* SqlDocuments.make(other, "t"))
    }))
})
