import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { Job, JobStore } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Fixture from "./support/Fixture.ts"
import * as RunnerProcess from "./support/RunnerProcess.ts"

describe("A lease", () => {
  it.live(
    "is renewed for as long as an item takes: five leases, two runs, one call (jobs 1, 3)",
    () =>
      Effect.gen(function*() {
        const store = JobStore.layerSqlite({
          filename: join(yield* Fixture.directory, "jobs.db"),
          ...Fixture.shortLease
        })
        const run = Effect.gen(function*() {
          const status = yield* Job.run(Fixture.embedding(Fixture.docs(3)))
          const { batches } = yield* TestEmbedding.TestEmbedding
          return { status, batches: (yield* batches).length }
        }).pipe(Effect.provide(Layer.merge(store, TestEmbedding.layer({ delay: "10 seconds" })), { local: true }))
        const runs = yield* Effect.all([run, Effect.delay(run, "1 second")], { concurrency: 2 })
        assert.strictEqual(runs[0].batches + runs[1].batches, 1)
        assert.deepInclude(runs[0].status, { state: "done", done: 3 })
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "that a process lost, because it stood still, drops what it did meanwhile (jobs 2)",
    () =>
      Effect.gen(function*() {
        const directory = yield* Fixture.directory
        const { url } = yield* Emulator.Emulator
        const options = {
          database: join(directory, "jobs.db"),
          endpoint: url,
          items: 40,
          poison: [],
          requestsPerSecond: 1000
        }
        const stalled = yield* RunnerProcess.start(new RunnerProcess.Options({ ...options, stall: 12_000 }), "pipe")
        const output = yield* Effect.forkScoped(Stream.mkString(Stream.decodeText(stalled.stdout)))
        yield* Effect.sleep(3000)
        const other = yield* RunnerProcess.start(new RunnerProcess.Options(options))
        assert.strictEqual(yield* other.exitCode, 0)
        assert.include(yield* Fiber.join(output), "is lost: another process has its results")
        yield* Effect.gen(function*() {
          assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(40)))
          assert.deepInclude(yield* Job.status("docs"), { state: "done", done: 40, failed: 0, pending: 0 })
        }).pipe(Effect.provide(RunnerProcess.store(options.database)))
      }).pipe(
        Effect.scoped,
        Effect.provide([
          Emulator.layer({ credentials: [{ accessKeyId: "a", secretAccessKey: RunnerProcess.secret }] }).pipe(
            Layer.provide([TestEmbedding.layer({ dimensions: 1536 }), TestChat.layer()])
          ),
          NodeServices.layer
        ])
      ),
    60_000
  )
})

Postgres.suite("A database that goes away", (it) => {
  it.effect("and comes back loses nothing, and nothing is written twice (jobs 5, 22)", () =>
    Effect.gen(function*() {
      const server = yield* Postgres.start()
      const docs = Fixture.docs(600)
      const store = Layer.provideMerge(JobStore.layer(Fixture.shortLease), Postgres.connection(server.url))
      yield* Effect.gen(function*() {
        const run = yield* Effect.forkScoped(Job.run(Fixture.embedding(docs, { chunk: 5 }), { concurrency: 4 }))
        while ((yield* Fixture.written).length < 50) yield* Effect.sleep(20)
        yield* server.stop
        yield* Effect.sleep(3000)
        yield* server.restart
        assert.deepInclude(yield* Fiber.join(run), { state: "done", done: 600, failed: 0, pending: 0 })
        assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
        const sql = yield* SqlClient.SqlClient
        assert.deepEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      }).pipe(Effect.provide(Layer.merge(store, TestEmbedding.layer({ delay: "20 millis" }))))
    }).pipe(Effect.scoped), 90_000)
})
