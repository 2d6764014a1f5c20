/**
 * When a failed call is sent again.
 *
 * A retry policy is a `Schedule` over `ProviderError`, so anything the `Schedule` module can express will do. This module
 * builds the one every provider uses by default.
 */
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
 * - `rateLimitBase`: the first delay after a `RateLimitError`; quotas refill over a minute, so it starts higher.
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
 */
export const exponential = (options?: Options): Retry => {
  const base = Duration.toMillis(options?.base ?? "200 millis")
  const rateLimitBase = Duration.toMillis(options?.rateLimitBase ?? "1 second")
  const maxDelay = Duration.toMillis(options?.maxDelay ?? "20 seconds")
  return Schedule.recurs(options?.times ?? 8).pipe(
    Schedule.setInputType<ProviderError.ProviderError>(),
    Schedule.while(({ input }) => ProviderError.isTransient(input)),
    Schedule.modifyDelay(({ attempt, input }) => {
      const first = input._tag === "RateLimitError" ? rateLimitBase : base
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
 * The default: {@link exponential} with 8 retries, from 200 ms (1 s after a `RateLimitError`) up to 20 s.
 *
 * Without hints from the provider, the waits add up to 23–45 s, and to 46–91 s under throttling: longer than the
 * minute over which Bedrock refills a token quota.
 */
export const standard: Retry = exponential()

/** Never sends a call again. */
export const never: Retry = Schedule.recurs(0)
