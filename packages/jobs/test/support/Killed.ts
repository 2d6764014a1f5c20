/** What becomes of a job whose processes are killed, whatever its database. */
import { assert } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Killing from "./Killing.ts"

/** What both databases are put through. */
export const common = { items: 1500, poison: [911], requestsPerSecond: 15, kills: 10, processes: 2 }

/** Each item once, but for the deadly one, within the quota. */
export const check = (
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
