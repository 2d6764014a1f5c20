/**
 * A ledger in the memory of this process.
 *
 * It goes by the monotonic clock: that somebody sets the time of day neither frees a quota nor blocks it. A key costs some
 * sixty numbers for each window and is forgotten once nothing is on it; what is spent in an infinite window stays.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Ledger } from "../Ledger.ts"
import * as LedgerAccount from "./ledgerAccount.ts"

/** A {@link Ledger} that always answers. */
export type LedgerMemory = {
  readonly [Operation in keyof Ledger]: (
    ...parameters: Parameters<Ledger[Operation]>
  ) => Effect.Effect<Effect.Success<ReturnType<Ledger[Operation]>>>
}

/** Builds an empty ledger. */
export const make = (): LedgerMemory => makeIn(new Map())

/** Builds a ledger whose accounts can be looked at. */
export const makeIn = (accounts: Map<string, LedgerAccount.LedgerAccount>): LedgerMemory => {
  const open = (key: string, now: number) => {
    const known = accounts.get(key)
    if (known !== undefined) return known
    sweep(now)
    const made = LedgerAccount.make()
    accounts.set(key, made)
    return made
  }

  /** Whenever a key comes, two that are there are looked at, in turn: so empty ones go faster than new ones come. */
  const sweep = (now: number) => {
    let looks = 2
    for (const [key, account] of accounts) {
      if (looks-- === 0) return
      accounts.delete(key)
      if (!account.isEmpty(now)) accounts.set(key, account)
    }
  }

  return {
    reserve: (reservation) => timed((now) => open(reservation.key, now).reserve(now, reservation)),
    settle: (settlement) => timed((now) => open(settlement.key, now).settle(now, settlement)),
    leave: ({ id, key }) => timed((now) => accounts.get(key)?.leave(now, id)),
    renew: (reservations, lease) =>
      timed((now) => {
        for (const { id, key } of reservations) accounts.get(key)?.renew(now, id, lease)
      }),
    balances: (key, limits) => timed((now) => (accounts.get(key) ?? LedgerAccount.make()).balances(now, limits))
  }
}

const timed = <A>(f: (now: number) => A): Effect.Effect<A> =>
  Clock.clockWith((clock) => Effect.sync(() => f(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)))
