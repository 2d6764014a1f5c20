/**
 * Functions over plain data that have an answer for anything.
 */
import * as Result from "effect/Result"

/**
 * The function, and another answer where it cannot read what it was given: a value of another shape, a getter or a proxy
 * that throws. For what only looks at data; what is asked of a model is checked, and refused with its place.
 */
export const make =
  <Args extends ReadonlyArray<unknown>, A>(read: (...args: Args) => A, otherwise: () => A): (...args: Args) => A =>
  (...args) => Result.getOrElse(Result.try(() => read(...args)), otherwise)
