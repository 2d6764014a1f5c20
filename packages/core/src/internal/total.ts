import * as Result from "effect/Result"

/** `read`, or `otherwise` where it throws: an argument of another type, a getter or proxy that throws. */
export const make =
  <Args extends ReadonlyArray<unknown>, A>(read: (...args: Args) => A, otherwise: () => A): (...args: Args) => A =>
  (...args) => Result.getOrElse(Result.try(() => read(...args)), otherwise)

/** A type guard that is false where reading the value throws. */
export const guard = <A>(is: (u: unknown) => u is A): (u: unknown) => u is A => (u): u is A =>
  make(() => is(u), () => false)()
