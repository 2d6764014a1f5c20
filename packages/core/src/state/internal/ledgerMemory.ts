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

/**
 * - `adopt`: adopts what another ledger has granted.
 * - `isEmpty`: whether a key has neither spending nor reservations nor a queue, at a time of `Watchdog`.
 */
export interface Mirror extends LedgerMemory {
  readonly adopt: (reservation: Reservation) => Effect.Effect<void>
  readonly isEmpty: (key: string, now: number) => boolean
}

type Accounts = Map<string, LedgerAccount.LedgerAccount>

type Bounded = BoundedMap.BoundedMap<string, LedgerAccount.LedgerAccount>

export const isMemory = (ledger: Operations<unknown>): ledger is Mirror => memories.has(ledger)

const memories = new WeakSet<Operations<unknown>>()

/** Empty accounts are forgotten; a bounded map forgets others too, which is for those whose state is elsewhere. */
export const make = (accounts: Accounts | Bounded = new Map()): Mirror => {
  const timed = <A>(f: (now: number) => A) => Effect.map(Watchdog.now, f)
  const open = <A>(key: string, use: (account: LedgerAccount.LedgerAccount, now: number) => A) =>
    timed((now) => {
      const account = BoundedMap.getOrMake(accounts, key, () => {
        if (accounts instanceof Map) BoundedMap.sweep(accounts, (account) => account.isEmpty(now))
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
    isEmpty: (key, now) => accounts.get(key)?.isEmpty(now) ?? true,
    balances: (key, limits) => timed((now) => (accounts.get(key) ?? LedgerAccount.make()).balances(now, limits))
  }
  memories.add(ledger)
  return ledger
}
