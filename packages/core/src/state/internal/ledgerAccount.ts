/**
 * One key of a ledger in memory: its reservations in flight, its queue, its windows. Time is a parameter, in milliseconds.
 *
 * Waiters are granted eagerly, by any operation that makes room for the head: no room is idle because a waiter sleeps.
 */
import * as Duration from "effect/Duration"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as FairOrder from "./fairOrder.ts"
import type { Amounts, Balance, Decision, Limit, Reservation, Settlement, Unit } from "./ledgerData.ts"

/** When to ask again for what cannot be foreseen, a settlement or a shorter queue, in milliseconds. */
const poll = 100

/** Waiters further back in the queue ask less often: up to this many times {@link poll}. */
const farthest = 10

/** How much of a unit: 0 for NaN and what is negative. An infinite amount fits only where there is no limit. */
export const amountOf = (amounts: Amounts, unit: Unit): number =>
  Math.min(Math.max(amounts[unit] || 0, 0), Number.MAX_SAFE_INTEGER)

/** The limit that has no room for the amounts at any time. A limit of NaN limits nothing. */
export const never = ({ amounts, limits }: Demand): Extract<Decision, { readonly _tag: "never" }> | undefined => {
  const limit = limits.find(({ amount, unit }) => (amounts[unit] ?? 0) > Math.max(0, amount))
  return limit && { _tag: "never", limit: limit.name }
}

/** A wait; asking again at once would be of no use. */
export const wait = (millis: number, limit: string): Extract<Decision, { readonly _tag: "wait" }> => ({
  _tag: "wait",
  retryAfter: Duration.millis(Math.max(1, Math.ceil(millis))),
  limit
})

type Demand = Pick<Reservation, "amounts" | "limits">

/** What a reservation costs its share: the first unit that is limited, in the order tokens, requests, nanodollars. */
export const costOf = ({ amounts, limits }: Demand): number => {
  const unit = units.find((unit) => amountOf(amounts, unit) > 0 && limits.some((limit) => limit.unit === unit))
  return unit === undefined ? 1 : amountOf(amounts, unit)
}

/** What waits, and its place. */
interface Waiting extends Demand {
  readonly place: FairOrder.Entry<string>
  readonly until: number
}

/** What is granted since `at`. */
interface Held extends Pick<Reservation, "amounts"> {
  readonly at: number
  readonly until: number
}

export const units: ReadonlyArray<Unit> = ["tokens", "requests", "nanodollars"]

const nothing = (): Record<Unit, number> => ({ tokens: 0, requests: 0, nanodollars: 0 })

/** An account as data, from which an equal one can be made. The queue is in order of arrival. */
export interface Saved {
  readonly held: ReadonlyArray<readonly [id: string, reservation: Held]>
  readonly queue: ReadonlyArray<readonly [id: string, waiting: Omit<Waiting, "place">, share: string]>
  readonly order: FairOrder.Saved
  readonly windows: ReadonlyArray<SavedWindow>
}

/** A window, and its slots: the time of their newest spending and their amount. */
export interface SavedWindow {
  readonly unit: Unit
  readonly millis: number
  readonly slots: ReadonlyArray<readonly [newest: number, amount: number]>
}

export type LedgerAccount = ReturnType<typeof make>

