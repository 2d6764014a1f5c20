/** What a call cost, in US dollars. */
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Total from "./internal/total.ts"

/** US dollars, as a fraction: a short prompt costs millionths. `total` is the sum of the parts. */
export class Cost extends Schema.Opaque<Cost>()(Schema.Struct({
  input: Schema.Finite,
  cacheRead: Schema.Finite,
  cacheWrite: Schema.Finite,
  output: Schema.Finite,
  total: Schema.Finite
})) {}

/** No cost. */
export const empty: Cost = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, total: 0 }

/** `NaN` makes sums with invalid costs visible. */
const none: Cost = { input: NaN, cacheRead: NaN, cacheWrite: NaN, output: NaN, total: NaN }

/** A cost from its parts; missing ones are 0. All `NaN` for a value that is not a cost. */
export const make: (parts: Partial<Omit<Cost, "total">>) => Cost = Total.make((parts) => {
  const { cacheRead = 0, cacheWrite = 0, input = 0, output = 0 } = parts
  return { input, cacheRead, cacheWrite, output, total: input + cacheRead + cacheWrite + output }
}, () => none)

/** The sum of two costs. All `NaN` for a value that is not a cost. */
export const add: (self: Cost, that: Cost) => Cost = Total.make(
  (self, that) => Record.map(empty, (_, part) => self[part] + that[part]),
  () => none
)

/** The sum of several costs; `undefined` when one of them is not known. */
export const sum: (costs: ReadonlyArray<Cost | undefined>) => Cost | undefined = Total.make(
  (costs) => {
    let total = empty
    for (const cost of costs) {
      if (cost === undefined) return undefined
      total = add(total, cost)
    }
    return total
  },
  () => undefined
)
