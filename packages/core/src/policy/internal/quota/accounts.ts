/**
 * The state of a key of a quota in this process, common to all services: its queue, its forecast, its calls in flight.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as QuotaForecast from "./forecast.ts"

/**
 * - `reservations`: how many are in flight.
 * - `gauged`: whether its balances are about to be read, and whether they changed since.
 */
export interface QuotaAccount {
  readonly queue: QuotaQueue
  readonly forecast: QuotaForecast.QuotaForecast
  reservations: number
  gauged: "no" | "fresh" | "stale"
}

/**
 * FIFO queue of the calls of one key; only its head polls the ledger.
 *
 * - `inTurn`: runs an effect when all that came earlier are done or interrupted. Run it uninterruptible: `restore` makes
 *   the wait alone interruptible.
 * - `pause`: for the head: waits for a time, or until {@link wake}.
 * - `listen`: from here on a `wake` ends the next pause, even one that has not begun.
 * - `wake`: there may be room.
 */
export interface QuotaQueue {
  readonly inTurn: <A, E, R>(self: Effect.Effect<A, E, R>, restore: WaitQueue.Restore) => Effect.Effect<A, E, R>
  readonly pause: (duration: Duration.Duration) => Effect.Effect<void>
  readonly listen: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
  readonly isEmpty: () => boolean
}

/** The account of a key in a ledger. */
export const get = (ledger: Ledger.Ledger, key: string): QuotaAccount =>
  BoundedMap.getOrMake(
    BoundedMap.getOrMake(all, ledger, () => BoundedMap.make(most, isInUse)),
    key,
    () => ({ queue: makeQueue(), forecast: QuotaForecast.make(), reservations: 0, gauged: "no" })
  )

const all = new WeakMap<Ledger.Ledger, BoundedMap.BoundedMap<string, QuotaAccount>>()

/** Requests may name any model: the accounts of this many are kept. */
const most = 1_000

const isInUse = ({ queue, reservations }: QuotaAccount) => reservations > 0 || !queue.isEmpty()

const makeQueue = (): QuotaQueue => {
  const waiters = WaitQueue.make()
  const room = Latch.makeUnsafe(false)
  let isTaken = false
  const take = () => !isTaken && (isTaken = true)
  const leave = () => void (isTaken = waiters.next())
  return {
    inTurn: (self, restore) =>
      Effect.andThen(waiters.wait(restore, take, leave), Effect.ensuring(self, Effect.sync(leave))),
    pause: (duration) => Effect.asVoid(Effect.timeoutOption(room.await, duration)),
    listen: Effect.sync(() => room.closeUnsafe()),
    wake: Effect.sync(() => room.openUnsafe()),
    isEmpty: () => !isTaken
  }
}
