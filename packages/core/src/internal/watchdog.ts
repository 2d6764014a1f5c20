/**
 * Fails an effect that is run over and over when one of its runs keeps the caller waiting too long.
 *
 * A race against a timer would cost two fibers and a timer for each run. Here one fiber watches all the runs of a scope
 * and wakes about once in each limit; a run that answers at once is never late, and nothing is timed between two runs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** Until when a run may take, in milliseconds of {@link now}, and what it fails with after that. */
export interface Limit<E> {
  readonly until: number
  readonly onExpired: () => E
}

/**
 * Watches `self`. `limit` is asked when a run starts to wait, and must never give an earlier time than before. Runs must
 * follow each other: the next starts when the last has ended. The watching fiber lives in `scope`.
 */
export const watch = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  limit: (now: number) => Limit<E2>,
  scope: Scope.Scope
): Effect.Effect<A, E | E2, R> => {
  let waiting: { readonly until: number; readonly expire: () => void } | undefined
  let watching = false

  const watcher: Effect.Effect<void> = Clock.clockWith((clock) => {
    const left = waiting === undefined ? 0 : waiting.until - monotonicMillis(clock)
    if (left > 0) return Effect.andThen(Effect.sleep(left), watcher)
    watching = false
    waiting?.expire()
    return Effect.void
  })

  return Effect.contextWith((context: Context.Context<R>) => {
    const run = Effect.runForkWith(context)
    return Effect.callback<A, E | E2>((resume) => {
      const fiber = run(self)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(exit)
      const { onExpired, until } = limit(monotonicMillis(Context.get(context, Clock.Clock)))
      const expire = () => resume(Effect.andThen(Fiber.interrupt(fiber), Effect.failSync(onExpired)))
      waiting = { until, expire }
      fiber.addObserver((exit) => {
        waiting = undefined
        resume(exit)
      })
      if (!watching) {
        watching = true
        run(Effect.forkIn(watcher, scope))
      }
      return Fiber.interrupt(fiber)
    })
  })
}

/** Milliseconds of a clock that, unlike the time of day, nobody sets: for spans of time. */
export const now: Effect.Effect<number> = Clock.clockWith((clock) => Effect.succeed(monotonicMillis(clock)))

const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
