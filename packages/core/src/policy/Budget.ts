/**
 * Budgets in US dollars: a call that could cost more than is left fails at once, before anything is sent.
 *
 * `ChatService.withBudget` and `EmbeddingService.withBudget` put one in force. It sets aside the most a call can cost by the
 * prices of `Pricing` (the prompt, estimated rather too high, and `maxTokens` of output) and, when the call has ended,
 * enters what it did cost. So calls that run at the same time never spend together what only one of them could have. A
 * budget never waits: money, unlike tokens, does not come back by itself.
 */
import * as Effect from "effect/Effect"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Ledger from "../state/Ledger.ts"
import * as BudgetAccount from "./internal/budget/account.ts"

/**
 * A budget, by {@link make}: each is a budget of its own, also where it says the same as another.
 *
 * - `name`: everything that has this name counts together, on the `Ledger` in force: in many processes where that is
 *   shared. What has no name is counted in the memory of this process, for this very value.
 * - `run`: the same for `perRun`.
 * - `perRun`, `perDay`: US dollars; `undefined` is no limit.
 */
export interface Budget {
  readonly name: string | undefined
  readonly run: string | undefined
  readonly perRun: number | undefined
  readonly perDay: number | undefined
}

/**
 * What {@link make} takes.
 *
 * - `perRun`: for one run of a program: for as long as the budget, a value, is in use. With `run`, together with
 *   everything that has the same `name` and `run`, such as the processes of one nightly job.
 * - `perDay`: within any 24 hours, not by the calendar: nothing is to be had at midnight that was not there before.
 *
 * Infinity only counts, and 0 allows nothing. A figure that is negative or no number is refused where the budget is put
 * in force.
 */
export interface Options {
  readonly name?: string | undefined
  readonly run?: string | undefined
  readonly perRun?: number | undefined
  readonly perDay?: number | undefined
}

/**
 * A budget. Decorate chat and embeddings with the same one, or with ones of the same name, and they share it.
 *
 * @example
 * const budget = Budget.make({ name: "support-bot", perRun: 5, perDay: 20 })
 *
 * const Models = Layer.merge(
 *   BedrockChat.layer({ model }).pipe(ChatService.withBudget(budget)),
 *   BedrockEmbedding.layer({ model: embeddingModel }).pipe(EmbeddingService.withBudget(budget))
 * ).pipe(Layer.provide(Pricing.layer(prices)))
 */
export const make = (options: Options): Budget =>
  // Whatever was given is checked where the budget is put in force.
  ({ name: undefined, run: undefined, perRun: undefined, perDay: undefined, ...Check.fieldsOf(options) }) as Budget

/** US dollars: `limit` of which are `spent`, and `reserved` for calls in flight. */
export interface Balance {
  readonly limit: number
  readonly spent: number
  readonly reserved: number
}

/** What a budget has on it now; a limit it does not have has no balance. */
export interface Spending {
  readonly run: Balance | undefined
  readonly day: Balance | undefined
}

/**
 * What was spent of a budget so far, for progress and reports: by everything it counts, not by this process alone.
 * Fails with `LedgerError` when the ledger cannot be read, and with `InvalidRequestError` for what is no budget.
 *
 * @example
 * const { run } = yield* Budget.spent(budget)
 * yield* Effect.log(`$${run?.spent} of $${run?.limit}`)
 */
export const spent = (
  budget: Budget
): Effect.Effect<Spending, Ledger.LedgerError | ProviderError.InvalidRequestError> =>
  Effect.gen(function*() {
    yield* Check.run(check, budget, { provider: "strata", field: "budget" })
    const accounts = BudgetAccount.of(budget, yield* Ledger.Ledger)
    const of = (period: BudgetAccount.Period) => {
      const account = accounts.find((account) => account.period === period)
      return account === undefined ? Effect.undefined : BudgetAccount.balance(account)
    }
    return { run: yield* of("run"), day: yield* of("day") }
  })

const dollars = Check.optional(Check.number({ min: 0, remedy: "Use a number of US dollars from 0" }))

/**
 * A budget that may be any value. What it counts is kept for the very value that was given, not for the copy.
 *
 * @internal
 */
export const check: Check.Check<Options> = Check.struct<Options>({
  name: Check.optional(Check.text),
  run: Check.optional(Check.text),
  perRun: dollars,
  perDay: dollars
}, { remedy: "Use `Budget.make`" })
