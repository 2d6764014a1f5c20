/**
 * When a failed call is sent again.
 *
 * A retry policy is a `Schedule` over `ProviderError`: anything the `Schedule` module can express will do.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Check from "../Check.ts"
import * as ProviderError from "../ProviderError.ts"

/**
 * A schedule that is fed each failure and says when, or whether, to try again.
 *
 * It decides about every error, `CircuitOpenError` too: {@link exponential} ends there, and a plain
 * `Schedule.spaced("1 minute")` goes on until the circuit closes. To end there, say so:
 * `Schedule.while(({ input }) => input._tag !== "CircuitOpenError")`. A delay during which the circuit of the target opens is
 * cut short: the next attempt fails, and the schedule is fed its `CircuitOpenError`.
 */
export type Retry = Schedule.Schedule<unknown, ProviderError.ProviderError>

/**
 * How often {@link exponential} sends a call again, and how long it waits before.
 *
 * - `times`: retries after the first attempt.
 * - `base`: the first delay; it doubles with each retry.
 * - `rateLimitBase`: the first delay after a `RateLimitError` or a `ModelUnavailableError`: a quota refills over a minute
 *   and a model is loaded in tens of seconds, so it starts higher.
 * - `maxDelay`: no delay of the curve is longer.
 * - `maxRetryAfter`: the longest wait for a `retryAfter` of the provider, 1 minute unless said otherwise; one that is longer
 *   counts as this. `Duration.infinity` waits for every hint.
 */
export interface Options {
  readonly times?: number | undefined
  readonly base?: Duration.Input | undefined
  readonly rateLimitBase?: Duration.Input | undefined
  readonly maxDelay?: Duration.Input | undefined
  readonly maxRetryAfter?: Duration.Input | undefined
}

/**
 * Exponential backoff with jitter, for transient errors only.
 *
 * Before retry `n` (1, 2, …) it waits a random time between one half and the whole of `min(maxDelay, base × 2ⁿ⁻¹)`. A
 * `retryAfter` of the provider makes the wait longer: to a random time between the hint and 1.25 times the hint, and never more
 * than `maxRetryAfter`. After a hint of `maxRetryAfter` or more it waits between 0.8 times `maxRetryAfter` and the whole.
 * Bound the whole with the policy's `deadline`. The jitter comes from the `Random` service, the waiting from `Clock`.
 *
 * An impossible option counts as left out, and is refused where a policy with this very schedule is put in force.
 *
 * Some failures are repeated fewer times than `times`:
 *
 * | failure                                              | retries after it      |
 * | ---------------------------------------------------- | --------------------- |
 * | `TimeoutError` of phase `model`                      | 1                     |
 * | `ModelUnavailableError`                              | 5                     |
 * | `ModelFailedError` with `originalStatus` 429 or 5xx  | `times`               |
 * | `ModelFailedError` otherwise                         | none                  |
 * | `CircuitOpenError`: nothing was sent                 | none                  |
 * | `QueueFullError`: a job is over after hours          | none                  |
 * | any other transient error                            | `times`               |
 *
 * @example
 * Policy.make({ retry: Retry.exponential({ times: 4, base: "100 millis", maxDelay: "5 seconds" }) })
 */
export const exponential = (options: Options = {}): Retry => {
  const settled = Check.settle(optionsOf, options)
  const {
    base = Duration.millis(200),
    maxDelay = Duration.seconds(20),
    maxRetryAfter = Duration.minutes(1),
    rateLimitBase = Duration.millis(750),
    times = 8
  } = Result.getOrElse(settled, (): Settled => ({}))
  const limited = Schedule.fromStep(Effect.suspend(() => withinLimits))
  const retry: Retry = Schedule.max([Schedule.recurs(times), limited]).pipe(
    Schedule.modifyDelay(({ attempt, input }) => {
      const first = Duration.toMillis(isSlow(input) ? rateLimitBase : base)
      const longest = Math.min(Duration.toMillis(maxDelay), first * 2 ** (attempt - 1))
      const hint = Duration.toMillis(ProviderError.retryAfter(input) ?? Duration.zero)
      const bound = Duration.toMillis(maxRetryAfter)
      const [from, to] = hint < bound ? [hint, Math.min(hint * hintSpread, bound)] : [bound / hintSpread, bound]
      return Effect.map(
        Random.next,
        (random) => Duration.millis(Math.max(between(longest / 2, longest, random), between(from, to, random)))
      )
    })
  )
  if (Result.isFailure(settled)) refusals.set(retry, settled.failure)
  return retry
}

const between = (from: number, to: number, random: number): number => from === to ? from : from + (to - from) * random

/** Spreads the waits of calls with the same hint. */
const hintSpread = 1.25

const optionsOf = Check.partial({
  times: Check.number({ min: 0, remedy: "Use a number of retries from 0" }),
  base: Check.duration(),
  rateLimitBase: Check.duration(),
  maxDelay: Check.duration(),
  maxRetryAfter: Check.duration({ infinite: true })
})

type Settled = Exclude<ReturnType<typeof optionsOf>, Check.Refused>

/** The first invalid option of a schedule: a schedule has no fields to check. */
const refusals = new WeakMap<Retry, Check.Problem>()

/** @internal */
export const check: Check.Check<Retry> = (given, at) => {
  // The types of a schedule cannot be checked.
  if (!Schedule.isSchedule(given)) return Check.refuseKind(at, given, "Use `Retry.exponential` or any `Schedule`")
  const refusal = refusals.get(given as Retry)
  if (refusal === undefined) return given as Retry
  if (refusal.field !== "") at.path.push(refusal.field)
  return Check.refuse(at, refusal.problem, refusal.remedy)
}

/**
 * The default: {@link exponential} with 8 retries, from 200 ms (750 ms after a `RateLimitError` or a
 * `ModelUnavailableError`) up to 20 s. Without hints from the provider it waits 23 to 45 s in all; 12 to 23 s while a model
 * is unavailable, and 42 to 83 s under throttling: about the minute in which Bedrock refills a token quota.
 */
export const standard: Retry = exponential()

/** Never sends a call again. */
export const never: Retry = Schedule.recurs(0)

const isSlow = (error: ProviderError.ProviderError): boolean =>
  error._tag === "RateLimitError" || error._tag === "ModelUnavailableError" ||
  error._tag === "ModelFailedError" && error.originalStatus === 429

const limitOf = (error: ProviderError.ProviderError): readonly [kind: string, retries: number] => {
  switch (error._tag) {
    case "TimeoutError":
      return error.phase === "model" ? ["model timeout", 1] : ["timeout", Infinity]
    case "ModelUnavailableError":
      return [error._tag, 5]
    case "ModelFailedError": {
      const { originalStatus: status = 0 } = error
      return [error._tag, status === 429 || status >= 500 ? Infinity : 0]
    }
    case "CircuitOpenError":
    case "QueueFullError":
      return [error._tag, 0]
    default:
      return [error._tag, ProviderError.isTransient(error) ? Infinity : 0]
  }
}

/** Continues while no kind of failure has occurred more often than its retries. */
const withinLimits = Effect.sync(() => {
  const seen = new Map<string, number>()
  return (_now: number, error: ProviderError.ProviderError) => {
    const [kind, retries] = limitOf(error)
    const times = (seen.get(kind) ?? 0) + 1
    seen.set(kind, times)
    return times > retries ? Cause.done(times) : Effect.succeed<[number, Duration.Duration]>([times, Duration.zero])
  }
})
