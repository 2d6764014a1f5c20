/**
 * A line that tells how far a long piece of work is, how fast it goes and how long it will take.
 */
import { Clock, Effect, Terminal } from "effect"

/** Counts `total` pieces of work: run `step` after each. On a terminal the line is redrawn, elsewhere there are five. */
export const make = Effect.fnUntraced(function*(label: string, total: number) {
  const terminal = yield* Terminal.Terminal
  const start = yield* Clock.currentTimeMillis
  const interactive = process.stdout.isTTY === true
  let done = 0
  let shown = 0

  const step = Effect.gen(function*() {
    done++
    const now = yield* Clock.currentTimeMillis
    const due = interactive ? now - shown > 50 : done % Math.ceil(total / 5) === 0
    if (!due && done < total) return
    shown = now
    const seconds = Math.max(now - start, 1) / 1000
    const rate = done / seconds
    const bar = "█".repeat(Math.round(done / total * 24)).padEnd(24, "░")
    const rest = done < total ? `${((total - done) / rate).toFixed(0)} s left` : `${seconds.toFixed(1)} s`
    const line = `${label} ${bar} ${done}/${total}  ${rate.toFixed(0)}/s  ${rest}`
    yield* terminal.display(interactive ? `\r${line.padEnd(78)}${done < total ? "" : "\n"}` : `${line}\n`)
  }).pipe(Effect.orDie) // a demo without a screen has nothing to do

  return { step }
})
