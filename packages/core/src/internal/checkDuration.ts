/**
 * Durations from values of unknown type.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** The duration of a `Duration.Input`; `undefined` for `NaN`, objects without a unit, and other values. */
export const toDuration = (given: unknown): Duration.Duration | undefined =>
  Result.getOrElse(
    Result.try(() =>
      Duration.isDuration(given)
        ? Number.isNaN(Duration.toMillis(given)) ? undefined : given
        : saysTime(given)
        ? Option.getOrUndefined(Duration.fromInput(given))
        : undefined
    ),
    () => undefined
  )

const saysTime = (given: unknown): given is Duration.Input => {
  if (typeof given === "number") return !Number.isNaN(given)
  if (typeof given === "string" || typeof given === "bigint") return true
  if (Array.isArray(given)) return given.length === 2 && given.every(isNumber)
  if (!Predicate.isObject(given)) return false
  const units = Object.keys(given)
  return units.length > 0 && units.every((unit) => unitsOfTime.has(unit) && isNumber(given[unit]))
}

const unitsOfTime: ReadonlySet<string> = new Set([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

const isNumber = (given: unknown): boolean => typeof given === "number" && !Number.isNaN(given)
