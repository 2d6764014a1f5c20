import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Fixture from "./support/Fixture.ts"
import * as Killed from "./support/Killed.ts"
import * as Killing from "./support/Killing.ts"

describe("Processes that are killed at random, over SQLite (jobs 2, 4, 7, 14)", () => {
  it.live("write each item once to files", () =>
    Effect.gen(function*() {
      const directory = yield* Fixture.directory
      const database = join(directory, "jobs.db")
      Killed.check(yield* Killing.run({ ...Killed.common, database, directory: join(directory, "out") }))
    }).pipe(Effect.scoped), 300_000)
})
