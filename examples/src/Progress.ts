/**
 * A line that tells how far a long piece of work is, how fast it goes and how long it will take. On a terminal it is redrawn,
 * elsewhere there are five.
 */
import { Job } from "@strata/jobs"
import { Clock, Duration, Effect, Schedule, Stream, Terminal } from "effect"

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

/** Shows how far a job is while it runs. */
export const job = Effect.fnUntraced(function*<E, R>(
  label: string,
  name: string,
  running: Effect.Effect<Job.Status, E, R>
) {
  const terminal = yield* Terminal.Terminal
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
  let isEnded = false
  const status = yield* Effect.raceFirst(
    Effect.tap(running, () => Effect.sync(() => isEnded = true)),
    Effect.andThen(watching, Effect.never).pipe(
      // What is said while it is being stopped begins a line of its own.
      Effect.onInterrupt(() => isEnded || !interactive ? Effect.void : Effect.ignore(terminal.display("\n")))
    )
  )
  const { done, failed, read } = status
  yield* show({ done: done + failed, total: read, rest: failed === 0 ? "done" : `${done} done, ${failed} failed` })
  return status
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
