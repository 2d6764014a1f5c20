/** The limits of a budget on a ledger, each under its own key, in billionths of a dollar. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as FailingStore from "../../../state/internal/failingStore.ts"
import * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import * as Ledger from "../../../state/Ledger.ts"
import type * as Key from "../../Key.ts"

/**
 * A budget, by `Budget.make`: each value is a budget of its own, even where it equals another.
 *
 * - `name`: everything with this name counts together, on the `Ledger` in force: in many processes where that is shared.
 *   Without a name it is counted in the memory of this process, for this very value.
 * - `run`: the same for `perRun`.
 * - `perRun`, `perDay`: amounts of its currency; `undefined` is no limit.
 * - `currency`: by ISO 4217; US dollars when `undefined`.
 * - `key`: the key of a call, each of which has these limits for itself; `undefined` where all calls share them.
 */
export interface Budget {
  readonly name: string | undefined
  readonly run: string | undefined
  readonly perRun: number | undefined
  readonly perDay: number | undefined
  readonly key: Key.Key | undefined
  readonly currency: string | undefined
}

/** Amounts in the currency of the budget: `limit` of which are `spent`, and `reserved` for calls in flight. */
export interface Balance {
  readonly limit: number
  readonly spent: number
  readonly reserved: number
}

/** What a limit covers: one run of a program, or any 24 hours. */
export type Period = "run" | "day"

/** `key`: its key on the ledger, where nanodollars are billionths of its `currency`. */
export interface Account {
  readonly name: string | undefined
  readonly currency: string
  readonly period: Period
  readonly ledger: Ledger.Ledger
  readonly key: string
  readonly limits: readonly [Ledger.Limit]
}

/**
 * One limit of a budget: a single account, or one for each key of its calls. `at` is the key on the ledger, `other` that of
 * the account which keys share that have none of their own.
 */
export interface Accounts extends Omit<Account, "key"> {
  readonly keyOf: Key.Key | undefined
  readonly at: (key: string | undefined) => string
  readonly other: string
}

/** The limits of a budget; those that have a name are kept in `shared`. */
export const of = (budget: Budget, shared: Ledger.Ledger): ReadonlyArray<Accounts> => {
  const { currency = "USD", key: keyOf, name, perDay, perRun, run } = budget
  const accounts = (
    period: Period,
    named: string | undefined,
    dollars: number,
    window: Duration.Duration
  ): Accounts => {
    // JSON, in which no name or key can look like another: a key is one more item.
    const at = (...key: ReadonlyArray<unknown>) =>
      `budget/${period}${currency === "USD" ? "" : ` ${currency}`}/${
        JSON.stringify(period === "run" ? [name, named, ...key] : [name, ...key])
      }`
    return {
      name,
      currency,
      period,
      keyOf,
      ledger: named === undefined ? BoundedMap.getOrMake(ledgers, budget, LedgerMemory.make) : shared,
      at: (key) => key === undefined ? at() : at(key),
      other: at(["_OTHER"]),
      limits: [{ name: period, unit: "nanodollars", amount: toUnits(dollars), window }]
    }
  }
  return [
    ...(perRun === undefined ? [] : [accounts("run", run, perRun, Duration.infinity)]),
    ...(perDay === undefined ? [] : [accounts("day", name, perDay, Duration.days(1))])
  ]
}

/** The balance of an account; a ledger that is slow or dies fails with `LedgerError` too. */
export const balance = (account: Account): Effect.Effect<Balance, Ledger.LedgerError> =>
  Effect.flatMap(
    FailingStore.timed(() => account.ledger.balances(account.key, account.limits)),
    Exit.match({
      onFailure: (cause) => Effect.fail(unreadable(Cause.squash(cause))),
      onSuccess: (found) => Effect.succeed(inDollars(account, found))
    })
  )

const unreadable = (cause: unknown) =>
  cause instanceof Ledger.LedgerError ? cause : new Ledger.LedgerError({ message: "The ledger cannot be read", cause })

export const inDollars = (
  { limits: [limit] }: Pick<Account, "limits">,
  [found]: ReadonlyArray<Ledger.Balance>
): Balance => ({
  limit: toDollars(limit.amount),
  spent: toDollars(found?.spent ?? 0),
  reserved: toDollars(found?.reserved ?? 0)
})

/** Whole numbers add up exactly: ten calls of $0.01 fit into $0.1. A token of the cheapest models costs ten units. */
export const toUnits = (dollars: number): number =>
  Number.isNaN(dollars) ? 0 : Math.min(Math.max(Math.round(dollars * unitsPerDollar), 0), Number.MAX_SAFE_INTEGER)

const toDollars = (units: number): number => units === Number.MAX_SAFE_INTEGER ? Infinity : units / unitsPerDollar

const unitsPerDollar = 1e9

/** The ledgers of limits that are not shared. */
const ledgers = new WeakMap<Budget, Ledger.Ledger>()
