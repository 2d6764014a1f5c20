/** A FIFO queue of waiting fibers. A waiter that is called owns what it waited for. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Admission from "./admission.ts"

/** Makes an effect as interruptible as its surroundings are: the `restore` of `Effect.uninterruptibleMask`. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * - `wait`: takes what is free, or else appends the fiber to the queue and returns when it is called. Both happen in one
 *   step, so that no release goes unnoticed in between. A waiter that is interrupted leaves the queue; if it was called
 *   already, `onMissed` releases what it owns. Run it where interruption is masked.
 * - `next`: calls the head of the queue; false when it is empty.
 */
export interface WaitQueue {
  readonly wait: (restore: Restore, take: () => boolean, onMissed: () => void) => Effect.Effect<void>
  readonly next: () => boolean
}

export const make = (): WaitQueue => {
  const waiters = new Set<Waiter>()
  // One iterator goes on through the set: each new one would begin with the places of all that have left.
  let heads = waiters.values()

  return {
    wait: (restore, take, onMissed) =>
      Effect.withFiber((fiber) => {
        if (take()) return Effect.void
        const admission = Context.get(fiber.context, Admission.Admission)
        const waiter: Waiter = { call: undefined }
        waiters.add(waiter)
        const turn = Effect.callback<void>((resume) => {
          if (!waiters.has(waiter)) return resume(Effect.void)
          // A task of its own: a fiber that ran inside its caller would nest deeper with each that follows.
          waiter.call = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
        })
        const waiting = admission === undefined ? turn : Effect.andThen(admission.waits, turn)
        return Effect.onInterrupt(restore(waiting), () =>
          Effect.sync(() => {
            if (!waiters.delete(waiter)) onMissed()
          }))
      }),
    next: () => {
      let head = heads.next()
      if (head.done === true) {
        heads = waiters.values()
        head = heads.next()
      }
      if (head.done === true) return false
      waiters.delete(head.value)
      head.value.call?.()
      return true
    }
  }
}

/** `call`: resumes the fiber, once it is suspended. */
interface Waiter {
  call: (() => void) | undefined
}

/** Runs a wait, and records how long it was, however it ended. */
export const recorded = <A, E, R>(
  wait: Effect.Effect<A, E, R>,
  target: Telemetry.Target,
  reason: Telemetry.WaitReason
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Watchdog.now, (start) =>
    Effect.ensuring(
      wait,
      Effect.flatMap(Watchdog.now, (now) => Telemetry.recordWait(target, reason, now - start))
    ))