export const make = (saved?: Saved) => {
  const held = new Leased<Held>()
  const queue = new Leased<Waiting>()
  const order = FairOrder.make<string>(saved?.order)
  const windows = new Map<string, ReturnType<typeof makeWindow>>()
  let reserved = nothing()

  const windowOf = ({ unit, window }: Limit) => {
    const millis = Duration.toMillis(window)
    return BoundedMap.getOrMake(windows, `${millis} ${unit}`, () => makeWindow(unit, millis))
  }

  /** How much too large an amount is for a limit, now. */
  const excess = (now: number, amounts: Amounts, limit: Limit) => {
    const allowed = Math.max(0, limit.amount)
    const over = windowOf(limit).spent(now) + reserved[limit.unit] + amountOf(amounts, limit.unit) - allowed
    // Sums of fractions are compared as exactly as they can be added up.
    return over > allowed * 1e-12 ? over : 0
  }

  const take = (id: string) => {
    const reservation = held.get(id)
    if (reservation === undefined) return undefined
    held.delete(id)
    if (held.size === 0) reserved = nothing()
    else for (const unit of units) reserved[unit] -= amountOf(reservation.amounts, unit)
    return reservation.at
  }

  const hold = (id: string, reservation: Held) => {
    held.set(id, reservation)
    for (const unit of units) reserved[unit] += amountOf(reservation.amounts, unit)
  }

  const fits = (now: number, { amounts, limits }: Demand) => limits.every((limit) => excess(now, amounts, limit) === 0)

  /** Releases what has expired, and grants the head of the queue while there is room. */
  const advance = (now: number) => {
    for (const id of held.ended(now)) take(id)
    for (const id of queue.ended(now)) drop(id)
    for (let head = order.first(); head !== undefined; head = order.first()) {
      const { share, value: id } = head
      const demand = queue.get(id)!
      if (!fits(now, demand)) return
      order.serve()
      order.served(share, costOf(demand))
      queue.delete(id)
      hold(id, { amounts: demand.amounts, at: now, until: demand.until })
    }
  }

  const drop = (id: string) => {
    const waiting = queue.get(id)
    if (waiting === undefined) return
    queue.delete(id)
    order.delete(waiting.place)
  }

  /** The limit that takes longest to have room. */
  const obstacle = (now: number, { amounts, limits }: Demand) => {
    let longest = { millis: 0, name: "" }
    for (const limit of limits) {
      const over = excess(now, amounts, limit)
      if (over === 0) continue
      const foreseen = windowOf(limit).leaving(over) - now
      const millis = reserved[limit.unit] > 0 ? Math.min(foreseen, poll) : foreseen
      if (millis > longest.millis) longest = { millis, name: limit.name }
    }
    return wait(longest.millis, longest.name)
  }

  const balances = (now: number, limits: ReadonlyArray<Limit>): ReadonlyArray<Balance> => {
    advance(now)
    return limits.map((limit) => ({
      limit: limit.name,
      spent: windowOf(limit).spent(now),
      reserved: reserved[limit.unit]
    }))
  }

  for (const [id, reservation] of saved?.held ?? []) hold(id, reservation)
  for (const [id, waiting, share] of saved?.queue ?? []) queue.set(id, { ...waiting, place: order.add(share, id) })
  for (const { millis, slots, unit } of saved?.windows ?? []) {
    windows.set(`${millis} ${unit}`, makeWindow(unit, millis, slots))
  }

  return {
    balances,
    saved: (): Saved => ({
      held: [...held],
      queue: Array.from(queue, ([id, { place, ...waiting }]) => [id, waiting, place.share]),
      order: order.saved(),
      windows: Array.from(windows.values(), (window) => window.saved())
    }),
    /** When nothing is left of it, if nothing more happens. */
    ends: () =>
      Math.max(
        -Infinity,
        ...Array.from(windows.values(), (window) => window.ends()),
        held.lastEnd(),
        queue.lastEnd()
      ),
    reserve: (now: number, { amounts, id, lease, limits, share }: Reservation): Decision => {
      const demand = { amounts, limits }
      const until = now + Duration.toMillis(lease)
      const impossible = never(demand)
      advance(now)
      if (!held.has(id)) {
        if (impossible !== undefined) drop(id)
        else if (queue.size === 0 && fits(now, demand)) {
          hold(id, { amounts, at: now, until })
          if (share !== undefined) order.charge(share, costOf(demand))
        } else queue.set(id, { ...demand, until, place: queue.get(id)?.place ?? order.add(share ?? "", id) })
        advance(now)
      }
      const reservation = held.get(id)
      if (reservation !== undefined) {
        held.set(id, { ...reservation, until })
        return { _tag: "granted", balances: balances(now, limits) }
      }
      const waiting = queue.get(id)
      if (waiting === undefined) return impossible ?? wait(poll, "queue")
      const places = order.ahead(waiting.place, farthest)
      const decision = places === 0 ? obstacle(now, demand) : wait(places * poll, "queue")
      return { ...decision, balances: balances(now, limits) }
    },
    /** Reserves what another ledger has granted, whether there is room or not. */
    adopt: (now: number, { amounts, id, lease }: Reservation) => {
      advance(now)
      const at = take(id) ?? now
      drop(id)
      hold(id, { amounts, at, until: now + Duration.toMillis(lease) })
    },
    settle: (now: number, { age = Duration.zero, amounts, id, limits }: Settlement) => {
      advance(now)
      const at = take(id) ?? now - Duration.toMillis(age)
      drop(id)
      for (const limit of limits) {
        if (amountOf(amounts, limit.unit) > 0) windowOf(limit)
      }
      for (const { enter, unit } of windows.values()) {
        if (amountOf(amounts, unit) > 0) enter(now, at, amountOf(amounts, unit))
      }
      advance(now)
    },
    leave: (now: number, id: string) => {
      take(id)
      drop(id)
      advance(now)
    },
    renew: (now: number, id: string, lease: Duration.Duration) => {
      advance(now)
      const reservation = held.get(id)
      if (reservation !== undefined) held.set(id, { ...reservation, until: now + Duration.toMillis(lease) })
    },
    /** Whether something is reserved or waited for. */
    isInUse: () => held.size > 0 || queue.size > 0,
    /** Whether nothing would be lost with it. */
    isEmpty: (now: number) => {
      advance(now)
      return held.size === 0 && queue.size === 0 && [...windows.values()].every(({ spent }) => spent(now) === 0)
    }
  }
}

