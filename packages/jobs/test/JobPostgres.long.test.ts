import * as PgClient from "@effect/sql-pg/PgClient"
import { JobStore } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Fixture from "./support/Fixture.ts"
import * as JobSpecification from "./support/JobSpecification.ts"

let count = 0

const database = Effect.gen(function*() {
  const { url } = yield* Postgres.Postgres
  const sql = yield* SqlClient.SqlClient
  const name = `jobs_${count++}`
  yield* Effect.orDie(sql`CREATE DATABASE ${sql(name)}`)
  return JobStore.layer(Fixture.intervals).pipe(
    Layer.provideMerge(PgClient.layer({ url: Redacted.make(url.replace(/[^/]*$/, name)), maxConnections: 6 }))
  )
})

Postgres.suite("Job, in PostgreSQL", (it) => {
  JobSpecification.declare(database, (name, body, timeout) => it.effect(name, body, timeout))
})
