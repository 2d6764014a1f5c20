import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { Job, JobStore } from "@strata/jobs"
import { SqliteClient } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as Fixture from "./support/Fixture.ts"

const services = Layer.merge(Fixture.inMemory, TestEmbedding.layer())

describe("A store with troubles", () => {
  it.live(
    "whose disk is full ends the run with a clear error, and the job goes on when there is room",
    () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const docs = Fixture.docs(2000, (index) => `text ${index} ${"x".repeat(500)}`)
        const job = Fixture.embedding(docs)
        yield* Job.run(Fixture.embedding([]))
        yield* sql`PRAGMA max_page_count = 120`
        const error = yield* Effect.flip(Job.run(job))
        assert.strictEqual(error._tag, "JobStoreError")
        assert.include(error.message, "database or disk is full")
        yield* sql`PRAGMA max_page_count = 1000000`
        assert.deepInclude(yield* Job.run(job), { state: "done", done: 2000, failed: 0 })
        assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
      }).pipe(Effect.provide(services)),
    30_000
  )

  it.live("whose chunks are delivered twice at once writes them once", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const docs = Fixture.docs(50)
      const run = yield* Effect.forkScoped(Job.run(Fixture.embedding(docs, { chunk: 5 }), { concurrency: 4 }))
      // As if each lease expired while its chunk is worked on.
      const release = sql`UPDATE strata_job_queue SET acquired_at = NULL, acquired_by = NULL WHERE state = 'pending'`
      const releasing = yield* Effect.forkScoped(Effect.forever(Effect.delay(release, 15)))
      assert.deepInclude(yield* Fiber.join(run), { state: "done", done: 50, failed: 0 })
      yield* Fiber.interrupt(releasing)
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(Fixture.inMemory, TestEmbedding.layer({ delay: "30 millis" })))
    ), 30_000)

  it.live(
    "whose queue has given up on chunks, or lost its finished ones, still does all of them (jobs 5)",
    () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const docs = Fixture.docs(50)
        const run = yield* Effect.forkScoped(Job.run(Fixture.embedding(docs, { chunk: 5 }), { concurrency: 1 }))
        while ((yield* Fixture.written).length === 0) yield* Effect.sleep(5)
        yield* Fiber.interrupt(run)
        yield* sql`UPDATE strata_job_queue SET state = 'failed', attempts = 10 WHERE state = 'pending'`
        yield* sql`DELETE FROM strata_job_queue WHERE state = 'completed'`
        assert.deepInclude(yield* Job.run(Fixture.embedding(docs, { chunk: 5 })), { state: "done", done: 50 })
        assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(Fixture.inMemory, TestEmbedding.layer({ delay: "30 millis" })))
      ),
    30_000
  )

  it.live("that is damaged ends the run with a typed error", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* Job.run(Fixture.embedding([]))
      yield* sql`UPDATE strata_job SET is_read = 1`
      yield* sql`INSERT INTO strata_job_chunk (chunk, job, size, payload) VALUES (7, 1, 1, 'no JSON')`
      yield* sql`INSERT INTO strata_job_queue
        (id, queue_name, element, state, attempts, visible_at, created_at, updated_at)
        VALUES ('7', 'job 1', '{"chunk":7}', 'pending', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)`
      const error = yield* Effect.flip(Job.run(Fixture.embedding([])))
      assert.strictEqual(error._tag, "JobStoreError")
      assert.include(error.message, "JSON")
    }).pipe(Effect.provide(services)))

  it.live("that another database is says so", () =>
    Effect.gen(function*() {
      const { sql } = yield* JobStore.JobStore
      const foreign = Layer.succeed(SqlClient.SqlClient, {
        ...sql,
        withoutTransforms: () => foreignSql,
        onDialectOrElse: ({ orElse }: { readonly orElse: () => unknown }) => orElse()
      } as never)
      const foreignSql = { onDialectOrElse: ({ orElse }: { readonly orElse: () => unknown }) => orElse() }
      const error = yield* Effect.flip(Layer.build(Layer.provide(JobStore.layer(), foreign)))
      assert.include(error.message, "Jobs are kept in SQLite or PostgreSQL")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("opened by twenty at once on a new file serves all of them (jobs 20)", () =>
    Effect.gen(function*() {
      const filename = join(yield* Fixture.directory, "new.db")
      const open = Effect.gen(function*() {
        return yield* Job.run(Fixture.embedding(Fixture.docs(10)))
      }).pipe(
        Effect.provide(Layer.merge(JobStore.layerSqlite({ filename, ...Fixture.intervals }), TestEmbedding.layer()), {
          local: true
        })
      )
      const statuses = yield* Effect.all(Array.from({ length: 20 }, () => open), { concurrency: "unbounded" })
      assert.isTrue(statuses.every(({ done, state }) => state === "done" && done === 10))
      const sql = yield* SqliteClient.make({ filename })
      assert.deepEqual(yield* sql`SELECT COUNT(*) AS count FROM written`, [{ count: 10 }])
    }).pipe(Effect.scoped), 60_000)

  it.live("keeps nothing of what is done but the ids", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* Job.run(Fixture.embedding(Fixture.docs(500)))
      yield* Job.run(Fixture.embedding(Fixture.docs(500)))
      for (const table of ["chunk", "dead_letter", "queue"]) {
        assert.deepEqual(yield* sql`SELECT COUNT(*) AS count FROM ${sql(`strata_job_${table}`)}`, [{ count: 0 }])
      }
    }).pipe(Effect.provide(services)))

  it.live("dead letters are read page by page, in order", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(1000, () => "")
      yield* Effect.flip(Job.run(Fixture.embedding(docs), { concurrency: 1 }))
      yield* Effect.flip(Job.run(Fixture.embedding(docs), { concurrency: 1 }))
      yield* Effect.flip(Job.run(Fixture.embedding(docs), { concurrency: 1 }))
      const { failed } = yield* Job.status("docs")
      const dead = yield* Stream.runCollect(Job.deadLetters("docs"))
      assert.isAbove(failed, 500)
      assert.strictEqual(dead.length, failed)
      assert.strictEqual(new Set(dead.map(({ id }) => id)).size, failed)
    }).pipe(Effect.provide(services)))
})
