/** What a call can cost, and what it cost, in the currency of its price; an estimate is rather too high. */
import * as Cost from "../../../Cost.ts"
import * as Usage from "../../../Usage.ts"
import * as Pricing from "../../Pricing.ts"
import type * as Quota from "../../Quota.ts"

/** What was used, and its cost where it is known already; `model` where it may be another than was asked. */
export interface Bill {
  readonly usage: Usage.Usage
  readonly cost?: Cost.Cost | undefined
  readonly model?: string | undefined
  readonly requestId?: string | undefined
  readonly cached?: boolean | undefined
}

/** How an attempt ended: its bill, or else about how much of the answer arrived; `isRefused` before it was worked on. */
export interface End {
  readonly bill: Bill | undefined
  readonly outputTokens: number
  readonly isRefused: boolean
}

export const unsent: End = { bill: undefined, outputTokens: 0, isRefused: true }

/** The most a call can cost: all of its prompt may be written to a cache. `undefined` for output without a price. */
export const most = (price: Pricing.Price, { inputTokens, outputTokens }: Quota.Load): number | undefined => {
  const input = Math.max(price.input, price.cacheRead ?? 0, price.cacheWrite ?? 0)
  return Pricing.cost(Usage.make({ inputTokens, outputTokens }), { input, output: price.output })?.total
}

/**
 * What a call cost: its bill; without one, nothing when it was refused, else the prompt and what arrived of the answer.
 * Tokens of a cache count as input where their price is not known.
 */
export const spent = (
  price: Pricing.PriceInForce,
  load: Quota.Load,
  { bill, isRefused, outputTokens }: End
): number | undefined => {
  if (bill !== undefined && bill.usage.totalTokens > 0) {
    const { cacheRead = price.input, cacheWrite = price.input, input, output } = price
    // A cost may be in another currency, where the price has changed meanwhile; nothing is nothing in each of them.
    return bill.cost !== undefined &&
        (bill.cost.total === 0 || Cost.currencyOf(bill.cost) === (price.currency ?? "USD"))
      ? bill.cost.total
      : Pricing.cost(bill.usage, { input, output, cacheRead, cacheWrite })?.total
  }
  if (isRefused) return 0
  const arrived = { inputTokens: load.inputTokens, outputTokens: Math.min(outputTokens, load.outputTokens) }
  return Pricing.cost(Usage.make(arrived), price)?.total
}
