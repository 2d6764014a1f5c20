/**
 * What a call cost, in US dollars.
 */
import * as Schema from "effect/Schema"

/** US dollars, as a fraction: a short prompt costs millionths. `total` is the sum of the parts. */
export interface Cost extends Schema.Schema.Type<typeof Cost> {}
/** @see {@link Cost} */
export const Cost = Schema.Struct({
  input: Schema.Finite,
  cacheRead: Schema.Finite,
  cacheWrite: Schema.Finite,
  output: Schema.Finite,
  total: Schema.Finite
})

/** Nothing. */
export const empty: Cost = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, total: 0 }

/** A cost from its parts, added up; those not given are nothing. */
export const make = (parts: Partial<Omit<Cost, "total">>): Cost => {
  const { cacheRead = 0, cacheWrite = 0, input = 0, output = 0 } = parts
  return { input, cacheRead, cacheWrite, output, total: input + cacheRead + cacheWrite + output }
}

/** The sum of two costs, part by part. */
export const add = (self: Cost, that: Cost): Cost => ({
  input: self.input + that.input,
  cacheRead: self.cacheRead + that.cacheRead,
  cacheWrite: self.cacheWrite + that.cacheWrite,
  output: self.output + that.output,
  total: self.total + that.total
})

/** The sum of several costs: `undefined` as soon as one of them is not known. */
export const sum = (costs: ReadonlyArray<Cost | undefined>): Cost | undefined =>
  costs.reduce<Cost | undefined>(
    (total, cost) => total === undefined || cost === undefined ? undefined : add(total, cost),
    empty
  )
