import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Fixture from "./support/Fixture.ts"
import * as Killing from "./support/Killing.ts"

const common = { items: 1500, poison: [911], requestsPerSecond: 15, kills: 10, processes: 2 }

const check = (
  { dead, deaths, ids, killed, statistics, status, written }: Effect.Success<ReturnType<typeof Killing.run>>
) => {
  const poison = common.poison.map((index) => `doc-${index}`).sort()
  assert.strictEqual(killed, common.kills)
  assert.isAtLeast(deaths, common.kills)
  assert.deepEqual(written, ids.filter((id) => !poison.includes(id)))
  assert.deepEqual(dead.map(({ id }) => id).sort(), poison)
  for (const { error } of dead) assert.deepInclude(error, { _tag: "ItemError", kind: "poison" })
  assert.deepInclude(status, { state: "done", read: ids.length, done: ids.length - poison.length, pending: 0 })
  // Whoever was killed, the others kept to the quota.
  assert.deepEqual(Object.keys(statistics.byStatus), ["200"])
}

describe("Processes that are killed at random (jobs 2, 4, 7, 14)", () => {
  it.live("write each item once to files, over SQLite", () =>
    Effect.gen(function*() {
      const directory = yield* Fixture.directory
      check(yield* Killing.run({ ...common, database: join(directory, "jobs.db"), directory: join(directory, "out") }))
    }).pipe(Effect.scoped), 180_000)
})

Postgres.suite("Processes that are killed at random, over PostgreSQL", (it) => {
  it.effect("write each item once to a table", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      check(yield* Killing.run({ ...common, database: url }))
    }), 180_000)
})
