/**
 * The errors of budgets.
 */
import * as Option from "effect/Option"
import * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Budget from "../../Budget.ts"
import type * as BudgetAccount from "./account.ts"

/** A call that could cost more `dollars` than an account has left. */
export const exceeded = (
  target: Telemetry.Target,
  { budget, period }: BudgetAccount.Account,
  dollars: number,
  balance: Option.Option<Budget.Balance>
): ProviderError.BudgetExceededError => {
  const name = budget.name === undefined ? "the budget" : `the budget "${budget.name}"`
  const numbers = Option.match(balance, {
    onNone: () => "has less than that left",
    onSome: ({ limit, reserved, spent }) =>
      `allows ${money(limit)} ${span[period]}, of which ${money(spent)} is spent and ${
        money(reserved)
      } set aside for ` +
      "calls in flight"
  })
  return new ProviderError.BudgetExceededError({
    provider: target.provider,
    model: target.model,
    message: `This call of ${Telemetry.nameOf(target)} could cost ${money(dollars)}, and ${name} ${numbers}. ` +
      `Ask for less with \`maxTokens\` or a shorter prompt, or raise \`${field[period]}\` of the budget.`
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
      ? "Give it with `Pricing.layer`. Of a service that was decorated before only the model of the request is known: " +
        "put `withBudget` on the layer of the provider, before other decorators"
      : `Give it with \`Pricing.layer([{ model: "${model}", price: { input, output } }])\``
  })

const span = { run: "for the run", day: "in 24 hours" } as const

const field = { run: "perRun", day: "perDay" } as const

/** All nine digits that are counted, without the zeros at the end. */
const money = (dollars: number): string =>
  `$${Number.isFinite(dollars) ? dollars.toFixed(9).replace(/\.?0+$/u, "") : String(dollars)}`
