/**
 * A FIFO queue of waiting fibers.
 *
 * A waiter that is called owns what it waited for. One that is interrupted leaves the queue; if that happens between being
 * called and going on, `onMissed` gives back what it owns, so nothing is lost.
 */
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Telemetry from "../../Telemetry.ts"

/** Makes an effect as interruptible as its surroundings are: the `restore` of `Effect.uninterruptibleMask`. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * - `wait`: takes what is free, or else appends the fiber to the queue and returns when it is called. Both happen in one
 *   step: between a check by the caller and the queue, what is waited for could be given back without a waiter to call. Run
 *   it where interruption is masked.
 * - `next`: calls the head of the queue; false when it is empty.
 */
export interface WaitQueue {
  readonly wait: (restore: Restore, take: () => boolean, onMissed: () => void) => Effect.Effect<void>
  readonly next: () => boolean
}

/** Builds an empty queue. Appending, removing and calling take constant time. */
export const make = (): WaitQueue => {
  let first: Waiter | undefined
  let last: Waiter | undefined

  const append = (waiter: Waiter) => {
    waiter.before = last
    if (last === undefined) first = waiter
    else last.behind = waiter
    last = waiter
  }

  const remove = (waiter: Waiter) => {
    if (waiter.before === undefined) first = waiter.behind
    else waiter.before.behind = waiter.behind
    if (waiter.behind === undefined) last = waiter.before
    else waiter.behind.before = waiter.before
  }

  return {
    wait: (restore, take, onMissed) =>
      Effect.withFiber((fiber) => {
        if (take()) return Effect.void
        const waiter: Waiter = { called: false, call: undefined, before: undefined, behind: undefined }
        append(waiter)
        const turn = Effect.callback<void>((resume) => {
          if (waiter.called) return resume(Effect.void)
          // A task of its own: a fiber that ran inside its caller would nest deeper with each that follows.
          waiter.call = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
        })
        return Effect.onInterrupt(restore(turn), () =>
          Effect.sync(() => {
            if (waiter.called) onMissed()
            else remove(waiter)
          }))
      }),
    next: () => {
      const waiter = first
      if (waiter === undefined) return false
      remove(waiter)
      waiter.called = true
      waiter.call?.()
      return true
    }
  }
}

/** Runs a wait, and records how long it was, however it ended. */
export const recorded = (
  wait: Effect.Effect<void>,
  target: Telemetry.Target,
  reason: "concurrency" | "retry-budget"
): Effect.Effect<void> =>
  Effect.flatMap(Watchdog.now, (start) =>
    Effect.onExit(
      wait,
      () => Effect.flatMap(Watchdog.now, (now) => Telemetry.recordWait(target, reason, now - start))
    ))

interface Waiter {
  called: boolean
  call: (() => void) | undefined
  before: Waiter | undefined
  behind: Waiter | undefined
}
