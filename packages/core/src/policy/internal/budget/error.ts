/**
 * The errors of budgets.
 */
import * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as BudgetAccount from "./account.ts"

/** A call that could cost more `dollars` than an account has left. */
export const exceeded = (
  target: Telemetry.Target,
  account: BudgetAccount.Account,
  dollars: number,
  { limit, reserved, spent }: BudgetAccount.Balance
): ProviderError.BudgetExceededError => {
  const name = account.name === undefined ? "the budget" : `the budget "${account.name}"`
  return new ProviderError.BudgetExceededError({
    provider: target.provider,
    model: target.model,
    message:
      `This call of ${Telemetry.nameOf(target)} could cost ${money(dollars)}, and ${name} allows ${money(limit)} ` +
      `${span[account.period]}, of which ${money(spent)} is spent and ${
        money(reserved)
      } reserved for calls in flight. ` +
      `Ask for less with \`maxTokens\` or a shorter prompt, or raise \`${field[account.period]}\` of the budget.`
  })
}

/** A model without a price. */
export const unpriced = (
  { model, provider }: Telemetry.Target,
  missing: "price" | "price for output"
): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider,
    model,
    field: "model",
    problem: `no ${missing} is configured for "${model}"; a budget needs one`,
    remedy: provider === "custom"
      ? "Give it with `Pricing.layer`. Only the model of the request is known of a service that was decorated before: " +
        "put `withBudget` on the layer of the provider, before other decorators"
      : `Give it with \`Pricing.layer([{ model: "${model}", price: { input, output } }])\``
  })

const span = { run: "for the run", day: "in 24 hours" } as const

const field = { run: "perRun", day: "perDay" } as const

/** Nine decimals, the precision of the ledger, without trailing zeros. */
const money = (dollars: number): string =>
  `$${Number.isFinite(dollars) ? dollars.toFixed(9).replace(/\.?0+$/u, "") : String(dollars)}`
