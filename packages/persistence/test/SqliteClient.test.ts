import { assert, describe, it } from "@effect/vitest"
import { SqliteClient } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const file = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "strata-sqlite-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true }))
).pipe(Effect.map((directory) => join(directory, "test.db")))

const inMemory = SqliteClient.layer({ filename: ":memory:" })

describe("SqliteClient", () => {
  it.effect("reads back what it wrote", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, weight REAL, bytes BLOB, sold INTEGER)`
      yield* sql`INSERT INTO things ${
        sql.insert({ id: 1, name: "ä\u2028\u{1F600}", weight: 0.5, bytes: Uint8Array.of(1, 2), sold: true })
      }`
      yield* sql`INSERT INTO things ${sql.insert({ id: 2, name: null, weight: null, bytes: null, sold: false })}`
      const rows = yield* sql<{ id: number; bytes: Uint8Array | null; sold: number }>`SELECT * FROM things ORDER BY id`
      assert.deepEqual(rows.map(({ id, sold }) => [id, sold]), [[1, 1], [2, 0]])
      assert.deepEqual(rows[0]?.bytes, Uint8Array.of(1, 2))
      assert.deepEqual(yield* sql`SELECT name, sold FROM things ORDER BY id`.values, [
        ["ä\u2028\u{1F600}", 1],
        [null, 0]
      ])
      assert.deepEqual(yield* sql`SELECT sold FROM things WHERE id = ${2}`, [{ sold: 0 }])
    }).pipe(Effect.provide(inMemory)))

  it.effect("streams any number of rows", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE numbers (n INTEGER)`
      yield* sql`WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000) INSERT INTO numbers SELECT n FROM up`
      const rows = yield* Stream.runCollect(sql<{ n: number }>`SELECT n FROM numbers ORDER BY n`.stream)
      assert.deepEqual(rows.map(({ n }) => n), Array.from({ length: 1000 }, (_, index) => index + 1))
    }).pipe(Effect.provide(inMemory)))

  it.effect("errors have their reason and SQLite's words", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE unique_things (id TEXT UNIQUE)`
      yield* sql`INSERT INTO unique_things (id) VALUES ('a')`
      const twice = yield* Effect.flip(sql`INSERT INTO unique_things (id) VALUES ('a')`)
      assert.strictEqual(twice.reason._tag, "UniqueViolation")
      const absent = yield* Effect.flip(sql`SELECT * FROM absent`)
      assert.include(absent.message, "no such table: absent")
      const odd = yield* Effect.flip(sql`SELECT ${Symbol("odd") as never}`)
      assert.strictEqual(odd._tag, "SqlError")
      const large = yield* Effect.flip(sql`SELECT 9223372036854775807 AS n`)
      assert.include(large.message, "too large")
      const failing = yield* Effect.flip(Stream.runDrain(sql`SELECT * FROM absent`.stream))
      assert.include(failing.message, "no such table")
    }).pipe(Effect.provide(inMemory)))

  it.effect("a transaction that fails leaves nothing, a savepoint that fails only what came before", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE letters (letter TEXT)`
      const insert = (letter: string) => sql`INSERT INTO letters (letter) VALUES (${letter})`
      yield* Effect.flip(sql.withTransaction(Effect.andThen(insert("a"), Effect.fail("no"))))
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* insert("b")
        yield* Effect.flip(sql.withTransaction(Effect.andThen(insert("c"), Effect.fail("no"))))
        yield* insert("d")
      }))
      assert.deepEqual(yield* sql`SELECT letter FROM letters ORDER BY letter`.values, [["b"], ["d"]])
    }).pipe(Effect.provide(inMemory)))

  it.live("waits for another connection's transaction, also where it reads before it writes (jobs 17)", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const first = yield* SqliteClient.make({ filename })
      const second = yield* SqliteClient.make({ filename })
      yield* first`CREATE TABLE counter (n INTEGER)`
      yield* first`INSERT INTO counter (n) VALUES (0)`
      const increment = (sql: SqlClient.SqlClient) =>
        sql.withTransaction(Effect.gen(function*() {
          const [row] = yield* sql<{ n: number }>`SELECT n FROM counter`
          yield* Effect.yieldNow
          yield* sql`UPDATE counter SET n = ${(row?.n ?? 0) + 1}`
        }))
      const times = (sql: SqlClient.SqlClient) => Effect.repeat(increment(sql), { times: 99 })
      yield* Effect.all([times(first), times(second), times(first)], { concurrency: 3 })
      assert.deepEqual(yield* second`SELECT n FROM counter`.values, [[300]])
    }).pipe(Effect.scoped))

  it.live("gives up on a lock after busyTimeout", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const holder = yield* SqliteClient.make({ filename })
      const waiter = yield* SqliteClient.make({ filename, busyTimeout: "100 millis" })
      yield* holder`CREATE TABLE t (n INTEGER)`
      const held = yield* Effect.forkScoped(
        holder.withTransaction(Effect.andThen(holder`INSERT INTO t (n) VALUES (1)`, Effect.never))
      )
      yield* Effect.yieldNow
      const error = yield* Effect.flip(waiter`INSERT INTO t (n) VALUES (2)`)
      assert.strictEqual(error.reason._tag, "LockTimeoutError")
      yield* Fiber.interrupt(held)
      yield* waiter`INSERT INTO t (n) VALUES (2)`
      assert.deepEqual(yield* holder`SELECT n FROM t`.values, [[2]])
    }).pipe(Effect.scoped))

  it.effect("says what cannot be opened", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(SqliteClient.make({ filename: "/no/such/folder/a.db" })))
      assert.strictEqual(error._tag, "SqlError")
      assert.include(error.message, "The database /no/such/folder/a.db cannot be opened: unable to open database file")
      const invalid = yield* Effect.flip(Effect.scoped(SqliteClient.make({ filename: " " })))
      assert.strictEqual(invalid._tag, "InvalidRequestError")
    }))
})
