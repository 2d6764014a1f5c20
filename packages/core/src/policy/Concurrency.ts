/**
 * How many calls are in flight at the same time: a number, or a limit that finds the right number itself.
 */
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"

/**
 * A limit that adapts: it grows by one for about `limit` calls that were answered, and is multiplied by `decrease` when a
 * call is refused with `RateLimitError`, at most once for the calls that were in flight together. One limit for each
 * provider, region and model.
 *
 * - `initial`: where it starts; `min`, never below 1, and `max` are its bounds.
 *
 * Only answers count that came while all permits were in use: what was not tried is not known to work. Each adds
 * `1 / limit`, so from `a` to `b` it takes `(b² − a²) / 2` answers, or `b − a` rounds of calls:
 *
 * | from → to | answers | with calls of 5 s |
 * | --------- | ------- | ----------------- |
 * | 1 → 8     | 32      | 35 s              |
 * | 8 → 16    | 96      | 40 s              |
 * | 16 → 32   | 384     | 80 s              |
 * | 32 → 128  | 7,680   | 8 min             |
 *
 * That is slow on purpose, as slow as TCP avoids congestion: say with `initial` what the account takes. Where calls always
 * wait, the limit swings between `decrease` and the whole of what the provider takes: with one half, three quarters of it
 * on average.
 */
export interface Adaptive {
  readonly initial: number
  readonly min: number
  readonly max: number
  readonly decrease: number
}

/** Permits for a number of calls, or as many as {@link Adaptive} finds right. */
export type Concurrency = number | Adaptive

/**
 * A limit that adapts to what the provider takes: from `initial` (16) between `min` (1) and `max` (256), and down to
 * one half after a `RateLimitError`.
 *
 * @example
 * Policy.make({ concurrency: Concurrency.adaptive({ max: 128 }) })
 */
export const adaptive = (options?: Partial<Adaptive>): Adaptive => {
  const given = { min: 1, max: 256, decrease: 0.5, ...Check.fieldsOf(options) }
  const { max, min } = given
  const initial = typeof min === "number" && typeof max === "number" ? Math.min(max, Math.max(min, 16)) : 16
  // Whatever was given is checked where the policy is put in force.
  return { initial, ...given } as Adaptive
}

/** The most calls that can ever be in flight; `NaN` for what is no concurrency. */
export const most: (concurrency: Concurrency) => number = Total.make(
  (concurrency) => typeof concurrency === "number" ? concurrency : concurrency.max,
  () => Number.NaN
)

const permits = Check.number({ min: 1, what: "a number of calls", remedy: "Use a number from 1" })

const bound = Check.number({ min: 1, whole: true, what: "a number of calls", remedy: "Use a whole number from 1" })

const adapting = Check.struct<Adaptive>({
  initial: bound,
  min: bound,
  max: bound,
  decrease: Check.number({ above: 0, max: 1 - Number.EPSILON, remedy: "Use a number between 0 and 1" })
}, { remedy: "Use a number from 1, or `Concurrency.adaptive()`" })

/**
 * A concurrency that may be any value; a fraction of a permit is none.
 *
 * @internal
 */
export const check: Check.Check<Concurrency> = (given, at) => {
  if (typeof given === "number") {
    const settled = permits(given, at)
    return settled === Check.refused ? settled : Math.floor(settled)
  }
  const settled = adapting(given, at)
  if (settled === Check.refused) return settled
  const { initial, max, min } = settled
  return min <= initial && initial <= max
    ? settled
    : Check.refuse(at, `${initial} is not between ${min} and ${max}`, "Keep `initial` between `min` and `max`")
}
