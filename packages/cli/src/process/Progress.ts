/**
 * How far a command is: a line redrawn in place on a terminal, a plain line every ten seconds anywhere else.
 *
 * Only on standard error, and from numbers that the caller counts: nothing here adds up.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Output } from "./Output.ts"

/**
 * Counts at one time.
 *
 * - `done`, `failed`: items that are finished, well or for good badly; `total`: all of them, where that is known.
 * - `skipped`: items that need nothing, which say nothing about the speed. `cost`: in US dollars, where prices are known.
 */
export interface Snapshot {
  readonly done: number
  readonly failed?: number | undefined
  readonly skipped?: number | undefined
  readonly total?: number | undefined
  readonly cost?: number | undefined
}

/** Shows snapshots until the scope closes. `unit`: the name of an item in the plural. */
export const show = <E, R>(
  unit: string,
  snapshot: Effect.Effect<Snapshot, E, R>
): Effect.Effect<void, never, Output | Scope.Scope | R> =>
  Effect.gen(function*() {
    const output = yield* Output
    if (output.isQuiet) return
    const pace = yield* makePace
    const line = Effect.flatMap(snapshot, (now) => Effect.map(pace(now), (rate) => format(unit, now, rate)))
    const step = output.isRedrawable
      ? Effect.andThen(Effect.sleep("250 millis"), Effect.flatMap(line, output.status))
      : Effect.andThen(Effect.sleep("10 seconds"), Effect.flatMap(line, output.note))
    yield* Effect.addFinalizer(() => output.status(""))
    // What cannot be counted now may be counted in a moment.
    yield* Effect.forkScoped(Effect.forever(Effect.ignore(step)))
  })

/** Items a second, by the snapshots of the last half minute; `undefined` until there are two. */
const makePace = Effect.sync(() => {
  const samples: Array<{ readonly at: number; readonly finished: number }> = []
  return (now: Snapshot): Effect.Effect<number | undefined> =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      samples.push({ at, finished: now.done + (now.failed ?? 0) })
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > 30_000) samples.shift()
      const [first, last] = [samples[0], samples.at(-1)]
      return first === undefined || last === undefined || last.at === first.at
        ? undefined
        : 1000 * (last.finished - first.finished) / (last.at - first.at)
    })
})

/** Such as `1,200 of 5,000 rows, 3 failed, 40/s, 1m 35s left, 0.0123 USD`. */
export const format = (unit: string, now: Snapshot, rate: number | undefined): string => {
  const { cost, done, failed = 0, skipped = 0, total } = now
  const left = total === undefined ? undefined : Math.max(total - done - failed - skipped, 0)
  return [
    `${number(done)}${total === undefined ? "" : ` of ${number(total)}`} ${unit}`,
    ...(skipped > 0 ? [`${number(skipped)} unchanged`] : []),
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(rate === undefined || rate <= 0 ? [] : [`${rate < 9.95 ? rate.toFixed(1) : number(Math.round(rate))}/s`]),
    ...(rate === undefined || rate <= 0 || !left ? [] : [`${timeOf(left / rate)} left`]),
    ...(cost === undefined ? [] : [dollars(cost)])
  ].join(", ")
}

/** Such as `1,234`. */
export const number = (count: number): string => count.toLocaleString("en-US")

/** Such as `0.0123 USD`: cents are too coarse for one call. */
export const dollars = (amount: number): string =>
  `${amount === 0 || amount >= 10 ? amount.toFixed(2) : amount.toPrecision(3)} USD`

const timeOf = (seconds: number): string => {
  const { days, hours, minutes, seconds: rest } = Duration.parts(Duration.seconds(Math.ceil(seconds)))
  return days > 0
    ? `${days}d ${hours}h`
    : hours > 0
    ? `${hours}h ${minutes}m`
    : minutes > 0
    ? `${minutes}m ${rest}s`
    : `${rest}s`
}
