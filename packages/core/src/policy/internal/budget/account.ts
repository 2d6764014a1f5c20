/**
 * Where the limits of a budget are kept: each under a key of its own, on a ledger that counts in billionths of a dollar.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FailingStore from "../../../state/internal/failingStore.ts"
import * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import * as Ledger from "../../../state/Ledger.ts"
import type * as Budget from "../../Budget.ts"

/** What a limit is about: one run of a program, or any 24 hours. */
export type Period = "run" | "day"

/** One limit of a budget. */
export interface Account {
  readonly budget: Budget.Budget
  readonly period: Period
  readonly ledger: Ledger.Ledger
  readonly key: string
  readonly limits: readonly [Ledger.Limit]
}

/** The limits of a budget; `shared` keeps what has a name. */
export const of = (budget: Budget.Budget, shared: Ledger.Ledger): ReadonlyArray<Account> => {
  const { name, perDay, perRun, run } = budget
  const account = (period: Period, named: string | undefined, dollars: number, window: Duration.Duration): Account => ({
    budget,
    period,
    ledger: named === undefined ? own(budget) : shared,
    key: `budget/${period}/${JSON.stringify(period === "run" ? [name, named] : [name])}`,
    limits: [{ name: period, unit: "nanodollars", amount: toUnits(dollars), window }]
  })
  return [
    ...(perRun === undefined ? [] : [account("run", run, perRun, Duration.infinity)]),
    ...(perDay === undefined ? [] : [account("day", name, perDay, Duration.days(1))])
  ]
}

/** What an account has on it, in dollars, as its ledger says: one that is slow or dies fails like any other. */
export const balance = (account: Account): Effect.Effect<Budget.Balance, Ledger.LedgerError> =>
  Effect.flatMap(
    FailingStore.timed(() => account.ledger.balances(account.key, account.limits)),
    Exit.match({
      onFailure: (cause) => Effect.fail(unread(Cause.squash(cause))),
      onSuccess: (found) => Effect.succeed(inDollars(account, found))
    })
  )

const unread = (cause: unknown) =>
  cause instanceof Ledger.LedgerError ? cause : new Ledger.LedgerError({ message: "The ledger cannot be read", cause })

/** The balance of an account in dollars. */
export const inDollars = (
  { limits: [limit] }: Account,
  [found]: ReadonlyArray<Ledger.Balance>
): Budget.Balance => ({
  limit: toDollars(limit.amount),
  spent: toDollars(found?.spent ?? 0),
  reserved: toDollars(found?.reserved ?? 0)
})

/**
 * Whole numbers add up exactly: ten calls of $0.01 fit into $0.1. A billionth is a tenth of what a token of the cheapest
 * models costs.
 */
export const toUnits = (dollars: number): number =>
  Number.isNaN(dollars) ? 0 : Math.min(Math.max(Math.round(dollars * unitsPerDollar), 0), Number.MAX_SAFE_INTEGER)

const toDollars = (units: number): number => units === Number.MAX_SAFE_INTEGER ? Infinity : units / unitsPerDollar

const unitsPerDollar = 1e9

/** The ledger of what a budget does not share. */
const own = (budget: Budget.Budget): Ledger.Ledger => {
  const known = ledgers.get(budget)
  if (known !== undefined) return known
  const made = LedgerMemory.make()
  ledgers.set(budget, made)
  return made
}

const ledgers = new WeakMap<Budget.Budget, Ledger.Ledger>()
