/**
 * How many calls are in flight at the same time: a fixed number, or a limit that adapts.
 *
 * Calls wait for a permit in order of arrival. With a `key` they get permits fairly by key, such as a tenant: the next
 * permit goes to the waiting key that has the fewest in use; of equal ones to that which had one longest ago; within a key
 * to the call that came first. A key may use all permits while no other wants one, and gets no more of them than another that
 * waits. Permits in use are not taken away.
 */
import * as Predicate from "effect/Predicate"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import type * as AdaptiveLimits from "../state/AdaptiveLimits.ts"
import * as Key from "./Key.ts"

/**
 * A limit that adapts to the capacity of the provider. One for each provider, region and model.
 *
 * - `initial`: where it starts; `min`, never below 1, and `max` are its bounds.
 * - `decrease`: the most that one round of calls takes it down: to this part of what it was.
 * - `key`: whose a call is, for fair shares; without one, first come first served.
 *
 * A round is as many calls as the limit. When more of them are refused with `RateLimitError` than noise explains, which is one
 * in twenty and three standard deviations (2 of 4 calls, 4 of 16, 9 of 64, 24 of 256), the limit is multiplied by the share
 * of calls that were not refused. Above the noise a permit whose call was refused is withheld until the round is over. Fewer
 * refusals change nothing: they are retried as the policy says.
 *
 * Until the first decrease the limit grows by one for each answer that came while all permits were in use; then by
 * `1 / limit`. Where calls always wait, it settles somewhat above what the provider takes: by a tenth at most for 200.
 */
export interface Adaptive extends AdaptiveLimits.Adaptive {
  readonly key?: Key.Key | undefined
}

/** A fixed number of permits for all models together; `key` as for {@link Adaptive}. */
export interface Fixed {
  readonly permits: number
  readonly key?: Key.Key | undefined
}

/** A fixed number of permits, or a limit that adapts. */
export type Concurrency = number | Fixed | Adaptive

/**
 * An adaptive limit: from `initial` (16) between `min` (1) and `max` (256), and down to one half at most after one round.
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

/**
 * A fixed number of permits, which may be shared fairly between keys. The number alone is short for it.
 *
 * @example
 * Policy.make({ concurrency: Concurrency.fixed(32, { key: Key.metadata("tenant") }) })
 */
export const fixed = (permits: number, options?: Omit<Fixed, "permits">): Fixed => {
  const given = { ...Check.fieldsOf(options), permits }
  // Whatever was given is checked where the policy is put in force.
  return given as Fixed
}

/** The most calls that can ever be in flight; `NaN` for an invalid value. */
export const most: (concurrency: Concurrency) => number = Total.make(
  (concurrency) =>
    typeof concurrency === "number" ? concurrency : "permits" in concurrency ? concurrency.permits : concurrency.max,
  () => Number.NaN
)

const number = Check.number({ min: 1, what: "a number of calls", remedy: "Use a number from 1" })

const permits: Check.Check<number> = (given, at) => {
  const settled = number(given, at)
  return settled === Check.refused ? settled : Math.floor(settled)
}

const fixing = Check.struct<Fixed>({ permits, key: Check.optional(Key.check) })

const bound = Check.number({ min: 1, whole: true, what: "a number of calls", remedy: "Use a whole number from 1" })

const adapting = Check.struct<Adaptive>({
  initial: bound,
  min: bound,
  max: bound,
  decrease: Check.number({ above: 0, max: 1 - Number.EPSILON, remedy: "Use a number between 0 and 1" }),
  key: Check.optional(Key.check)
}, { remedy: "Use a number from 1, or `Concurrency.adaptive()`" })

/** @internal */
export const check: Check.Check<Concurrency> = (given, at) => {
  if (typeof given === "number") return permits(given, at)
  if (Predicate.hasProperty(given, "permits")) return fixing(given, at)
  const settled = adapting(given, at)
  if (settled === Check.refused) return settled
  const { initial, max, min } = settled
  return min <= initial && initial <= max
    ? settled
    : Check.refuse(at, `${initial} is not between ${min} and ${max}`, "Keep `initial` between `min` and `max`")
}
