/**
 * What a process keeps for each key of its quotas, common to all its services: the queue, and what was learned.
 */
import * as BoundedMap from "../../../internal/boundedMap.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as QuotaForecast from "./forecast.ts"
import * as QuotaQueue from "./queue.ts"

/**
 * - `reservations`: how many are in flight.
 * - `gauged`: whether its balances are about to be read, and whether they changed since.
 */
export interface QuotaAccount {
  readonly queue: QuotaQueue.QuotaQueue
  readonly forecast: QuotaForecast.QuotaForecast
  reservations: number
  gauged: "no" | "fresh" | "stale"
}

/** The account of a key in a ledger. */
export const get = (ledger: Ledger.Ledger, key: string): QuotaAccount => {
  let accounts = all.get(ledger)
  if (accounts === undefined) all.set(ledger, accounts = BoundedMap.make(most, isInUse))
  const known = accounts.get(key)
  if (known !== undefined) return known
  const made: QuotaAccount = {
    queue: QuotaQueue.make(),
    forecast: QuotaForecast.make(),
    reservations: 0,
    gauged: "no"
  }
  accounts.set(key, made)
  return made
}

const all = new WeakMap<Ledger.Ledger, BoundedMap.BoundedMap<string, QuotaAccount>>()

/** Models may be named by those who use a program: what was learned of so many is kept. */
const most = 1_000

const isInUse = ({ queue, reservations }: QuotaAccount) => reservations > 0 || !queue.isEmpty()
