/**
 * A ledger in the memory of this process.
 *
 * It goes by the monotonic clock: setting the time of day neither frees a quota nor blocks it. A key costs some sixty
 * numbers for each window and is forgotten once nothing is on it; what is spent in an infinite window stays.
 */
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"
import type { Ledger, Reservation } from "../Ledger.ts"
import * as LedgerAccount from "./ledgerAccount.ts"

/** A {@link Ledger} that always answers. */
export type LedgerMemory = {
  readonly [Operation in keyof Ledger]: (
    ...parameters: Parameters<Ledger[Operation]>
  ) => Effect.Effect<Effect.Success<ReturnType<Ledger[Operation]>>>
}

/** A ledger that also takes on what another one has granted. */
export interface Mirror extends LedgerMemory {
  readonly adopt: (reservation: Reservation) => Effect.Effect<void>
}

/** Builds an empty ledger. */
export const make = (): Mirror => makeIn(new Map())

/** Whether a ledger is one of these. */
export const isMemory = (ledger: Ledger): ledger is Mirror => all.has(ledger)

const all = new WeakSet<Ledger>()

/** Builds a ledger whose accounts can be looked at. */
export const makeIn = (accounts: Map<string, LedgerAccount.LedgerAccount>): Mirror => {
  const open = (key: string, now: number) => {
    const known = accounts.get(key)
    if (known !== undefined) return known
    sweep(now)
    const made = LedgerAccount.make()
    accounts.set(key, made)
    return made
  }

  /** Each new key looks at two known ones, in turn, so that empty ones go faster than new ones come. */
  const sweep = (now: number) => {
    let looks = 2
    for (const [key, account] of accounts) {
      if (looks-- === 0) return
      accounts.delete(key)
      if (!account.isEmpty(now)) accounts.set(key, account)
    }
  }

  const timed = <A>(f: (now: number) => A) => Effect.map(Watchdog.now, f)

  const ledger: Mirror = {
    reserve: (reservation) => timed((now) => open(reservation.key, now).reserve(now, reservation)),
    adopt: (reservation) => timed((now) => open(reservation.key, now).adopt(now, reservation)),
    settle: (settlement) => timed((now) => open(settlement.key, now).settle(now, settlement)),
    leave: ({ id, key }) => timed((now) => accounts.get(key)?.leave(now, id)),
    renew: (reservations, lease) =>
      timed((now) => {
        for (const { id, key } of reservations) accounts.get(key)?.renew(now, id, lease)
      }),
    balances: (key, limits) => timed((now) => (accounts.get(key) ?? LedgerAccount.make()).balances(now, limits))
  }
  all.add(ledger)
  return ledger
}
