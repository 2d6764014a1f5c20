/**
 * A {@link Policy.Policy} in force: wraps calls and streams in its retries, permits and clocks, in the documented order.
 *
 * The permits live here, so one enforcement is made for each service and shared by all its calls.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as ProviderError from "../ProviderError.ts"
import * as Telemetry from "../Telemetry.ts"
import type * as Policy from "./Policy.ts"
import type * as Retry from "./Retry.ts"

/**
 * - `call`: for effects.
 * - `stream`: for streams. They are retried only while no event has been delivered; a failure after that becomes a
 *   `StreamInterruptedError` with the number of events delivered and the failure as its cause.
 */
export interface Enforcement {
  readonly policy: Policy.Policy
  readonly call: <A, R>(
    self: Effect.Effect<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target
  ) => Effect.Effect<A, ProviderError.ProviderError, R>
  readonly stream: <A, R>(
    self: Stream.Stream<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target
  ) => Stream.Stream<A, ProviderError.ProviderError, R>
}

/** Puts a policy in force. */
export const make = (policy: Policy.Policy): Effect.Effect<Enforcement> =>
  Effect.map(Semaphore.make(policy.concurrency), (permits): Enforcement => {
    const { attempt, deadline, firstEvent, idle } = policy.timeouts
    return {
      policy,
      call: (self, target) =>
        within(self, attempt, () => timeout(target, "attempt", attempt)).pipe(
          permits.withPermit,
          Effect.retry(logged(policy.retry, target)),
          (retried) => within(retried, deadline, () => timeout(target, "deadline", deadline))
        ),
      stream: <A, R>(self: Stream.Stream<A, ProviderError.ProviderError, R>, target: Telemetry.Target) =>
        Stream.suspend(() => {
          let delivered = 0
          const failable = Stream.mapError(
            self,
            (error) => delivered === 0 ? error : interrupted(target, delivered, error)
          )
          const attempt = Stream.transformPull(failable, (pull) =>
            Effect.succeed(Effect.suspend(() => {
              const [phase, limit] = delivered === 0 ? ["first-event", firstEvent] as const : ["idle", idle] as const
              return Effect.tap(
                within(pull, limit, () => timeout(target, phase, limit)),
                (events) => Effect.sync(() => delivered += events.length)
              )
            })))
          const retried = Stream.unwrap(Effect.as(permits.takeScoped(1), attempt)).pipe(
            Stream.retry(Schedule.while(logged(policy.retry, target), () => delivered === 0))
          )
          return Stream.transformPull(
            retried,
            (pull) =>
              Effect.map(Clock.currentTimeMillis, (start) =>
                Effect.flatMap(Clock.currentTimeMillis, (now) =>
                  within(
                    pull,
                    Duration.subtract(deadline, Duration.millis(now - start)),
                    () => timeout(target, "deadline", deadline)
                  )))
          )
        })
    }
  })

const within = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  duration: Duration.Duration,
  onTimeout: () => E2
): Effect.Effect<A, E | E2, R> =>
  Duration.isFinite(duration)
    ? Effect.timeoutOrElse(self, { duration, orElse: () => Effect.fail(onTimeout()) })
    : self

const timeout = (target: Telemetry.Target, phase: ProviderError.TimeoutPhase, after: Duration.Duration) =>
  new ProviderError.TimeoutError({
    provider: target.provider,
    model: target.model,
    phase,
    after,
    message: `${timeoutMessage[phase]} within ${Duration.format(after)}`
  })

const timeoutMessage: Record<ProviderError.TimeoutPhase, string> = {
  "attempt": "The provider did not answer",
  "first-event": "The stream gave no first event",
  "idle": "The stream gave no further event",
  "deadline": "The operation with its retries did not end",
  "connect": "No connection was made",
  "model": "The model did not answer"
}

const interrupted = (target: Telemetry.Target, delivered: number, cause: ProviderError.ProviderError) =>
  new ProviderError.StreamInterruptedError({
    provider: target.provider,
    model: target.model,
    requestId: cause.requestId,
    exception: cause.exception,
    delivered,
    cause,
    message: `The stream broke after ${delivered} events: ${cause.message}`
  })

const logged = (retry: Retry.Retry, target: Telemetry.Target): Retry.Retry =>
  Schedule.tap(retry, ({ attempt, duration, input }) =>
    Effect.andThen(
      Effect.logWarning("Retrying after a transient failure").pipe(
        Effect.annotateLogs({
          operation: target.operation,
          provider: target.provider,
          model: target.model,
          error: input._tag,
          exception: input.exception,
          requestId: input.requestId,
          retry: attempt,
          delay: Duration.format(duration)
        })
      ),
      Telemetry.recordRetry(target, input)
    ))
