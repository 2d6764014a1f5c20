/**
 * What a process keeps for each key of its quotas, common to all its services: the line, and what was learned.
 */
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import * as QuotaForecast from "./forecast.ts"
import * as QuotaLine from "./line.ts"

/** `gauged`: whether somebody is about to read its balances, and whether they changed since. */
export interface QuotaAccount {
  readonly line: QuotaLine.QuotaLine
  readonly forecast: QuotaForecast.QuotaForecast
  gauged: "no" | "fresh" | "stale"
}

/** The account of a key in a ledger. */
export const get = (ledger: LedgerMemory.LedgerMemory, key: string): QuotaAccount => {
  let accounts = all.get(ledger)
  if (accounts === undefined) all.set(ledger, accounts = new Map())
  const known = accounts.get(key)
  // The map is in order of use, so that those not used for the longest time are at its beginning.
  if (known !== undefined) accounts.delete(key)
  const account = known ?? { line: QuotaLine.make(), forecast: QuotaForecast.make(), gauged: "no" }
  accounts.set(key, account)
  if (accounts.size > most) forgetOne(accounts)
  return account
}

const all = new WeakMap<LedgerMemory.LedgerMemory, Map<string, QuotaAccount>>()

/** Models may be named by those who use a program: what they name is not kept for ever. */
const most = 1_000

const forgetOne = (accounts: Map<string, QuotaAccount>) => {
  for (const [key, { line }] of accounts) {
    if (!line.isEmpty()) continue
    accounts.delete(key)
    return
  }
}