/** Entries that expire unless they are renewed, in order of arrival. */
class Leased<A extends { readonly until: number }> extends Map<string, A> {
  /** No entry expires earlier; it may be too low, since entries are renewed. */
  private nextEnd = Infinity

  override set(id: string, entry: A): this {
    this.nextEnd = Math.min(this.nextEnd, entry.until)
    return super.set(id, entry)
  }

  ended(now: number): ReadonlyArray<string> {
    if (now < this.nextEnd) return []
    this.nextEnd = Infinity
    const ids: Array<string> = []
    for (const [id, { until }] of this) {
      if (until <= now) ids.push(id)
      else this.nextEnd = Math.min(this.nextEnd, until)
    }
    return ids
  }

  lastEnd(): number {
    let last = -Infinity
    for (const { until } of this.values()) last = Math.max(last, until)
    return last
  }
}

/**
 * What was spent within a window that slides with time; one that is infinite is a single slot.
 *
 * Spendings are grouped into slots of a sixtieth of the window, so memory is flat however many they are. A slot leaves
 * as a whole, when its newest spending is as old as the window: what the window says is never too little, and too much
 * for a sixtieth of the window at most.
 */
const makeWindow = (unit: Unit, window: number, saved: SavedWindow["slots"] = []) => {
  const slotOf = (at: number) => Math.floor(at / (window / 60))
  const slots = new Map(saved.map(([newest, amount]) => [slotOf(newest), { amount, newest }]))
  let total = 0
  /** No slot leaves earlier; it may be too low, since a slot can get newer. */
  let nextLeave = -Infinity

  const spent = (now: number): number => {
    if (now < nextLeave) return total
    // Added up anew: subtracting fractions would leave dust behind.
    total = 0
    nextLeave = Infinity
    for (const [index, { amount, newest }] of slots) {
      if (newest + window <= now) {
        slots.delete(index)
      } else {
        total += amount
        nextLeave = Math.min(nextLeave, newest + window)
      }
    }
    return total
  }

  return {
    unit,
    spent,
    saved: (): SavedWindow => ({
      unit,
      millis: window,
      slots: Array.from(slots.values(), ({ amount, newest }) => [newest, amount])
    }),
    ends: (): number => Math.max(-Infinity, ...Array.from(slots.values(), ({ newest }) => newest + window)),
    /** Adds a spending of the past; one that is older than the window adds nothing. */
    enter: (now: number, at: number, amount: number): void => {
      if (at + window <= now) return
      spent(now)
      const index = slotOf(at)
      const slot = slots.get(index) ?? { amount: 0, newest: at }
      slots.set(index, { amount: slot.amount + amount, newest: Math.max(slot.newest, at) })
      total += amount
      nextLeave = Math.min(nextLeave, at + window)
    },
    /** When at least `amount` of what was last found spent will have left; `Infinity` if it never will. */
    leaving: (amount: number): number => {
      let left = 0
      for (const slot of [...slots.values()].sort((a, b) => a.newest - b.newest)) {
        left += slot.amount
        // The total was added up in another order, so fractions may differ in the last digit.
        if (left >= amount * (1 - 1e-12)) return slot.newest + window
      }
      return Infinity
    }
  }
}
