/**
 * Budgets in US dollars, or another currency: a call that could cost more than is left fails at once, before anything is sent.
 *
 * `ChatService.withBudget` and `EmbeddingService.withBudget` put one in force, and say what is reserved and settled. A
 * budget never waits: unlike a quota, it is not refilled.
 */
import * as Effect from "effect/Effect"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Ledger from "../state/Ledger.ts"
import * as BudgetAccount from "./internal/budget/account.ts"
import * as KeyedAccounts from "./internal/budget/keyedAccounts.ts"
import * as Key from "./Key.ts"
import * as Pricing from "./Pricing.ts"

export type { Balance, Budget } from "./internal/budget/account.ts"

/**
 * What {@link make} takes.
 *
 * - `perRun`: for one run of a program: for as long as this value is in use. With `run`, together with everything
 *   that has the same `name` and `run`, such as the processes of one nightly job.
 * - `perDay`: within any 24 hours; it is not reset at midnight.
 *
 * - `key`: gives each key of calls, such as a tenant, a budget of its own with these amounts. A call whose key cannot be
 *   told fails with `InvalidRequestError` (`budget.key`) and is not sent.
 * - `currency`: of the amounts, by ISO 4217 (`EUR`); US dollars when missing. A call at a price in another currency fails
 *   with `InvalidRequestError`.
 *
 * A ledger in memory holds 10,000 accounts of keyed budgets that have spent or reserved something. Further new keys share
 * one account, `_OTHER`, and go on to share it while it has spending, so that none spends more than its limit; a warning is
 * logged the first time. In a shared ledger each key has its own.
 *
 * Infinity only counts, and 0 allows nothing. A negative number or NaN is refused where the budget is put in force.
 */
export interface Options extends Partial<BudgetAccount.Budget> {}

/**
 * A budget. Services decorated with the same value, or with budgets of the same name, share it.
 *
 * @example
 * const budget = Budget.make({ name: "support-bot", perRun: 5, perDay: 20 })
 *
 * const Models = Layer.merge(
 *   BedrockChat.layer({ model }).pipe(ChatService.withBudget(budget)),
 *   BedrockEmbedding.layer({ model: embeddingModel }).pipe(EmbeddingService.withBudget(budget))
 * ).pipe(Layer.provide(Pricing.layer(prices)))
 *
 * @example
 * // $5 a day for each tenant, and $200 for all of them
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withBudget(Budget.make({ name: "tenants", perDay: 5, key: Key.metadata("tenant") })),
 *   ChatService.withBudget(Budget.make({ name: "all", perDay: 200 }))
 * )
 */
export const make = (options: Options): BudgetAccount.Budget => {
  const unset = {
    name: undefined,
    run: undefined,
    perRun: undefined,
    perDay: undefined,
    key: undefined,
    currency: undefined
  }
  // Whatever was given is checked where the budget is put in force.
  return { ...unset, ...Check.fieldsOf(options) } as BudgetAccount.Budget
}

/** The balances of a budget; a limit that is not set has none. */
export interface Spending {
  readonly run: BudgetAccount.Balance | undefined
  readonly day: BudgetAccount.Balance | undefined
}

/**
 * What was spent of a budget so far, by everything it counts, not by this process alone; of a budget with a `key`, by the
 * calls of that key, which must be given. Where the key has no account of its own it is what `_OTHER` has spent.
 *
 * Fails with `LedgerError` when the ledger cannot be read, and with `InvalidRequestError` for a value that is not a budget,
 * and for a key of a budget without keys, or none of one with them.
 *
 * @example
 * const { run } = yield* Budget.spent(budget)
 * yield* Effect.log(`$${run?.spent} of $${run?.limit}`)
 *
 * @example
 * const { day } = yield* Budget.spent(perTenant, "tenant-17")
 */
export const spent = Effect.fnUntraced(function*(
  budget: BudgetAccount.Budget,
  key?: string
): Effect.fn.Return<Spending, Ledger.LedgerError | ProviderError.InvalidRequestError> {
  yield* Check.run(check, budget, { provider: "strata", field: "budget" })
  yield* Check.run(budget.key === undefined ? unkeyed : keyed, key, { provider: "strata", field: "key" })
  const spending: { [Period in BudgetAccount.Period]: Spending[Period] } = { run: undefined, day: undefined }
  for (const accounts of BudgetAccount.of(budget, yield* Ledger.Ledger)) {
    spending[accounts.period] = yield* BudgetAccount.balance(yield* KeyedAccounts.look(accounts, key))
  }
  return spending
})

const amount = Check.optional(
  Check.number({ min: 0, remedy: "Use a number from 0, of US dollars or of its `currency`" })
)

const keyed: Check.Check<string> = (given, at) =>
  given === undefined
    ? Check.refuse(at, "the budget has keys, each with balances of its own", "Give one: `Budget.spent(budget, key)`")
    : Key.text(given, at)

const unkeyed: Check.Check<undefined> = (given, at) =>
  given === undefined
    ? given
    : Check.refuse(
      at,
      "the budget has no keys",
      "Leave it out, or give the budget a `key`, such as `Key.metadata(\"tenant\")`"
    )

/** @internal */
export const check: Check.Check<Options> = Check.struct<Options>({
  name: Check.optional(Check.text),
  run: Check.optional(Check.text),
  perRun: amount,
  perDay: amount,
  key: Check.optional(Key.check),
  currency: Check.optional(Pricing.currency)
}, { remedy: "Use `Budget.make`" })
