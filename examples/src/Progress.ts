/**
 * A line that tells how far a long piece of work is, how fast it goes and how long it will take. On a terminal it is redrawn,
 * elsewhere there are five.
 */
import { Job } from "@strata/jobs"
import { Clock, Console, Duration, Effect, Schedule, Stream, Terminal } from "effect"

/** Counts `total` pieces of work: run `step` after each. */
export const make = Effect.fnUntraced(function*(label: string, total: number) {
  const show = yield* line(label)
  const start = yield* Clock.currentTimeMillis
  let done = 0

  const step = Effect.gen(function*() {
    done++
    const seconds = Math.max((yield* Clock.currentTimeMillis) - start, 1) / 1000
    const rate = done / seconds
    yield* show({ done, total, rate, rest: done < total ? left((total - done) / rate) : `${seconds.toFixed(1)} s` })
  })

  return { step }
})

/** Shows how far a job is while it runs. When that is interrupted, says how far it was, and how to go on. */
export const job = Effect.fnUntraced(function*<E, R>(
  label: string,
  name: string,
  running: Effect.Effect<Job.Status, E, R>
) {
  const show = yield* line(label)
  const watching = Job.watch(name, { every: "100 millis" }).pipe(
    Stream.runForEach(({ done, failed, rate, read, remaining }) =>
      rate === 0 || done + failed === read ? Effect.void : show({
        done: done + failed,
        total: read,
        rate,
        rest: remaining === undefined ? "" : left(Duration.toSeconds(remaining))
      })
    ),
    // Before its first run there is no such job.
    Effect.retry({ while: ({ _tag }) => _tag === "JobNotFoundError", schedule: Schedule.spaced("100 millis") })
  )
  const status = yield* running.pipe(
    Effect.onInterrupt(() => Effect.ignore(stopped(name))),
    Effect.raceFirst(Effect.andThen(watching, Effect.never))
  )
  const { done, failed, read } = status
  yield* show({ done: done + failed, total: read, rest: failed === 0 ? "done" : `${done} done, ${failed} failed` })
  return status
})

const stopped = Effect.fnUntraced(function*(name: string) {
  const { done, failed, read } = yield* Job.status(name)
  yield* Console.log(`\nStopped at ${done + failed} of ${read}. Run it again to go on.`)
})

interface Shown {
  readonly done: number
  readonly total: number
  readonly rate?: number | undefined
  readonly rest: string
}

const interactive = process.stdout.isTTY === true

const left = (seconds: number) => `${seconds.toFixed(0)} s left`

/** Shows what is worth a line, and what is done. */
const line = (label: string) =>
  Effect.map(Terminal.Terminal, (terminal) => {
    let shown = { at: 0, done: 0 }
    return Effect.fnUntraced(function*({ done, rate, rest, total }: Shown) {
      const at = yield* Clock.currentTimeMillis
      const isDue = interactive ? at - shown.at > 50 : done - shown.done >= Math.ceil(total / 5)
      if (!isDue && done < total) return
      shown = { at, done }
      const bar = "█".repeat(Math.round(done / Math.max(total, 1) * 24)).padEnd(24, "░")
      const line = `${label} ${bar} ${done}/${total}  ${rate === undefined ? "" : `${rate.toFixed(0)}/s  `}${rest}`
      yield* terminal.display(interactive ? `\r${line.padEnd(78)}${done < total ? "" : "\n"}` : `${line}\n`)
    }, Effect.orDie) // a demo without a screen has nothing to do
  })
