/**
 * One key of a ledger in memory: its reservations in flight, its queue, its windows. Time is a parameter, in milliseconds.
 *
 * Waiters are granted eagerly, by any operation that makes room for the head of the queue: no room is idle because a
 * waiter sleeps.
 */
import * as Duration from "effect/Duration"
import * as BoundedMap from "../../internal/boundedMap.ts"
import type { Amounts, Balance, Decision, Limit, Reservation, Settlement, Unit } from "./ledgerData.ts"
import * as LedgerWindow from "./ledgerWindow.ts"

/**
 * The operations of a ledger for one key; `isEmpty` when nothing would be lost with it. `adopt` reserves what another
 * ledger has granted, whether there is room or not.
 */
export interface LedgerAccount {
  readonly reserve: (now: number, reservation: Reservation) => Decision
  readonly adopt: (now: number, reservation: Reservation) => void
  readonly settle: (now: number, settlement: Omit<Settlement, "key">) => void
  readonly leave: (now: number, id: string) => void
  readonly renew: (now: number, id: string, lease: Duration.Duration) => void
  readonly balances: (now: number, limits: ReadonlyArray<Limit>) => ReadonlyArray<Balance>
  readonly isEmpty: (now: number) => boolean
}

/** When to ask again for what cannot be foreseen, a settlement or a shorter queue, in milliseconds. */
export const poll = 100

/** Waiters further back in the queue ask less often: up to this many times {@link poll}. */
export const farthest = 10

/** Sums of fractions are compared as exactly as they can be added up. */
export const tolerance = 1e-12

/** How much of a unit: 0 for NaN and what is negative. An infinite amount fits only where there is no limit. */
export const amountOf = (amounts: Amounts, unit: Unit): number => {
  const amount = amounts[unit] ?? 0
  return Number.isNaN(amount) ? 0 : Math.min(Math.max(amount, 0), Number.MAX_SAFE_INTEGER)
}

/** The limit that has no room for the amounts at any time. A limit of NaN limits nothing. */
export const never = ({ amounts, limits }: Pick<Reservation, "amounts" | "limits">): Decision | undefined => {
  const limit = limits.find(({ amount, unit }) => (amounts[unit] ?? 0) > Math.max(0, amount))
  return limit === undefined ? undefined : { _tag: "never", limit: limit.name }
}

/** A wait; asking again at once would be of no use. */
export const wait = (millis: number, limit: string): Extract<Decision, { readonly _tag: "wait" }> => ({
  _tag: "wait",
  retryAfter: Duration.millis(Math.max(1, Math.ceil(millis))),
  limit
})

interface Demand {
  readonly amounts: Amounts
  readonly limits: ReadonlyArray<Limit>
}

interface Place extends Demand {
  readonly until: number
}

interface Held {
  readonly amounts: Amounts
  readonly at: number
  readonly until: number
}

const units: ReadonlyArray<Unit> = ["tokens", "requests", "nanodollars"]

