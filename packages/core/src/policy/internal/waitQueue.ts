/** A queue of waiting fibers, FIFO unless an order is given. A waiter that is called owns what it waited for. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fifo from "../../internal/fifo.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Admission from "./admission.ts"

/** Makes an effect as interruptible as its surroundings are: the `restore` of `Effect.uninterruptibleMask`. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * - `wait`: takes what is free, or else appends the fiber to the queue and returns when it is called. Both happen in one
 *   step, so that no release goes unnoticed in between. A waiter that is interrupted leaves the queue; if it was called
 *   already, `onMissed` releases what it owns. `share`: whose the call is, for the order. Run it where interruption is
 *   masked.
 * - `next`: calls the head of the queue; false when nobody may be called.
 */
export interface WaitQueue {
  readonly wait: (
    restore: Restore,
    take: () => boolean,
    onMissed: () => void,
    share?: string
  ) => Effect.Effect<void>
  readonly next: () => boolean
}

/**
 * Who is called next.
 *
 * - `add`: appends a waiter, and returns what takes it out before it is called.
 * - `next`: takes out the one to be called.
 */
export interface Order {
  readonly add: (waiter: Waiter, share: string) => () => void
  readonly next: () => Waiter | undefined
}

/** `call`: resumes the fiber, once it is suspended. */
export interface Waiter {
  call: (() => void) | undefined
  isCalled: boolean
}

export const make = (order: Order = fifo()): WaitQueue => ({
  wait: (restore, take, onMissed, share = "") =>
    Effect.withFiber((fiber) => {
      if (take()) return Effect.void
      const admission = Context.get(fiber.context, Admission.Admission)
      const waiter: Waiter = { call: undefined, isCalled: false }
      const leave = order.add(waiter, share)
      const turn = Effect.callback<void>((resume) => {
        if (waiter.isCalled) return resume(Effect.void)
        // A task of its own: a fiber that ran inside its caller would nest deeper with each that follows.
        waiter.call = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
      })
      const waiting = admission === undefined ? turn : Effect.andThen(admission.waits, turn)
      return Effect.onInterrupt(restore(waiting), () => Effect.sync(() => waiter.isCalled ? onMissed() : leave()))
    }),
  next: () => {
    const head = order.next()
    if (head === undefined) return false
    head.isCalled = true
    head.call?.()
    return true
  }
})

const fifo = (): Order => {
  const waiters = Fifo.make<Waiter>()
  return {
    add: (waiter) => {
      waiters.add(waiter)
      return () => waiters.delete(waiter)
    },
    next: () => {
      const head = waiters.first()
      if (head !== undefined) waiters.delete(head)
      return head
    }
  }
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
