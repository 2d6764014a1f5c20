/**
 * What a call can cost, and what it did cost: in US dollars, rather too much than too little.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Cost from "../../../Cost.ts"
import * as ProviderError from "../../../ProviderError.ts"
import type * as Usage from "../../../Usage.ts"
import * as Pricing from "../../Pricing.ts"
import type * as Quota from "../../Quota.ts"

/** What was used, and its price where somebody has worked it out already. */
export interface Bill {
  readonly usage: Usage.Usage
  readonly cost?: Cost.Cost | undefined
}

/** How a call ended; `outputTokens`: what arrived of the answer, about, where the provider did not come to counting. */
export interface End {
  readonly bill: Bill | undefined
  readonly outputTokens: number
  readonly exit: Exit.Exit<unknown, unknown>
}

/** The most a call can cost: all of its prompt may be written to a cache. `undefined` for output without a price. */
export const most = (price: Pricing.Price, { inputTokens, outputTokens }: Quota.Load): number | undefined => {
  const input = Math.max(price.input, price.cacheRead ?? 0, price.cacheWrite ?? 0)
  return Pricing.cost(used(inputTokens, outputTokens), { input, output: price.output })?.total
}

/**
 * What a call has cost. Nothing where the provider did not begin to work on it; the prompt, and what arrived of the
 * answer, where it was sent and nobody knows more. Tokens of a cache count as input where their price is not known.
 */
export const spent = (
  price: Pricing.Price,
  load: Quota.Load,
  { bill, exit, outputTokens }: End
): number | undefined => {
  if (bill !== undefined && bill.usage.totalTokens > 0) {
    const { cacheRead = price.input, cacheWrite = price.input, input, output } = price
    return (bill.cost ?? Pricing.cost(bill.usage, { input, output, cacheRead, cacheWrite }))?.total
  }
  if (isRefusal(exit)) return 0
  return Pricing.cost(used(load.inputTokens, Math.min(outputTokens, load.outputTokens)), price)?.total
}

const used = (inputTokens: number, outputTokens: number): Usage.Usage => ({
  inputTokens,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens,
  totalTokens: inputTokens + outputTokens
})

const isRefusal = (exit: Exit.Exit<unknown, unknown>): boolean => {
  if (Exit.isSuccess(exit)) return false
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return ProviderError.isProviderError(error) && ProviderError.isRefusal(error)
}
