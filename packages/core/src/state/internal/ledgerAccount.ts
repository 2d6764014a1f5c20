/**
 * One key of a ledger in memory: its reservations in flight, its line, its windows. Time comes from outside, in
 * milliseconds.
 *
 * Whoever waits is granted in absence: as soon as there is room for the first in line, by whatever operation, it is set
 * aside for him, and he learns of it when he asks again. Room is never idle because its owner sleeps.
 */
import * as Duration from "effect/Duration"
import type { Balance, Decision, Limit, Reservation } from "../Ledger.ts"
import * as LedgerWindow from "./ledgerWindow.ts"

/** The operations of a ledger for one key; `isEmpty` when nothing would be lost with it. */
export interface LedgerAccount {
  readonly reserve: (now: number, reservation: Reservation) => Decision
  readonly settle: (now: number, settlement: Omit<Reservation, "key" | "lease">) => void
  readonly leave: (now: number, id: string) => void
  readonly renew: (now: number, id: string, lease: Duration.Duration) => void
  readonly balances: (now: number, limits: ReadonlyArray<Limit>) => ReadonlyArray<Balance>
  readonly isEmpty: (now: number) => boolean
}

/** When to ask again for what cannot be foreseen: a settlement, or the line getting shorter. In milliseconds. */
export const poll = 100

/** Who is far behind in line asks less often, up to so many times {@link poll}. */
export const farthest = 10

/** Sums of fractions are compared as exactly as they can be added up. */
export const tolerance = 1e-12

/**
 * An amount to reckon with: what is no number or negative is nothing, and what is infinite is so large that it only
 * fits where there is no limit.
 */
export const finite = (amount: number): number =>
  Number.isNaN(amount) ? 0 : Math.min(Math.max(amount, 0), Number.MAX_SAFE_INTEGER)

/** The limit that has no room for an amount at any time. A limit that is no number limits nothing. */
export const never = ({ amount, limits }: Pick<Reservation, "amount" | "limits">): Decision | undefined => {
  const limit = limits.find((limit) => amount > Math.max(0, limit.amount))
  return limit === undefined ? undefined : { _tag: "never", limit: limit.name }
}

/** A wait; asking again at once would be of no use. */
export const wait = (millis: number, limit: string): Decision => ({
  _tag: "wait",
  retryAfter: Duration.millis(Math.max(1, Math.ceil(millis))),
  limit
})

interface Demand {
  readonly amount: number
  readonly limits: ReadonlyArray<Limit>
}

interface Place extends Demand {
  readonly until: number
}

interface Held {
  readonly amount: number
  readonly at: number
  readonly until: number
}

/** Builds an account with nothing on it. */
export const make = (): LedgerAccount => {
  const held = leased<Held>()
  const line = leased<Place>()
  const windows = new Map<number, LedgerWindow.LedgerWindow>()
  let reserved = 0

  const window = (limit: Limit) => {
    const millis = Duration.toMillis(limit.window)
    const known = windows.get(millis)
    if (known !== undefined) return known
    const made = LedgerWindow.make(millis)
    windows.set(millis, made)
    return made
  }

  /** How much too large an amount is for a limit, now. */
  const excess = (now: number, amount: number, limit: Limit) => {
    const allowed = Math.max(0, limit.amount)
    const over = window(limit).spent(now) + reserved + amount - allowed
    return over > allowed * tolerance ? over : 0
  }

  const hasRoom = (now: number, { amount, limits }: Demand) => limits.every((limit) => excess(now, amount, limit) === 0)

  const take = (id: string) => {
    const reservation = held.entries.get(id)
    if (reservation === undefined) return undefined
    held.entries.delete(id)
    reserved = held.entries.size === 0 ? 0 : reserved - reservation.amount
    return reservation
  }

  const hold = (id: string, reservation: Held) => {
    held.set(id, reservation)
    reserved += reservation.amount
  }

  /** Gives back what nobody renewed, and moves up in line. */
  const advance = (now: number) => {
    for (const id of held.ended(now)) take(id)
    for (const id of line.ended(now)) line.entries.delete(id)
    for (const [id, place] of line.entries) {
      if (!hasRoom(now, place)) return
      line.entries.delete(id)
      hold(id, { amount: place.amount, at: now, until: place.until })
    }
  }

  const obstacle = (now: number, { amount, limits }: Demand): Decision => {
    let longest = 0
    let name = ""
    for (const limit of limits) {
      const over = excess(now, amount, limit)
      if (over === 0) continue
      const foreseen = window(limit).leaving(now, over) - now
      const millis = reserved > 0 ? Math.min(foreseen, poll) : foreseen
      if (millis > longest) {
        longest = millis
        name = limit.name
      }
    }
    return wait(longest, name)
  }

  const ahead = (id: string) => {
    let places = 0
    for (const other of line.entries.keys()) {
      if (other === id || places === farthest) break
      places++
    }
    return places
  }

  return {
    reserve: (now, { id, lease, limits, ...request }) => {
      const place = { amount: finite(request.amount), limits, until: now + Duration.toMillis(lease) }
      const impossible = never({ amount: request.amount, limits })
      advance(now)
      if (!held.entries.has(id)) {
        if (impossible === undefined) line.set(id, place)
        else line.entries.delete(id)
        advance(now)
      }
      const reservation = held.entries.get(id)
      if (reservation !== undefined) {
        held.set(id, { ...reservation, until: place.until })
        return { _tag: "granted" }
      }
      if (impossible !== undefined) return impossible
      const places = ahead(id)
      return places === 0 ? obstacle(now, place) : wait(places * poll, "line")
    },
    settle: (now, { amount, id, limits }) => {
      advance(now)
      const at = take(id)?.at ?? now
      line.entries.delete(id)
      const spent = finite(amount)
      if (spent > 0) {
        for (const limit of limits) window(limit)
        for (const window of windows.values()) window.enter(now, at, spent)
      }
      advance(now)
    },
    leave: (now, id) => {
      take(id)
      line.entries.delete(id)
      advance(now)
    },
    renew: (now, id, lease) => {
      advance(now)
      const reservation = held.entries.get(id)
      if (reservation !== undefined) held.set(id, { ...reservation, until: now + Duration.toMillis(lease) })
    },
    balances: (now, limits) => {
      advance(now)
      return limits.map((limit) => ({ limit: limit.name, spent: window(limit).spent(now), reserved }))
    },
    isEmpty: (now) => {
      advance(now)
      return held.entries.size === 0 && line.entries.size === 0 &&
        [...windows.values()].every((window) => window.spent(now) === 0)
    }
  }
}

/** Entries that end unless they are renewed, in order of their arrival. */
const leased = <A extends { readonly until: number }>() => {
  const entries = new Map<string, A>()
  /** No entry ends earlier; it may be too low, since entries are renewed. */
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
