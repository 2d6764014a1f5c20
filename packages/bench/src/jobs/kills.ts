/**
 * Two processes that run a job, of which one is killed with SIGKILL every second or so, again and again: what of it is lost,
 * what is written twice.
 *
 *     pnpm bench kills            100 kills over SQLite and 100 over PostgreSQL, where it is installed: about five minutes
 *     pnpm bench kills --quick    2 kills each
 */
import { Console, Effect, FileSystem, Path } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as Killing from "../../../jobs/test/support/Killing.ts"
import * as Table from "../Table.ts"
import * as Database from "./Database.ts"

const isQuick = process.argv.includes("--quick")

const options = {
  kills: isQuick ? 2 : 100,
  processes: 2,
  items: isQuick ? 600 : 20_000,
  // Documents of which a process dies each time.
  poison: isQuick ? [17] : [17, 911, 5_000, 13_337],
  requestsPerSecond: 10
}

const measure = Effect.fnUntraced(function*(
  name: string,
  place: { readonly database: string; readonly directory?: string }
) {
  const { dead, ids, killed, statistics, status, written } = yield* Killing.run({ ...options, ...place })
  const poison = new Set(options.poison.map((index) => `doc-${index}`))
  const expected = ids.filter((id) => !poison.has(id))
  const once = new Set(written)
  return [
    name,
    killed,
    status.runners.length,
    expected.filter((id) => !once.has(id)).length,
    written.length - once.size,
    `${dead.length} of ${poison.size}`,
    Object.entries(statistics.byStatus).reduce((sum, [code, count]) => code === "200" ? sum : sum + count, 0),
    statistics.requests - Math.ceil(ids.length / 10),
    status.state
  ]
})

export const run: Effect.Effect<
  void,
  unknown,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
> = Effect.scoped(
  Effect.gen(function*() {
    const rows: Array<ReadonlyArray<string | number>> = [[
      `${options.items} documents`,
      "kills",
      "runs begun",
      "lost",
      "doubled",
      "dead letters",
      "refused",
      "requests more than needed",
      "state"
    ]]
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "strata-jobs-" })
    const server = yield* Database.server
    const place = { database: path.join(directory, "jobs.db"), directory: path.join(directory, "out") }
    const measured = yield* Effect.all([
      measure("SQLite, files", place),
      ...(server === undefined ? [] : [measure("PostgreSQL, a table", { database: server.url })])
    ], { concurrency: "unbounded" })
    rows.push(...measured)
    yield* Console.log(`\n${Table.render(rows)}`)
  })
)
