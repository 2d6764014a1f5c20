/** The rates of the products of the AWS Price List, and the prices they make together. */
import type * as Pricing from "@strata/core/policy/Pricing"
import * as Predicate from "effect/Predicate"
import * as Product from "./Product.ts"

/** A plain object; empty for any other value. */
export const objectOf = (given: unknown): Readonly<Record<string, unknown>> => Predicate.isObject(given) ? given : {}

/** What a million tokens cost from a time on, in milliseconds. */
export interface Rate {
  readonly perMillion: number
  readonly currency: string
  readonly from: number
}

/** The rates of a product, by its terms on demand; the reason where one is not understood. */
export const read = (terms: unknown): ReadonlyArray<Rate> | string => {
  const rates: Array<Rate> = []
  for (const term of Object.values(objectOf(terms))) {
    const { effectiveDate, priceDimensions } = objectOf(term)
    const [dimension, ...others] = Object.values(objectOf(priceDimensions))
    if (dimension === undefined) return "it has no price"
    if (others.length > 0) return "its price depends on the amount"
    const { pricePerUnit, unit } = objectOf(dimension)
    const exponent = unit === "1K tokens" ? 3 : unit === "1M tokens" ? 0 : undefined
    if (exponent === undefined) return `the unit "${Product.text(unit) ?? ""}" is not known here`
    const [price, ...currencies] = Object.entries(objectOf(pricePerUnit))
    if (price === undefined || currencies.length > 0) return "its price is not in one currency"
    const [currency, amount] = price
    // Decimals are moved in the text: a product of fractions would have dust.
    const perMillion = typeof amount === "string" && /^\d{1,12}(?:\.\d{1,20})?$/u.test(amount)
      ? Number(`${amount}e${exponent}`)
      : Number.NaN
    if (Number.isNaN(perMillion) || !/^[A-Z]{3}$/u.test(currency)) return "its price is no amount of a currency"
    const from = timeOf(effectiveDate)
    if (from === undefined) return "it does not say when it takes effect"
    rates.push({ perMillion, currency, from })
  }
  return rates.length === 0 ? "it has no terms on demand" : rates
}

const timeOf = (given: unknown): number | undefined => {
  if (typeof given !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u.test(given)) return undefined
  const time = Date.parse(given)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(given.slice(0, -1)) ? time : undefined
}

/** A rate with the models and the kind of tokens it is for; `skip` reports its product. */
export interface Listed extends Rate {
  readonly patterns: ReadonlyArray<string>
  readonly part: Product.Part
  readonly skip: (reason: string) => void
}

/**
 * The prices of all models: from each time on, what is in effect by then. Rates that contradict each other are reported, and
 * none of them is a price; nor is the rest without a rate of input.
 */
export const entriesOf = (listed: ReadonlyArray<Listed>): ReadonlyArray<Pricing.Entry> => {
  const groups = new Map<string, Array<Listed>>()
  for (const rate of listed) {
    const key = JSON.stringify([rate.patterns, rate.currency])
    groups.set(key, [...groups.get(key) ?? [], rate])
  }
  return [...groups.values()].flatMap(pricesOf)
}

const pricesOf = (group: ReadonlyArray<Listed>): ReadonlyArray<Pricing.Entry> => {
  const clear = group.filter(({ from, part, perMillion, skip }) => {
    const isClear = group.every((other) =>
      other.part !== part || other.from !== from || other.perMillion === perMillion
    )
    if (!isClear) skip("another product has another price for the same tokens")
    return isClear
  })
  if (clear.every(({ part }) => part !== "input")) {
    for (const { skip } of clear) skip("there is no price of input of this model")
    return []
  }
  const times = [...new Set(clear.map(({ from }) => from))].sort((one, other) => one - other)
  return times.flatMap((time) => {
    const inEffect = (part: Product.Part): number | undefined =>
      clear.filter((rate) => rate.part === part && rate.from <= time)
        .sort((one, other) => one.from - other.from).at(-1)?.perMillion
    const input = inEffect("input")
    if (input === undefined) return []
    const [output, cacheRead, cacheWrite] = [inEffect("output"), inEffect("cacheRead"), inEffect("cacheWrite")]
    const price: Pricing.Price = {
      input,
      ...(output !== undefined && { output }),
      ...(cacheRead !== undefined && { cacheRead }),
      ...(cacheWrite !== undefined && { cacheWrite })
    }
    const { currency, patterns } = clear[0]!
    return patterns.map((model): Pricing.Entry => ({
      model,
      price,
      validFrom: new Date(time).toISOString(),
      ...(currency !== "USD" && { currency })
    }))
  })
}
