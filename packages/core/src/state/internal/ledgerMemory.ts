/**
 * A ledger in the memory of this process.
 *
 * It goes by the monotonic clock: setting the time of day neither frees a quota nor blocks it. A key costs some sixty
 * numbers for each window and is forgotten once its windows are empty; what is spent in an infinite window stays.
 */
import * as Effect from "effect/Effect"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import type { Operations, Reservation } from "./ledgerData.ts"

export type LedgerMemory = Operations<never>

/** A ledger that also adopts what another one has granted. */
export interface Mirror extends LedgerMemory {
  readonly adopt: (reservation: Reservation) => Effect.Effect<void>
}

export const isMemory = (ledger: Operations<unknown>): ledger is Mirror => all.has(ledger)

const all = new WeakSet<Operations<unknown>>()

export const make = (accounts = new Map<string, LedgerAccount.LedgerAccount>()): Mirror => {
  const timed = <A>(f: (now: number) => A) => Effect.map(Watchdog.now, f)
  const open = <A>(key: string, use: (account: LedgerAccount.LedgerAccount, now: number) => A) =>
    timed((now) => {
      const account = BoundedMap.getOrMake(accounts, key, () => {
        BoundedMap.sweep(accounts, (account) => account.isEmpty(now))
        return LedgerAccount.make()
      })
      return use(account, now)
    })

  const ledger: Mirror = {
    reserve: (reservation) => open(reservation.key, (account, now) => account.reserve(now, reservation)),
    adopt: (reservation) => open(reservation.key, (account, now) => account.adopt(now, reservation)),
    settle: (settlement) => open(settlement.key, (account, now) => account.settle(now, settlement)),
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
