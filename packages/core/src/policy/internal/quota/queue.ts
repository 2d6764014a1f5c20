/**
 * FIFO queue of the calls of one key; only its head polls the ledger.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as WaitQueue from "../waitQueue.ts"

/**
 * - `inTurn`: runs an effect when all that came earlier are done or gone. Run it uninterruptible: `restore` is put around
 *   the wait alone.
 * - `pause`: for the head: waits for a time, or until {@link wake}.
 * - `listen`: from here on a `wake` ends the next pause, even one that has not begun.
 * - `wake`: there may be room.
 * - `isEmpty`: nothing is in it.
 */
export interface QuotaQueue {
  readonly inTurn: <A, E, R>(self: Effect.Effect<A, E, R>, restore: WaitQueue.Restore) => Effect.Effect<A, E, R>
  readonly pause: (duration: Duration.Duration) => Effect.Effect<void>
  readonly listen: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
  readonly isEmpty: () => boolean
}

interface Waiter {
  onHead: (() => void) | undefined
}

/** Builds an empty queue. */
export const make = (): QuotaQueue => {
  // A set keeps the order in which its members came.
  const waiters = new Set<Waiter>()
  const room = Latch.makeUnsafe(false)
  const head = () => waiters.values().next().value

  /** The next turn begins when this one has gone on: at once, the next caller would overtake it. */
  const leave = (waiter: Waiter) =>
    Effect.withFiber((fiber) => {
      waiters.delete(waiter)
      if (waiters.size > 0) fiber.currentDispatcher.scheduleTask(() => head()?.onHead?.(), 0)
      return Effect.void
    })

  return {
    inTurn: (self, restore) =>
      Effect.suspend(() => {
        const waiter: Waiter = { onHead: undefined }
        waiters.add(waiter)
        const turn = Effect.callback<void>((resume) => {
          waiter.onHead = () => resume(Effect.void)
          if (head() === waiter) waiter.onHead()
        })
        return Effect.ensuring(
          head() === waiter ? self : Effect.andThen(restore(turn), self),
          leave(waiter)
        )
      }),
    pause: (duration) => Effect.asVoid(Effect.timeoutOption(room.await, duration)),
    listen: Effect.sync(() => room.closeUnsafe()),
    wake: Effect.sync(() => room.openUnsafe()),
    isEmpty: () => waiters.size === 0
  }
}
