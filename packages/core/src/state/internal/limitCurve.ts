/**
 * A limit that adapts: it grows with calls that are answered, and shrinks with a round of which too many are refused.
 */
import type * as Effect from "effect/Effect"

/** How long a limit is kept that is not used, in milliseconds: an hour. */
export const kept = 3_600_000

/** Where a limit starts, its bounds, and how far one round takes it down at most; `policy/Concurrency.ts` says more. */
export interface Adaptive {
  readonly initial: number
  readonly min: number
  readonly max: number
  readonly decrease: number
}

/** A limit, with a fraction, and how often it was decreased: calls that began in an older epoch do not do it again. */
export interface Current {
  readonly limit: number
  readonly epoch: number
}

/**
 * The limit after `answered` more answers. Until the first decrease each adds one, so that a round of calls doubles the
 * limit; after it each adds `1 / limit`: that many answers take it from `a` to the root of `a² + 2 × answered`, in one step
 * as in many. A limit beyond the bounds, which a process with others may have set, stays.
 */
export const grown = ({ max }: Adaptive, { epoch, limit }: Current, answered: number): number =>
  Math.max(limit, Math.min(max, epoch === 0 ? limit + answered : Math.sqrt(limit * limit + 2 * answered)))

/** The limit after a round of calls of which this share, from 0 to 1, was refused: what was not refused is left. */
export const shrunk = ({ decrease, min }: Adaptive, limit: number, refused: number): number =>
  Math.min(limit, Math.max(min, limit * Math.max(decrease, 1 - refused)))

/** The operations of a store of limits that can replace the limit of a key. */
export const operations = <E>(
  change: (
    operation: "read" | "increase" | "decrease",
    key: string,
    adaptive: Adaptive,
    next: (current: Current) => Current
  ) => Effect.Effect<Current, E>
) => ({
  read: (key: string, adaptive: Adaptive) => change("read", key, adaptive, (current) => current),
  increase: (key: string, adaptive: Adaptive, answered: number) =>
    change("increase", key, adaptive, (current) => ({ ...current, limit: grown(adaptive, current, answered) })),
  decrease: (key: string, adaptive: Adaptive, epoch: number, refused: number) =>
    change("decrease", key, adaptive, (current) =>
      epoch < current.epoch
        ? current
        : { limit: shrunk(adaptive, current.limit, refused), epoch: epoch + 1 })
})

/** How many calls a limit lets through. */
export const whole = ({ max, min }: Adaptive, limit: number): number =>
  // Squaring and taking the root loses a little: the fifth whole step must not become 4.999…
  Math.min(max, Math.max(min, Math.floor(limit + 1e-9)))

/** Refused calls of so many that say nothing of the load: one in twenty. */
export const noise = (calls: number): number => calls / 20

/** Whether more calls of a round were refused than noise explains: three standard deviations more. */
export const isCongested = (refused: number, calls: number): boolean =>
  refused > noise(calls) + 3 * Math.sqrt(noise(calls))
