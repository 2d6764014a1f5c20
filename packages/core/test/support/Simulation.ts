/**
 * Runs effects one task at a time, in virtual time: a test can stop a fiber between any two of its steps, and see what it
 * leaves behind.
 *
 * Fibers yield after a given number of operations. Time passes only when no task is left. Whatever waits for something
 * outside, such as a promise, never goes on.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

/**
 * - `start`: begins an effect in the given context; what it can do at once is done.
 * - `step`: runs the next task, or moves time on to the next timer. Nothing is left to do where it gives `false`.
 * - `drain`: runs tasks until time would have to pass.
 * - `run`: steps until an effect ends; `undefined` where it never does.
 * - `fibers`: fibers that have begun and not ended; `timers`: how many are waiting for the time.
 */
export interface Simulation {
  readonly start: <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => Fiber.Fiber<A, E>
  readonly step: () => boolean
  readonly drain: () => void
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => Exit.Exit<A, E> | undefined
  readonly fibers: () => number
  readonly timers: () => number
}

/** `maxOps`: operations of a fiber before it yields. */
export const make = (maxOps: number): Simulation => {
  const tasks: Array<() => void> = []
  const timers = new Set<{ readonly at: number; readonly wake: () => void }>()
  const fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  let now = 0
  let next = 0

  const scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => {
      fibers.add(fiber)
      return fiber.currentOpCount >= maxOps
    },
    makeDispatcher: () => ({ scheduleTask: (task) => void tasks.push(task), flush: () => {} })
  }
  const nanos = () => BigInt(now) * 1_000_000n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const timer = {
          at: now + Math.ceil(Duration.toMillis(duration)),
          wake: () => {
            timers.delete(timer)
            resume(Effect.void)
          }
        }
        if (timer.at < Infinity) timers.add(timer)
        return Effect.sync(() => void timers.delete(timer))
      })
  }

  const task = () => {
    if (next === tasks.length) {
      next = tasks.length = 0
      return false
    }
    tasks[next++]!()
    return true
  }
  const step = () => {
    if (task()) return true
    let first: { readonly at: number; readonly wake: () => void } | undefined
    for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer
    if (first === undefined) return false
    now = Math.max(now, first.at)
    first.wake()
    return true
  }
  const start: Simulation["start"] = (effect, context) =>
    Effect.runForkWith(Context.add(Context.add(context, Scheduler.Scheduler, scheduler), Clock.Clock, clock))(effect)

  return {
    start,
    step,
    drain: () => {
      while (task()) { /* until none is left */ }
    },
    run: (effect, context) => {
      const fiber = start(effect, context)
      for (let steps = 0; steps < mostSteps && fiber.pollUnsafe() === undefined; steps++) if (!step()) break
      return fiber.pollUnsafe()
    },
    fibers: () => {
      for (const fiber of fibers) if (fiber.pollUnsafe() !== undefined) fibers.delete(fiber)
      return fibers.size
    },
    timers: () => timers.size
  }
}

/** More than any of the simulated programs takes: one that waits for ever with timers does not hang a test. */
const mostSteps = 200_000
