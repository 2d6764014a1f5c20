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
