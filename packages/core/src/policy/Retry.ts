/**
 * When a failed call is sent again.
 *
 * A retry policy is a `Schedule` over `ProviderError`, so anything the `Schedule` module can express will do. This module
 * builds the one every provider uses by default.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ProviderError from "../ProviderError.ts"

/** A schedule that is fed each failure and says when, or whether, to try again. */
export type Retry = Schedule.Schedule<unknown, ProviderError.ProviderError>

/**
 * - `times`: retries after the first attempt.
 * - `base`: the first delay; it doubles with each retry.
 * - `rateLimitBase`: the first delay after a `RateLimitError` or a `ModelUnavailableError`: a quota refills over a minute
 *   and a model is loaded in tens of seconds, so it starts higher.
 * - `maxDelay`: no delay of the curve is longer.
 */
export interface Options {
  readonly times?: number | undefined
  readonly base?: Duration.Input | undefined
  readonly rateLimitBase?: Duration.Input | undefined
  readonly maxDelay?: Duration.Input | undefined
}

/**
 * Exponential backoff with jitter, for transient errors only.
 *
 * Before retry `n` (1, 2, …) it waits a random time between one half and the whole of
 * `min(maxDelay, base × 2ⁿ⁻¹)`, and never less than the provider's own `retryAfter`, however long that is: bound the
 * whole with the policy's `deadline`. The jitter comes from the `Random` service, the waiting from `Clock`.
 *
 * Some failures are repeated fewer times than `times`:
 *
 * | failure                                              | retries after it      |
 * | ---------------------------------------------------- | --------------------- |
 * | `TimeoutError` of phase `model`: it was too much work | 1                     |
 * | `ModelUnavailableError`                              | 5                     |
 * | `ModelFailedError` with `originalStatus` 429 or 5xx  | `times`               |
 * | `ModelFailedError` otherwise                         | none                  |
 * | whatever else is transient                           | `times`               |
 */
export const exponential = (options?: Options): Retry => {
  const base = Duration.toMillis(options?.base ?? "200 millis")
  const rateLimitBase = Duration.toMillis(options?.rateLimitBase ?? "1 second")
  const maxDelay = Duration.toMillis(options?.maxDelay ?? "20 seconds")
  const limited = Schedule.fromStep(Effect.suspend(() => withinLimits))
  return Schedule.max([Schedule.recurs(options?.times ?? 8), limited]).pipe(
    Schedule.modifyDelay(({ attempt, input }) => {
      const first = isSlow(input) ? rateLimitBase : base
      const longest = Math.min(maxDelay, first * 2 ** (attempt - 1))
      const hint = ProviderError.retryAfter(input) ?? Duration.zero
      return Effect.map(
        Random.nextBetween(longest / 2, longest),
        (jittered) => Duration.max(Duration.millis(jittered), hint)
      )
    })
  )
}

/**
 * The default: {@link exponential} with 8 retries, from 200 ms (1 s after a `RateLimitError` or a
 * `ModelUnavailableError`) up to 20 s.
 *
 * Without hints from the provider it waits, in seconds:
 *
 * | before retry     | 1       | 2       | 3       | 4       | 5       | 6       | 7        | 8     | in all    |
 * | ---------------- | ------- | ------- | ------- | ------- | ------- | ------- | -------- | ----- | --------- |
 * | transient        | 0.1–0.2 | 0.2–0.4 | 0.4–0.8 | 0.8–1.6 | 1.6–3.2 | 3.2–6.4 | 6.4–12.8 | 10–20 | 22.7–45.4 |
 * | rate limited     | 0.5–1   | 1–2     | 2–4     | 4–8     | 8–16    | 10–20   | 10–20    | 10–20 | 45.5–91   |
 * | unavailable      | 0.5–1   | 1–2     | 2–4     | 4–8     | 8–16    |         |          |       | 15.5–31   |
 *
 * Under throttling that is more often than not longer than the minute over which Bedrock refills a token quota.
 */
export const standard: Retry = exponential()

/** Never sends a call again. */
export const never: Retry = Schedule.recurs(0)

const isSlow = (error: ProviderError.ProviderError): boolean =>
  error._tag === "RateLimitError" || error._tag === "ModelUnavailableError" ||
  error._tag === "ModelFailedError" && error.originalStatus === 429

/** How many retries failures of this kind get in one call, and what tells the kinds apart. */
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
    default:
      return [error._tag, ProviderError.isTransient(error) ? Infinity : 0]
  }
}

/** Goes on as long as no kind of failure has come more often than its retries. */
const withinLimits = Effect.sync(() => {
  const seen = new Map<string, number>()
  return (_now: number, error: ProviderError.ProviderError) => {
    const [kind, retries] = limitOf(error)
    const times = (seen.get(kind) ?? 0) + 1
    seen.set(kind, times)
    return times > retries ? Cause.done(times) : Effect.succeed<[number, Duration.Duration]>([times, Duration.zero])
  }
})
