/**
 * The clock of an emulator: the one in context, which can be moved forward, so that hours of a batch job pass at once.
 *
 * Work that is due by this clock is known to it: {@link EmulatorClock.advance} returns when what became due is done.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DurationInput } from "./DurationInput.ts"
import * as JsonFile from "./JsonFile.ts"

/**
 * - `clock`: the time, and sleep, of everything that is due by it.
 * - `advance`: moves it, and waits until the work that is due by then waits for a later time or is over.
 * - `work`: runs work that is waited for, except while it waits by {@link EmulatorClock.until}.
 * - `until`: waits for a time, in milliseconds since 1970.
 */
export interface EmulatorClock {
  readonly clock: Clock.Clock
  readonly now: () => number
  readonly advance: (duration: Duration.Duration) => Effect.Effect<void>
  readonly work: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly until: (time: number) => Effect.Effect<void>
}

const Forward = DurationInput.check(
  Schema.makeFilter((value) =>
    (Duration.toMillis(value) >= 0 && Duration.toMillis(value) <= longest) ||
    "Expected a duration from 0 to 1000 days"
  )
)

const longest = Duration.toMillis("1000 days")

/** Checks how far a clock is to be moved. */
export const check = (duration: unknown): Result.Result<Duration.Duration, JsonFile.JsonFileError> =>
  Result.map(decode(duration, "advance"), Duration.fromInputUnsafe)

/** {@link check} for JSON: `{"advance": "2 hours"}`. */
export const fromJson = (json: unknown): Result.Result<Duration.Duration, JsonFile.JsonFileError> =>
  Result.map(decodeJson(json, "clock"), ({ advance }) => Duration.fromInputUnsafe(advance))

const decode = JsonFile.fromValue(Forward)

const decodeJson = JsonFile.fromJson(Schema.Struct({ advance: Forward }))

/** A clock that goes with the one in context. */
export const make: Effect.Effect<EmulatorClock> = Effect.gen(function*() {
  const base = yield* Clock.Clock
  const moved = yield* Latch.make()
  const changed = yield* Latch.make()
  let offset = 0
  let busy = 0
  const waiting = new Set<{ readonly time: number }>()
  const now = () => base.currentTimeMillisUnsafe() + offset
  const nanos = () => BigInt(Math.round(offset * 1_000_000))

  const until = (time: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const left = time - now()
      return left <= 0
        ? Effect.void
        : Effect.andThen(
          Effect.raceFirst(base.sleep(Duration.millis(left)), Latch.await(moved)),
          until(time)
        )
    })

  const isSettled = () => busy === 0 && [...waiting].every(({ time }) => time > now())

  const settled: Effect.Effect<void> = Effect.suspend(() =>
    isSettled() ? Effect.void : Effect.andThen(Latch.await(changed), settled)
  )

  const count = (change: 1 | -1) =>
    Effect.suspend(() => {
      busy += change
      return Latch.release(changed)
    })

  const idle = <A, E, R>(time: number, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const entry = { time }
      waiting.add(entry)
      return Effect.andThen(count(-1), effect).pipe(
        Effect.ensuring(Effect.andThen(Effect.sync(() => waiting.delete(entry)), count(1)))
      )
    })

  return {
    now,
    clock: {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now),
      currentTimeNanosUnsafe: () => base.currentTimeNanosUnsafe() + nanos(),
      currentTimeNanos: Effect.sync(() => base.currentTimeNanosUnsafe() + nanos()),
      monotonicTimeNanosUnsafe: () => base.monotonicTimeNanosUnsafe() + nanos(),
      monotonicTimeNanos: Effect.sync(() => base.monotonicTimeNanosUnsafe() + nanos()),
      sleep: (duration) => Effect.suspend(() => until(now() + Duration.toMillis(duration)))
    },
    advance: (duration) =>
      Effect.suspend(() => {
        offset += Math.max(0, Duration.toMillis(duration))
        return Effect.andThen(Latch.release(moved), settled)
      }),
    until: (time) => idle(time, until(time)),
    work: (effect) => Effect.acquireUseRelease(count(1), () => effect, () => count(-1))
  }
})
