/**
 * A retry schedule in force: sends a call again when its schedule says so.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Retry from "../Retry.ts"

/**
 * Errors that end the retries of a call whatever its schedule says. Set around a call by what has a better answer to them,
 * such as a fallback, and read once for each call.
 */
export const FinalErrors: Context.Reference<IsFinal> = Context.Reference<IsFinal>(
  "@strata/core/policy/internal/FinalErrors",
  { defaultValue: () => () => Effect.succeed(false) }
)

/** Fails when a function of the user that decides it throws. */
export type IsFinal = (error: ProviderError.ProviderError) => Effect.Effect<boolean, ProviderError.InvalidRequestError>

/**
 * - `permitted`: waits until the retry budget has a retry left; runs after the delay of the schedule.
 * - `sooner`: cuts the wait after an error short, such as when the circuit of the target is open: the next attempt will not
 *   be sent.
 */
export interface Options {
  readonly retry: Retry.Retry
  readonly target: Telemetry.Target
  readonly permitted: (target: Telemetry.Target) => Effect.Effect<void>
  readonly sooner: (target: Telemetry.Target, error: ProviderError.ProviderError) => Effect.Effect<void>
}

/** Runs `self` until it succeeds or its schedule is done, and fails with its last error then. */
export const retried = <A, E extends ProviderError.ProviderError, R>(
  self: Effect.Effect<A, E, R>,
  options: Options
): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
  // Most calls need no schedule.
  Effect.catch(self, (error) => afterFirst(self, error, options))

const afterFirst = Effect.fnUntraced(function*<A, E extends ProviderError.ProviderError, R>(
  self: Effect.Effect<A, E, R>,
  first: E,
  { permitted, retry, sooner, target }: Options
): Effect.fn.Return<A, E | ProviderError.InvalidRequestError, R> {
  const isFinal = yield* FinalErrors
  const step = yield* Schedule.toStep(retry)
  const delayAfter = Effect.fnUntraced(function*(error: E) {
    if (yield* isFinal(error)) return undefined
    const next = Effect.map(step(yield* Clock.currentTimeMillis, error), ([, delay]) => delay)
    return yield* Pull.catchDone(next, () => Effect.undefined)
  })
  let error = first
  for (let retries = 1;; retries++) {
    const delay = yield* delayAfter(error)
    if (delay === undefined) return yield* Effect.fail(error)
    yield* recorded(target, error, retries, delay)
    const wait = Effect.andThen(Effect.sleep(delay), permitted(target))
    // A schedule that goes on after a `CircuitOpenError` waits for the circuit to close.
    yield* error._tag === "CircuitOpenError" ? wait : Effect.raceFirst(wait, sooner(target, error))
    const result = yield* Effect.result(self)
    if (Result.isSuccess(result)) return result.success
    error = result.failure
  }
})

const recorded = (
  target: Telemetry.Target,
  error: ProviderError.ProviderError,
  retry: number,
  delay: Duration.Duration
): Effect.Effect<void> =>
  Effect.logDebug("Retrying after a transient failure").pipe(
    Effect.annotateLogs({
      ...target,
      ...Telemetry.errorAnnotations(error),
      retry,
      delay: Duration.format(Duration.millis(Math.round(Duration.toMillis(delay))))
    }),
    Effect.andThen(Telemetry.recordRetry(target, error))
  )
