/** What a call cost, in US dollars unless a currency is named. */
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Total from "./internal/total.ts"

/**
 * Amounts as fractions: a short prompt costs millionths. `total` is the sum of the parts.
 *
 * `currency`: by ISO 4217, such as `EUR`; missing for US dollars.
 */
export class Cost extends Schema.Opaque<Cost>()(Schema.Struct({
  input: Schema.Finite,
  cacheRead: Schema.Finite,
  cacheWrite: Schema.Finite,
  output: Schema.Finite,
  total: Schema.Finite,
  currency: Schema.optional(Schema.String)
})) {}

const parts = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, total: 0 }

/** No cost. */
export const empty: Cost = parts

/** `NaN` makes sums with invalid costs visible. */
const none: Cost = { input: NaN, cacheRead: NaN, cacheWrite: NaN, output: NaN, total: NaN }

/** A cost from its parts; missing ones are 0. All `NaN` for a value that is not a cost. */
export const make: (parts: Partial<Omit<Cost, "total">>) => Cost = Total.make((given) => {
  const { cacheRead = 0, cacheWrite = 0, currency = dollars, input = 0, output = 0 } = given
  return { input, cacheRead, cacheWrite, output, total: input + cacheRead + cacheWrite + output, ...named(currency) }
}, () => none)

/** The sum of two costs. All `NaN` for a value that is not a cost, and for costs in two currencies, unless one is 0. */
export const add: (self: Cost, that: Cost) => Cost = Total.make(
  (self, that) => {
    const [one, other] = [currencyOf(self), currencyOf(that)]
    const currency = one === other || isFree(that) ? one : isFree(self) ? other : undefined
    return currency === undefined
      ? none
      : { ...Record.map(parts, (_, part) => self[part] + that[part]), ...named(currency) }
  },
  () => none
)

/** The sum of several costs; `undefined` when one of them is not known, or in another currency. */
export const sum: (costs: ReadonlyArray<Cost | undefined>) => Cost | undefined = Total.make(
  (costs) => {
    let total = empty
    // Not `reduce`, which would search an array from outside for items where it has none.
    for (const cost of costs) {
      if (cost === undefined) return undefined
      const isMixed = currencyOf(total) !== currencyOf(cost) && !isFree(total) && !isFree(cost)
      if (isMixed) return undefined
      total = add(total, cost)
    }
    return total
  },
  () => undefined
)

/** The currency of a cost: `USD` where it names none. */
export const currencyOf: (cost: Cost) => string = Total.make(({ currency }) => currency ?? dollars, () => dollars)

const dollars = "USD"

const named = (currency: string): Pick<Cost, "currency"> => currency === dollars ? {} : { currency }

const isFree = ({ total }: Cost): boolean => total === 0