/** Builds an account with nothing on it. */
export const make = (): LedgerAccount => {
  const held = leased<Held>()
  const queue = leased<Place>()
  const windows = new Map<string, { readonly unit: Unit; readonly window: LedgerWindow.LedgerWindow }>()
  let reserved: Record<Unit, number> = nothing()

  const window = ({ unit, window }: Limit) => {
    const millis = Duration.toMillis(window)
    return BoundedMap.getOrMake(windows, `${millis} ${unit}`, () => ({ unit, window: LedgerWindow.make(millis) }))
      .window
  }

  /** How much too large an amount is for a limit, now. */
  const excess = (now: number, amounts: Amounts, limit: Limit) => {
    const allowed = Math.max(0, limit.amount)
    const over = window(limit).spent(now) + reserved[limit.unit] + amountOf(amounts, limit.unit) - allowed
    return over > allowed * tolerance ? over : 0
  }

  const hasRoom = (now: number, { amounts, limits }: Demand) =>
    limits.every((limit) => excess(now, amounts, limit) === 0)

  const take = (id: string) => {
    const reservation = held.entries.get(id)
    if (reservation === undefined) return undefined
    held.entries.delete(id)
    if (held.entries.size === 0) reserved = nothing()
    else for (const unit of units) reserved[unit] -= amountOf(reservation.amounts, unit)
    return reservation
  }

  const hold = (id: string, reservation: Held) => {
    held.set(id, reservation)
    for (const unit of units) reserved[unit] += amountOf(reservation.amounts, unit)
  }

  /** Releases what has expired, and grants the head of the queue while there is room. */
  const advance = (now: number) => {
    for (const id of held.ended(now)) take(id)
    for (const id of queue.ended(now)) queue.entries.delete(id)
    for (const [id, place] of queue.entries) {
      if (!hasRoom(now, place)) return
      queue.entries.delete(id)
      hold(id, { amounts: place.amounts, at: now, until: place.until })
    }
  }

  const obstacle = (now: number, { amounts, limits }: Demand) => {
    let longest = 0
    let name = ""
    for (const limit of limits) {
      const over = excess(now, amounts, limit)
      if (over === 0) continue
      const foreseen = window(limit).leaving(now, over) - now
      const millis = reserved[limit.unit] > 0 ? Math.min(foreseen, poll) : foreseen
      if (millis > longest) {
        longest = millis
        name = limit.name
      }
    }
    return wait(longest, name)
  }

  const ahead = (id: string) => {
    let places = 0
    for (const other of queue.entries.keys()) {
      if (other === id || places === farthest) break
      places++
    }
    return places
  }

  const balances = (now: number, limits: ReadonlyArray<Limit>) =>
    limits.map((limit) => ({
      limit: limit.name,
      spent: window(limit).spent(now),
      reserved: reserved[limit.unit]
    }))

  return {
    reserve: (now, { amounts, id, lease, limits }) => {
      const place = { amounts, limits, until: now + Duration.toMillis(lease) }
      const impossible = never({ amounts, limits })
      advance(now)
      if (!held.entries.has(id)) {
        if (impossible === undefined) queue.set(id, place)
        else queue.entries.delete(id)
        advance(now)
      }
      const reservation = held.entries.get(id)
      if (reservation !== undefined) {
        held.set(id, { ...reservation, until: place.until })
        return { _tag: "granted", balances: balances(now, limits) }
      }
      if (impossible !== undefined) return impossible
      const places = ahead(id)
      return {
        ...(places === 0 ? obstacle(now, place) : wait(places * poll, "queue")),
        balances: balances(now, limits)
      }
    },
    adopt: (now, { amounts, id, lease }) => {
      advance(now)
      const at = take(id)?.at ?? now
      queue.entries.delete(id)
      hold(id, { amounts, at, until: now + Duration.toMillis(lease) })
    },
    settle: (now, { age = Duration.zero, amounts, id, limits }) => {
      advance(now)
      const at = take(id)?.at ?? now - Duration.toMillis(age)
      queue.entries.delete(id)
      for (const limit of limits) {
        if (amountOf(amounts, limit.unit) > 0) window(limit)
      }
      for (const { unit, window } of windows.values()) {
        const spent = amountOf(amounts, unit)
        if (spent > 0) window.enter(now, at, spent)
      }
      advance(now)
    },
    leave: (now, id) => {
      take(id)
      queue.entries.delete(id)
      advance(now)
    },
    renew: (now, id, lease) => {
      advance(now)
      const reservation = held.entries.get(id)
      if (reservation !== undefined) held.set(id, { ...reservation, until: now + Duration.toMillis(lease) })
    },
    balances: (now, limits) => {
      advance(now)
      return balances(now, limits)
    },
    isEmpty: (now) => {
      advance(now)
      return held.entries.size === 0 && queue.entries.size === 0 &&
        [...windows.values()].every(({ window }) => window.spent(now) === 0)
    }
  }
}

const nothing = (): Record<Unit, number> => ({ tokens: 0, requests: 0, nanodollars: 0 })

/** Entries that expire unless they are renewed, in order of arrival. */
const leased = <A extends { readonly until: number }>() => {
  const entries = new Map<string, A>()
  /** No entry expires earlier; it may be too low, since entries are renewed. */
  let nextEnd = Infinity
  return {
    entries,
    set: (id: string, entry: A) => {
      entries.set(id, entry)
      nextEnd = Math.min(nextEnd, entry.until)
    },
    ended: (now: number): ReadonlyArray<string> => {
      if (now < nextEnd) return []
      nextEnd = Infinity
      const ids: Array<string> = []
      for (const [id, { until }] of entries) {
        if (until <= now) ids.push(id)
        else nextEnd = Math.min(nextEnd, until)
      }
      return ids
    }
  }
}
