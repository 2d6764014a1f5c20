/**
 * Budgets in US dollars: a call that could cost more than is left fails at once, before anything is sent.
 *
 * `ChatService.withBudget` and `EmbeddingService.withBudget` put one in force, and say what is reserved and settled. A
 * budget never waits: unlike a quota, it is not refilled.
 */
import * as Effect from "effect/Effect"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Ledger from "../state/Ledger.ts"
import * as BudgetAccount from "./internal/budget/account.ts"

export type { Balance, Budget } from "./internal/budget/account.ts"

/**
 * What {@link make} takes.
 *
 * - `perRun`: for one run of a program: for as long as this value is in use. With `run`, together with everything
 *   that has the same `name` and `run`, such as the processes of one nightly job.
 * - `perDay`: within any 24 hours; it is not reset at midnight.
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
 */
export const make = (options: Options): BudgetAccount.Budget => {
  const unset = { name: undefined, run: undefined, perRun: undefined, perDay: undefined }
  // Whatever was given is checked where the budget is put in force.
  return { ...unset, ...Check.fieldsOf(options) } as BudgetAccount.Budget
}

/** The balances of a budget; a limit that is not set has none. */
export interface Spending {
  readonly run: BudgetAccount.Balance | undefined
  readonly day: BudgetAccount.Balance | undefined
}

/**
 * What was spent of a budget so far, by everything it counts, not by this process alone. Fails with `LedgerError` when the
 * ledger cannot be read, and with `InvalidRequestError` for a value that is not a budget.
 *
 * @example
 * const { run } = yield* Budget.spent(budget)
 * yield* Effect.log(`$${run?.spent} of $${run?.limit}`)
 */
export const spent = Effect.fnUntraced(function*(
  budget: BudgetAccount.Budget
): Effect.fn.Return<Spending, Ledger.LedgerError | ProviderError.InvalidRequestError> {
  yield* Check.run(check, budget, { provider: "strata", field: "budget" })
  const spending: { [Period in BudgetAccount.Period]: Spending[Period] } = { run: undefined, day: undefined }
  for (const account of BudgetAccount.of(budget, yield* Ledger.Ledger)) {
    spending[account.period] = yield* BudgetAccount.balance(account)
  }
  return spending
})

const dollars = Check.optional(Check.number({ min: 0, remedy: "Use a number of US dollars from 0" }))

/** @internal */
export const check: Check.Check<Options> = Check.struct<Options>({
  name: Check.optional(Check.text),
  run: Check.optional(Check.text),
  perRun: dollars,
  perDay: dollars
}, { remedy: "Use `Budget.make`" })
