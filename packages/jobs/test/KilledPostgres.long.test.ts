import * as Effect from "effect/Effect"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Killed from "./support/Killed.ts"
import * as Killing from "./support/Killing.ts"

Postgres.suite("Processes that are killed at random, over PostgreSQL (jobs 2, 4, 7, 14)", (it) => {
  it.effect("write each item once to a table", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      Killed.check(yield* Killing.run({ ...Killed.common, database: url }))
    }), 300_000)
})
