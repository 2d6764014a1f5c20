/**
 * Documents embedded by a job, beside the same work without an engine: an emulator in a process of its own answers after
 * 50 ms, and 1, 2 and 4 processes work on one database, SQLite and, where it is installed, PostgreSQL.
 *
 *     pnpm bench jobs               100,000 documents for each comparison, a million for each quota and the memory: an hour
 *     pnpm bench jobs --only=quota  one part of it: comparison, quota or long
 *     pnpm bench jobs --quick       a short look at SQLite, some seconds
 */
import { Job, JobStore } from "@strata/jobs"
import { Console, Duration, Effect, type FileSystem, Layer, type Path, Schedule } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as EmulatorProcess from "../EmulatorProcess.ts"
import * as Table from "../Table.ts"
import * as Database from "./Database.ts"
import * as Runner from "./Runner.ts"

type Needs = ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path

const isQuick = process.argv.includes("--quick")

/** The parts that are asked for; all of them where none is named. */
const named = process.argv.flatMap((word) => word.startsWith("--only=") ? [word.slice("--only=".length)] : [])

/** Documents of a comparison, for each request at once; of a quota; and of the long run. */
const sizes = isQuick
  ? { compared: 250, limited: 1000, long: 2000, marks: [1000, 2000], edge: 1000, processes: [1] }
  : {
    compared: 25_000,
    limited: 1_000_000,
    long: 1_000_000,
    marks: [100_000, 1_000_000],
    edge: 100_000,
    processes: [1, 2, 4]
  }

const chunk = 96
/** Milliseconds until an answer. */
const latency = 50
/** Requests in flight, of all processes together. */
const concurrency = 4
/** About 30 tokens. */
const words = 20
/** Of the quota: less than these requests could use. */
const tokensPerSecond = 75_000

/** The databases that are here. */
type Databases = ReadonlyArray<readonly [name: string, make: typeof Database.sqlite]>

/** Runs processes at once, with the first database or without an engine. */
const work = Effect.fnUntraced(function*(
  processes: number,
  documents: number,
  task: Omit<Runner.Task, "first" | "documents" | "words" | "chunk" | "marks"> & Partial<Runner.Task>
) {
  const share = Math.ceil(documents / processes)
  const all = yield* Effect.forEach(
    Array.from({ length: processes }, (_, index) => index),
    (index) =>
      Runner.start({
        words,
        chunk,
        marks: [],
        ...task,
        // Each process of a job has all of its source.
        ...(task.database === undefined
          ? { first: index * share, documents: Math.min(share, documents - index * share) }
          : { first: 0, documents })
      }),
    { concurrency: "unbounded" }
  )
  const started = Math.min(...all.map(({ started }) => started))
  const finished = Math.max(...all.map(({ finished }) => finished))
  const seconds = (finished - started) / 1000
  const chunks = documents / chunk
  return {
    all,
    finished,
    seconds,
    rate: documents / seconds,
    cpu: sum(all, ({ cpu }) => cpu) / chunks,
    sql: sum(all, ({ sql }) => sql) / chunks,
    loop: Math.max(...all.map(({ loop }) => loop))
  }
})

const sum = <A>(all: ReadonlyArray<A>, number: (one: A) => number) => all.reduce((sum, one) => sum + number(one), 0)

const quantile = (values: ReadonlyArray<number>, share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN

const label = (name: string, processes: number) => `${name}, ${processes} ${processes === 1 ? "process" : "processes"}`
const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0)

/** What the engine adds, with one request at a time, and with several from 1, 2 and 4 processes. */
const comparison = Effect.fnUntraced(function*(databases: Databases) {
  const rows: Array<ReadonlyArray<string | number>> = [[
    `chunks of ${chunk} documents, answers after ${latency} ms`,
    "requests at once",
    "documents/s",
    "overhead",
    "CPU ms/chunk",
    "SQL ms/chunk",
    "loop p99 ms",
    "end ms"
  ]]
  const compare = Effect.fnUntraced(function*(processes: number, requests: number) {
    const documents = sizes.compared * requests
    const settings = { endpoint: yield* EmulatorProcess.start({ latency }), concurrency: requests / processes }
    const bare = yield* work(processes, documents, settings)
    const row = (name: string, { cpu, loop, rate }: typeof bare, overhead = "", sql = "", end = "") =>
      rows.push([
        label(name, processes),
        requests,
        rate.toFixed(0),
        overhead,
        cpu.toFixed(1),
        sql,
        loop.toFixed(0),
        end
      ])
    row("without an engine", bare)
    for (const [name, make] of databases) {
      const done = yield* Effect.scoped(
        Effect.flatMap(make, ({ url }) => work(processes, documents, { ...settings, database: url }))
      )
      const end = Math.max(...done.all.map(({ ended }) => ended)) - done.finished
      row(name, done, percent(bare.rate / done.rate - 1), done.sql.toFixed(1), end.toFixed(0))
    }
    yield* Console.log(`${label("compared", processes)}: done`)
  }, Effect.scoped)
  if (!isQuick) yield* compare(1, 1)
  for (const processes of sizes.processes) yield* compare(processes, concurrency)
  yield* Console.log(`\n${Table.render(rows)}\n`)
})

