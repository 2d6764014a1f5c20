/**
 * Which calls of a process ask the ledger for room, when many wait: the first in an order that is fair between keys.
 * Without keys all calls have one in common, so the first is the one that came first.
 *
 * Where calls of other processes are before it in the queue of the ledger, the head of the next key may ask as well, and
 * so on: they have places between those of others, by their keys. Where the first waits for room only, the rest wait for
 * it here: of one key there is one place in the ledger, too little to share what room comes at once.
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
    duration: Duration.Duration,
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

/**
 * One that asks.
 *
 * - `told`: the last change before it asked the ledger, which told it to wait; -1 before that.
 * - `pause`: while it waits to ask again. `places`: for how long, in milliseconds, where others are before it in the queue
 *   of the ledger; 0 for its head.
 */
interface Asker {
  readonly share: string
  told: number
  pause: Latch.Latch | undefined
  places: number
}

export const make = (): Turns => {
  const order = FairOrder.make<WaitQueue.Waiter>()
  const waiters = WaitQueue.make({
    add: (waiter, share) => {
      const place = order.add(share, waiter)
      return () => order.delete(place)
    },
    next: () => order.serve()?.value
  })
  const askers = new Map<string, Asker>()
  /** The one that is to be answered before another may begin. */
  let awaited: Asker | undefined
  /** How often something was released here, and how often something was released or granted. */
  let releases = 0
  let changes = 0

  const begin = (share: string) => {
    awaited = { share, told: -1, pause: undefined, places: 0 }
    askers.set(share, awaited)
  }

  /**
   * Whether a call of a share may begin to ask: all before it wait for others. Who does not know of the last change is woken
   * to see it, the lowest first: what it was granted comes before that of the next. So is the head of the queue of the
   * ledger, which may be the head no longer.
   */
  const mayBegin = (share: string) => {
    if (awaited !== undefined || askers.size >= most || askers.has(share)) return false
    const before = [...askers.values()].filter((asker) => isBefore(asker, share))
    const lowest = before.reduce<Asker | undefined>(
      (lowest, asker) => lowest !== undefined && isBefore(lowest, asker.share) ? lowest : asker,
      undefined
    )
    if (lowest === undefined) return true
    const unknowing = [lowest, ...before].find((asker) =>
      asker.told !== changes && (asker === lowest || asker.places === 0)
    )
    if (unknowing === undefined) return before.every(({ places }) => places > 0)
    awaited = unknowing
    wake(unknowing)
    return false
  }

  const isBefore = (asker: Asker, share: string) => order.tagOf(asker.share) <= order.tagOf(share)

  const next = () => {
    const head = order.first()
    if (head !== undefined && mayBegin(head.share) && waiters.next()) begin(head.share)
  }

  const answered = (asker: Asker) => {
    if (awaited === asker) awaited = undefined
    next()
  }

  const end = (asker: Asker, cost: number) => {
    askers.delete(asker.share)
    order.served(asker.share, cost)
    if (cost > 0) changes++
    answered(asker)
    // What was granted to one may have left room for another.
    if (cost > 0 && (awaited === undefined || awaited.told < 0)) wakeFirst()
  }

  const wake = (asker: Asker) => {
    asker.pause?.openUnsafe()
    asker.pause = undefined
  }

  /** Wakes the one that is first in the queue of the ledger; it sees for itself whether there is room. */
  const wakeFirst = () => {
    let first: Asker | undefined
    for (const asker of askers.values()) {
      if (asker.pause !== undefined && (first === undefined || asker.places < first.places)) first = asker
    }
    if (first !== undefined) wake(first)
  }

  const turnOf = (asker: Asker): Turn => {
    let asked = { changes, releases }
    return {
      cost: 0,
      paused: (duration, others, restore) =>
        Effect.suspend(() => {
          // What was released while the ledger answered may be room for this one.
          const isOld = asked.releases !== releases
          asker.told = asked.changes
          asked = { changes, releases }
          if (isOld) return Effect.void
          asker.places = others ? Duration.toMillis(duration) : 0
          const pause = asker.pause = Latch.makeUnsafe(false)
          answered(asker)
          return Effect.ensuring(
            restore(Effect.timeoutOption(pause.await, duration)),
            Effect.sync(() => {
              asker.pause = undefined
              asked = { changes, releases }
            })
          )
        })
    }
  }

  return {
    take: (self, share = "", restore) => {
      const take = () => {
        if (!mayBegin(share) || !order.enter(share)) return false
        begin(share)
        return true
      }
      const leave = (cost: number) => end(askers.get(share)!, cost)
      const asking = Effect.suspend(() => {
        const turn = turnOf(askers.get(share)!)
        return Effect.ensuring(self(turn), Effect.sync(() => leave(turn.cost)))
      })
      return Effect.andThen(waiters.wait(restore, take, () => leave(0), share), asking)
    },
    released: () => {
      releases++
      changes++
      wakeFirst()
    },
    isInUse: () => askers.size > 0
  }
}
