import { describe, it } from "@effect/vitest"
import { JobStore } from "@strata/jobs"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Fixture from "./support/Fixture.ts"
import * as JobSpecification from "./support/JobSpecification.ts"

const database = Effect.map(
  Fixture.directory,
  (directory) => JobStore.layerSqlite({ filename: join(directory, "jobs.db"), ...Fixture.intervals })
)

describe("Job, in SQLite", () => {
  JobSpecification.declare(database, (name, body, timeout) => it.live(name, body, timeout))
})