/** How much of a quota that the processes share is used, and how many requests are refused. */
const quota = Effect.fnUntraced(function*(databases: Databases) {
  const rows: Array<ReadonlyArray<string | number>> = [[
    `a quota of ${tokensPerSecond} tokens a second, shared in the database of the job`,
    "seconds",
    "quota used",
    "refused",
    "documents/s"
  ]]
  for (const processes of sizes.processes) {
    for (const [name, make] of databases) {
      yield* Effect.scoped(Effect.gen(function*() {
        const limit = { tokensPerMinute: tokensPerSecond, window: Duration.seconds(1) }
        const endpoint = yield* EmulatorProcess.start({ latency, quota: { "*": limit } })
        const { url } = yield* make
        const { rate, seconds } = yield* work(processes, sizes.limited, {
          endpoint,
          database: url,
          concurrency,
          tokensPerSecond
        })
        const { quota } = yield* EmulatorProcess.statistics(endpoint)
        const drawn = Object.values(quota)
        const row = [
          label(name, processes),
          seconds.toFixed(1),
          percent(sum(drawn, ({ used }) => used) / (tokensPerSecond * seconds)),
          sum(drawn, ({ throttled }) => throttled),
          rate.toFixed(0)
        ]
        rows.push(row)
        yield* Console.log(`${sizes.limited} documents within a quota: ${row.join(", ")}`)
      }))
    }
  }
  yield* Console.log(`${Table.render(rows)}\n`)
})

/** One process for a long time: what grows with the number of items. */
const long = Effect.fnUntraced(function*(databases: Databases) {
  const memory: Array<ReadonlyArray<string | number>> = [
    ["one process, answers at once", "documents", "seconds", "RSS MB", "heap MB", "loop p99 ms", "read again s"]
  ]
  const storage: Array<ReadonlyArray<string | number>> = [[
    `${sizes.long} documents`,
    "MB",
    "bytes/item",
    "others, bytes/chunk",
    "WAL MB, most",
    "afterwards",
    `first ${sizes.edge}: claim ms p50`,
    "p95",
    `last: p50`,
    "p95"
  ]]
  for (const [name, make] of databases) {
    yield* Effect.scoped(Effect.gen(function*() {
      const endpoint = yield* EmulatorProcess.start({ latency: 0 })
      const database = yield* make
      const task = { endpoint, database: database.url, concurrency: 2 * concurrency, marks: sizes.marks }
      yield* database.hold
      let wal = 0
      const watching = Effect.ignore(Job.status(Runner.name)).pipe(
        Effect.andThen(Effect.map(database.wal, (bytes) => void (wal = Math.max(wal, bytes)))),
        Effect.repeat(Schedule.spaced("1 second"))
      )
      const { afterwards, again, figures, loop } = yield* Effect.gen(function*() {
        yield* Effect.forkScoped(watching)
        const done = yield* work(1, sizes.long, task)
        const afterwards = yield* database.wal
        // A job that is done reads its source for what is new: nothing.
        const { all: [again] } = yield* work(1, sizes.long, task)
        return { afterwards, again, figures: done.all[0], loop: done.loop }
      }).pipe(Effect.provide(Layer.provide(JobStore.layer(), Database.client(database.url))), Effect.scoped)
      const size = yield* database.sizes
      const reading = again === undefined ? "" : ((again.ended - again.started) / 1000).toFixed(0)
      for (const { heap, items, rss, seconds } of figures?.marks ?? []) {
        memory.push([name, items, seconds.toFixed(0), megabytes(rss), megabytes(heap), loop.toFixed(0), reading])
      }
      const claims = (from: number, to: number) => {
        const some = (figures?.claims ?? []).filter(([done]) => done >= from && done < to).map(([, millis]) => millis)
        return [quantile(some, 0.5).toFixed(1), quantile(some, 0.95).toFixed(1)]
      }
      storage.push([
        name,
        megabytes(size.whole),
        (size.items / sizes.long).toFixed(0),
        ((size.whole - size.items) / (sizes.long / chunk)).toFixed(0),
        megabytes(wal),
        megabytes(afterwards),
        ...claims(0, sizes.edge),
        ...claims(sizes.long - sizes.edge, sizes.long)
      ])
      yield* Console.log(`${sizes.long} documents, ${name}: done`)
    }))
  }
  yield* Console.log(`\n${Table.render(memory)}\n\n${Table.render(storage)}`)
})

export const run: Effect.Effect<void, unknown, Needs> = Effect.scoped(Effect.gen(function*() {
  const server = isQuick ? undefined : yield* Database.server
  const databases: Databases = [
    ["SQLite", Database.sqlite],
    ...(server === undefined ? [] : [["PostgreSQL", Database.postgres(server)] as const])
  ]
  for (const [name, part] of Object.entries({ comparison, quota, long })) {
    if (named.length === 0 || named.includes(name)) yield* part(databases)
  }
}))
