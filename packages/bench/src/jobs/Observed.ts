/**
 * What a process of a job costs: its time, its SQL, its event loop and its memory.
 */
import { Context, type Exit, Option, Schema, Tracer } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as V8 from "node:v8"
import * as Vm from "node:vm"

/**
 * Memory once so many items are done: `rss`, the most of the process so far, and `heap`, what is still referred to, in
 * bytes.
 */
const Mark = Schema.Struct({ items: Schema.Finite, rss: Schema.Finite, heap: Schema.Finite, seconds: Schema.Finite })

/**
 * - `started`, `finished`, `ended`: milliseconds since 1970, of the call, the last chunk and the return.
 * - `cpu`: milliseconds of this process from `started` to `ended`, of all its threads.
 * - `sql`: milliseconds of its statements; a transaction is one.
 * - `claims`: the claims of the queue that found a chunk: how many items were done then, and the milliseconds it took.
 * - `loop`: the delay of the event loop that one in a hundred is above, in milliseconds.
 */
export type Figures = typeof Figures.Type
/** @see {@link Figures} */
export const Figures = Schema.Struct({
  started: Schema.Finite,
  finished: Schema.Finite,
  ended: Schema.Finite,
  items: Schema.Finite,
  chunks: Schema.Finite,
  cpu: Schema.Finite,
  sql: Schema.Finite,
  claims: Schema.Array(Schema.Tuple([Schema.Finite, Schema.Finite])),
  loop: Schema.Finite,
  marks: Schema.Array(Mark)
})

/** How often, in milliseconds, the event loop is looked at, and the memory. */
const loopMillis = 5
const memoryMillis = 200

/** Begins to observe this process. `wrote` is to be told of each chunk; `tracer` sees the statements. */
export const begin = (marks: ReadonlyArray<number>) => {
  const loop = monitorEventLoopDelay({ resolution: loopMillis })
  loop.enable()
  const cpu = process.cpuUsage()
  const started = Date.now()
  const claims: Array<readonly [number, number]> = []
  const passed: Array<typeof Mark.Type> = []
  let finished = started
  let [items, chunks, sql, rss] = [0, 0, 0, 0]
  const look = () => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }
  const looking = setInterval(look, memoryMillis)

  class Timed extends Tracer.NativeSpan {
    override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
      super.end(endTime, exit)
      const text = this.attributes.get("db.query.text")
      if (text === undefined && this.name !== transaction) return
      const millis = Number(endTime - this.startTime) / 1e6
      if (isClaim(text)) claims.push([items, millis])
      if (!Option.exists(this.parent, (parent) => parent._tag === "Span" && parent.name === transaction)) sql += millis
    }
  }

  return {
    tracer: Context.make(Tracer.Tracer, Tracer.make({ span: (options) => new Timed(options) })),
    wrote: (count: number) => {
      finished = Date.now()
      items += count
      chunks++
      if (items < (marks[passed.length] ?? Infinity)) return
      look()
      passed.push({ items, rss, heap: heap(), seconds: (finished - started) / 1000 })
    },
    end: (): Figures => {
      clearInterval(looking)
      const { system, user } = process.cpuUsage(cpu)
      return {
        started,
        finished,
        ended: Date.now(),
        items,
        chunks,
        cpu: (system + user) / 1000,
        sql,
        claims,
        loop: Math.max(0, loop.percentile(99) / 1e6 - loopMillis),
        marks: passed
      }
    }
  }
}

const transaction = "sql.transaction"

/** The statement by which `PersistedQueue` takes what is next, in SQLite and in PostgreSQL. */
const isClaim = (text: unknown) => typeof text === "string" && text.includes("attempts = attempts + 1")

/** Bytes on the heap that something still refers to. */
const heap = () => {
  V8.setFlagsFromString("--expose-gc")
  const collect: () => void = Vm.runInNewContext("gc")
  collect()
  return process.memoryUsage().heapUsed
}
