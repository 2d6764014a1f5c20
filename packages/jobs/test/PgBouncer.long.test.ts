import { assert } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { Job, JobStore } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PgBouncer from "../../persistence/test/support/PgBouncer.ts"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Fixture from "./support/Fixture.ts"

PgBouncer.suite("Job, behind PgBouncer, which gives each transaction a session (jobs 26)", (it) => {
  it.effect("is shared by three runs, and writes each item once", () =>
    Effect.gen(function*() {
      const { url } = yield* PgBouncer.PgBouncer
      const docs = Fixture.docs(300, (index) => index % 50 === 7 ? "forbidden" : `text ${index}`)
      const store = Layer.provideMerge(JobStore.layer(Fixture.intervals), Postgres.connection(url, { prepare: false }))
      const run = Effect.gen(function*() {
        return yield* Job.run(Fixture.embedding(docs, { chunk: 5 }), { concurrency: 3 })
      }).pipe(Effect.provide(
        Layer.merge(store, TestEmbedding.layer({ delay: "5 millis", refuse: (input) => input === "forbidden" })),
        { local: true }
      ))
      yield* Effect.all([run, run, run], { concurrency: "unbounded" })
      yield* Effect.gen(function*() {
        assert.deepInclude(yield* Job.status("docs"), { state: "done", done: 294, failed: 6, pending: 0 })
        assert.strictEqual(new Set(yield* Fixture.written).size, 294)
        assert.strictEqual((yield* Fixture.written).length, 294)
      }).pipe(Effect.provide(store, { local: true }))
    }), 60_000)
})
