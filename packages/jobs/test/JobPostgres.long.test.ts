import * as PgClient from "@effect/sql-pg/PgClient"
import { assert } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { Job, JobStore, Sink, Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Fixture from "./support/Fixture.ts"
import * as JobSpecification from "./support/JobSpecification.ts"

let count = 0

/** The URL of a new one. */
const url = Effect.gen(function*() {
  const { url } = yield* Postgres.Postgres
  const sql = yield* SqlClient.SqlClient
  const name = `jobs_${count++}`
  yield* Effect.orDie(sql`CREATE DATABASE ${sql(name)}`)
  return url.replace(/[^/]*$/, name)
})

const client = (url: string, maxConnections = 6) => PgClient.layer({ url: Redacted.make(url), maxConnections })

const database = Effect.map(url, (url) => Layer.provideMerge(JobStore.layer(Fixture.intervals), client(url)))

Postgres.suite("Job, in PostgreSQL", (it) => {
  JobSpecification.declare(database, (name, body, timeout) => it.effect(name, body, timeout))

  it.effect(
    "reads none of the known items again for each page of new ones (jobs 13)",
    () =>
      Effect.gen(function*() {
        // Enough pages on few connections that they keep the plan of the query.
        const items = 8000
        const target = yield* url
        const job = Job.make({
          name: "docs",
          item: Fixture.Doc,
          source: Stream.fromIterable(Fixture.docs(items)),
          id: ({ id }) => id,
          work: Work.embedding({ input: ({ text }: Fixture.Doc) => text }),
          sink: Sink.effect(() => Effect.void)
        })
        yield* Job.run(job).pipe(
          Effect.provide(TestEmbedding.layer()),
          Effect.provide(Layer.provide(JobStore.layer(Fixture.intervals), client(target, 2)), { local: true })
        )
        // Each connection reports what it has read when it is closed.
        const { inserted, read } = yield* SqlClient.SqlClient.use((sql) =>
          sql<{ inserted: string; read: string }>`SELECT n_tup_ins AS inserted, seq_tup_read + idx_tup_fetch AS read
            FROM pg_stat_user_tables WHERE relname = 'strata_job_item'`
        ).pipe(
          Effect.flatMap(([row]) => Effect.fromNullishOr(row)),
          Effect.repeat({ until: ({ inserted }) => Number(inserted) >= items, schedule: Schedule.spaced("50 millis") }),
          Effect.provide(client(target))
        )
        assert.strictEqual(Number(inserted), items)
        assert.isBelow(Number(read), items)
      }),
    60_000
  )
})
