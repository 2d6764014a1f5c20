import * as Result from "effect/Result"

/** `read`, or `otherwise` where it throws: an argument of another type, a getter or proxy that throws. */
export const make =
  <Args extends ReadonlyArray<unknown>, A>(read: (...args: Args) => A, otherwise: () => A): (...args: Args) => A =>
  (...args) => Result.getOrElse(Result.try(() => read(...args)), otherwise)
