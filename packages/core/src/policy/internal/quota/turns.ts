/**
 * Which calls of a process ask the ledger for room, when many wait: the heads of some keys, in an order that is fair
 * between keys. Without keys all calls have one in common, so one head asks, in order of arrival.
 *
 * A head begins to ask when those before it have been told to wait, so that room for many calls is shared in this order,
 * too. All those that wait have a place in the queue of the ledger, where other processes may have calls of the same keys.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as FairOrder from "../../../state/internal/fairOrder.ts"
import * as WaitQueue from "../waitQueue.ts"

/** So many calls ask at the same time, each of another key. */
export const most = 16

/**
 * The turn of a call.
 *
 * - `paused`: it was told to wait: for its turn among `others`, or for room. Waits for as long, or until there may be room.
 * - `cost`: what it was granted, for the order; 0 until then.
 */
export interface Turn {
  readonly paused: (
    millis: Duration.Duration,
    others: boolean,
    restore: WaitQueue.Restore
  ) => Effect.Effect<void>
  cost: number
}

/**
 * - `take`: waits for a turn, and holds it for the time of an effect. Run it uninterruptible: `restore` makes the wait alone
 *   interruptible.
 * - `released`: there may be room for the one that is next.
 */
export interface Turns {
  readonly take: <A, E, R>(
    self: (turn: Turn) => Effect.Effect<A, E, R>,
    share: string | undefined,
    restore: WaitQueue.Restore
  ) => Effect.Effect<A, E, R>
  readonly released: () => void
  readonly isInUse: () => boolean
}

export const make = (order = FairOrder.make<WaitQueue.Waiter>()): Turns => {
  const waiters = WaitQueue.make({
    add: (waiter, share) => {
      const place = order.add(share, waiter)
      return () => order.delete(place)
    },
    next: () => order.serve()?.value
  })
  /** Those that ask, and whether the last of them has no answer yet. */
  let asking = 0
  let isAsked = false
  /** Those that were told to wait, and for how long, in milliseconds; 0 for the head of the queue of the ledger. */
  const pauses = new Map<Latch.Latch, number>()
  let releases = 0

  const begin = () => {
    asking++
    isAsked = true
    return true
  }

  const next = () => {
    isAsked = false
    if (asking < most && waiters.next()) begin()
  }

  const end = (share: string, cost: number, isFirstAnswer: boolean) => {
    asking--
    order.served(share, cost)
    if (isFirstAnswer || !isAsked) next()
    // What was granted to one may have left room for another.
    if (cost > 0) wake()
  }

  /** Wakes the one that is next in the queue of the ledger; it sees for itself whether there is room. */
  const wake = () => {
    let first: Latch.Latch | undefined
    for (const [latch, rank] of pauses) if (first === undefined || rank < pauses.get(first)!) first = latch
    if (first === undefined) return
    pauses.delete(first)
    first.openUnsafe()
  }

  const makeTurn = () => {
    let isAnswered = false
    let seen = releases
    const turn: Turn = {
      cost: 0,
      paused: (duration, others, restore) =>
        Effect.suspend(() => {
          if (!isAnswered) {
            isAnswered = true
            next()
          }
          // What was released while the ledger answered may be room for this one.
          if (seen !== releases) return Effect.sync(() => void (seen = releases))
          const latch = Latch.makeUnsafe(false)
          pauses.set(latch, others ? Duration.toMillis(duration) : 0)
          return Effect.ensuring(
            restore(Effect.timeoutOption(latch.await, duration)),
            Effect.sync(() => {
              pauses.delete(latch)
              seen = releases
            })
          )
        })
    }
    return { turn, isAnswered: () => isAnswered }
  }

  return {
    take: (self, share = "", restore) => {
      const wait = waiters.wait(
        restore,
        () => !isAsked && asking < most && order.enter(share) && begin(),
        () => end(share, 0, true),
        share
      )
      const asked = Effect.suspend(() => {
        const { isAnswered, turn } = makeTurn()
        return Effect.ensuring(self(turn), Effect.sync(() => end(share, turn.cost, !isAnswered())))
      })
      return Effect.andThen(wait, asked)
    },
    released: () => {
      releases++
      wake()
    },
    isInUse: () => asking > 0
  }
}
