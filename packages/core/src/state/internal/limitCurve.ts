/**
 * The arithmetic of a limit that adapts: it grows with what is answered, and shrinks with what is refused.
 */
import type * as Concurrency from "../../policy/Concurrency.ts"

/**
 * The limit after `answered` more answers, each of which adds `1 / limit`: that many answers take it from `a` to the root
 * of `a² + 2 × answered`, in one step as in many. A limit beyond the bounds, which a process with others may have set, stays.
 */
export const grown = ({ max }: Concurrency.Adaptive, limit: number, answered: number): number =>
  limit >= max ? limit : Math.min(max, Math.sqrt(limit * limit + 2 * answered))

/** The limit after a refusal. */
export const shrunk = ({ decrease, min }: Concurrency.Adaptive, limit: number): number =>
  limit <= min ? limit : Math.max(min, limit * decrease)

/** How many calls a limit lets through. */
export const whole = ({ max, min }: Concurrency.Adaptive, limit: number): number =>
  // Squaring and taking the root loses a little: the fifth whole step must not become 4.999…
  Math.min(max, Math.max(min, Math.floor(limit + 1e-9)))
