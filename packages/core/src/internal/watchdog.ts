/**
 * A timeout for an effect that runs many times, such as the pull of a stream. `Effect.timeout` would cost two fibers and a
 * timer for each run; here one fiber watches all runs of a scope and wakes about once in each limit.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** When a run expires, in milliseconds of {@link now}, and its error. */
export interface Limit<E> {
  readonly until: number
  readonly onExpired: () => E
}

/**
 * Limits the runs of `self`, which must not overlap. `limit` is called when a run starts to wait, and must never return an
 * earlier time than before. Synchronous runs and the time between runs are not limited.
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

/** A timeout for many effects, watched by one fiber that ends with the last: each costs one fiber, and no timer. */
export const shared = (millis: number) => {
  // All have the same time: those that started first expire first.
  const running = new Set<{ readonly until: number; readonly expire: () => void }>()
  let watcher: Fiber.Fiber<void> | undefined

  const watch: Effect.Effect<void> = Clock.clockWith((clock) => {
    const now = monotonicMillis(clock)
    for (const each of running) {
      if (each.until > now) return Effect.andThen(Effect.sleep(each.until - now), watch)
      running.delete(each)
      each.expire()
    }
    watcher = undefined
    return Effect.void
  })

  return <A, E, R, E2>(self: Effect.Effect<A, E, R>, onExpired: () => E2): Effect.Effect<A, E | E2, R> =>
    Effect.contextWith((context: Context.Context<R>) => {
      const run = Effect.runForkWith(context)
      return Effect.callback<A, E | E2>((resume) => {
        const fiber = run(self)
        const exit = fiber.pollUnsafe()
        if (exit !== undefined) return resume(exit)
        const until = monotonicMillis(Context.get(context, Clock.Clock)) + millis
        const expire = () => resume(Effect.andThen(Fiber.interrupt(fiber), Effect.failSync(onExpired)))
        const entry = { until, expire }
        running.add(entry)
        fiber.addObserver((exit) => {
          running.delete(entry)
          resume(exit)
          if (running.size > 0) return
          watcher?.interruptUnsafe()
          watcher = undefined
        })
        watcher ??= run(watch)
        return Fiber.interrupt(fiber)
      })
    })
}

/** Milliseconds of the monotonic clock: for durations. */
export const now: Effect.Effect<number> = Clock.clockWith((clock) => Effect.succeed(monotonicMillis(clock)))

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
