/** Kills processes that run a job, again and again, and looks at what they have written in the end. */
import { NodeServices } from "@effect/platform-node"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { Job } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import * as RunnerProcess from "./RunnerProcess.ts"

/**
 * - `kills`: how often a process that has begun is killed, 0.5 to 1.5 seconds after the last time.
 * - `processes`: how many run at once; one that ended too early is started again.
 */
export interface Options extends Omit<RunnerProcess.Options, "endpoint"> {
  readonly kills: number
  readonly processes: number
}

/** Runs a job to its end, whatever happens to its processes. */
export const run = (options: Options) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const given = new RunnerProcess.Options({ ...options, endpoint: emulator.url })
    const ids = RunnerProcess.docs(given).map(({ id }) => id).sort()
    let isDone = false
    let ends = 0
    /** Runs a process after the other, until one ends by itself with all work done. */
    const keep = Effect.gen(function*() {
      while (!isDone) {
        const process = yield* RunnerProcess.start(given)
        running.add(process)
        const code = yield* process.exitCode.pipe(Effect.orElseSucceed(() => -1))
        running.delete(process)
        if (code === 0) isDone = true
        else ends++
      }
    }).pipe(Effect.scoped)
    const running = new Set<Effect.Success<ReturnType<typeof RunnerProcess.start>>>()
    const keepers = yield* Effect.forEach(
      Array.from({ length: options.processes }),
      () => Effect.forkScoped(keep)
    )
    let killed = 0
    while (killed < options.kills && !isDone) {
      yield* Effect.sleep(500 + 1000 * (yield* Random.next))
      // Of those that work by now, the one that has for longest, or for shortest.
      const begun = yield* Effect.option(Job.status("docs"))
      const pids = new Set(Option.toArray(begun).flatMap(({ runners }) => runners.map(({ pid }) => pid)))
      const victims = [...running].filter(({ pid }) => pids.has(pid))
      const victim = victims.at(killed % 2 === 0 ? 0 : -1)
      if (victim === undefined) continue
      yield* Effect.ignore(victim.kill({ killSignal: "SIGKILL" }))
      killed++
    }
    yield* Effect.forEach(keepers, Fiber.join)
    const statistics = yield* emulator.statistics
    const written = options.directory === undefined ? yield* fromTable : yield* fromFiles(options.directory)
    const found = yield* Effect.all({ status: Job.status("docs"), dead: Stream.runCollect(Job.deadLetters("docs")) })
    return { ids, killed, deaths: ends, statistics, written: [...written].sort(), ...found }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(
        RunnerProcess.store(options.database),
        Emulator.layer({
          latency: "20 millis",
          credentials: [{ accessKeyId: "a", secretAccessKey: RunnerProcess.secret }],
          quota: { "*": { requestsPerMinute: options.requestsPerSecond, window: "1 second", algorithm: "bucket" } }
        }).pipe(Layer.provide([TestEmbedding.layer({ dimensions: 1536 }), TestChat.layer()])),
        NodeServices.layer
      )
    )
  )

const fromTable = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  return (yield* sql<{ id: string }>`SELECT id FROM written`).map(({ id }) => id)
})

const fromFiles = (directory: string) =>
  Effect.promise(async () => {
    const ids: Array<string> = []
    for (const name of await readdir(directory)) {
      // Any other file is a part that was left.
      if (!name.endsWith(".jsonl")) ids.push(name)
      else {
        for (const line of (await readFile(join(directory, name), "utf8")).trimEnd().split("\n")) {
          ids.push(JSON.parse(line).id)
        }
      }
    }
    return ids
  })
