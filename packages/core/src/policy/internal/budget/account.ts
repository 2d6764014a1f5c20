/** The limits of a budget on a ledger, each under its own key, in billionths of a dollar. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as FailingStore from "../../../state/internal/failingStore.ts"
import * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import * as Ledger from "../../../state/Ledger.ts"

/**
 * A budget, by `Budget.make`: each value is a budget of its own, even where it equals another.
 *
 * - `name`: everything with this name counts together, on the `Ledger` in force: in many processes where that is shared.
 *   Without a name it is counted in the memory of this process, for this very value.
 * - `run`: the same for `perRun`.
 * - `perRun`, `perDay`: US dollars; `undefined` is no limit.
 */
export interface Budget {
  readonly name: string | undefined
  readonly run: string | undefined
  readonly perRun: number | undefined
  readonly perDay: number | undefined
}

/** US dollars: `limit` of which are `spent`, and `reserved` for calls in flight. */
export interface Balance {
  readonly limit: number
  readonly spent: number
  readonly reserved: number
}

/** What a limit covers: one run of a program, or any 24 hours. */
export type Period = "run" | "day"

export interface Account {
  readonly name: string | undefined
  readonly period: Period
  readonly ledger: Ledger.Ledger
  readonly key: string
  readonly limits: readonly [Ledger.Limit]
}

/** The limits of a budget; those that have a name are kept in `shared`. */
export const of = (budget: Budget, shared: Ledger.Ledger): ReadonlyArray<Account> => {
  const { name, perDay, perRun, run } = budget
  const account = (period: Period, named: string | undefined, dollars: number, window: Duration.Duration): Account => ({
    name,
    period,
    ledger: named === undefined ? BoundedMap.getOrMake(ledgers, budget, LedgerMemory.make) : shared,
    key: `budget/${period}/${JSON.stringify(period === "run" ? [name, named] : [name])}`,
    limits: [{ name: period, unit: "nanodollars", amount: toUnits(dollars), window }]
  })
  return [
    ...(perRun === undefined ? [] : [account("run", run, perRun, Duration.infinity)]),
    ...(perDay === undefined ? [] : [account("day", name, perDay, Duration.days(1))])
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

export const inDollars = ({ limits: [limit] }: Account, [found]: ReadonlyArray<Ledger.Balance>): Balance => ({
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
