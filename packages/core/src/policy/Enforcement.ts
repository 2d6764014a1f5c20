/**
 * A {@link Policy.Policy} in force: wraps calls and streams in its retries, permits and clocks, in the documented order.
 *
 * The permits live here, so one enforcement is made for each service and shared by all its calls.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Watchdog from "../internal/watchdog.ts"
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

/**
 * Puts a policy in force.
 *
 * A stream up to its first event is a call like any other; the rest of it is past repeating, so the retries cannot
 * reach it.
 */
export const make = (policy: Policy.Policy): Effect.Effect<Enforcement> =>
  Effect.map(Semaphore.make(policy.concurrency), (permits): Enforcement => {
    const { attempt, deadline, firstEvent } = policy.timeouts

    const repeated = <A, R>(self: Effect.Effect<A, ProviderError.ProviderError, R>, target: Telemetry.Target) =>
      Effect.retry(self, logged(policy.retry, target)).pipe(
        within(deadline, () => timeout(target, "deadline", deadline))
      )

    const open = <A, R>(
      self: Stream.Stream<A, ProviderError.ProviderError, R>,
      target: Telemetry.Target,
      scope: Scope.Scope
    ) =>
      Effect.flatMap(Scope.fork(scope), (connection) =>
        permits.takeScoped(1).pipe(
          Effect.andThen(Telemetry.recordAttempt(target)),
          Effect.andThen(Stream.toPull(self)),
          Scope.provide(connection),
          Effect.flatMap((pull) =>
            pull.pipe(
              within(firstEvent, () => timeout(target, "first-event", firstEvent)),
              Effect.map((events): Opened<A> | undefined => ({ connection, events, pull })),
              Pull.catchDone(() => Effect.succeed(undefined))
            )
          ),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value !== undefined ? Effect.void : Scope.close(connection, exit)
          )
        ))

    return {
      policy,
      call: (self, target) =>
        Effect.andThen(Telemetry.recordAttempt(target), self).pipe(
          within(attempt, () => timeout(target, "attempt", attempt)),
          permits.withPermit,
          (once) => repeated(once, target)
        ),
      stream: (self, target) =>
        Stream.unwrap(Effect.gen(function*() {
          const scope = yield* Effect.scope
          const start = yield* Watchdog.now
          const opened = yield* repeated(open(self, target, scope), target)
          return opened === undefined ? Stream.empty : flowing(opened, policy.timeouts, start, target)
        }))
    }
  })

/** A stream that has given its first events, and the scope of its permit and its connection. */
interface Opened<A> {
  readonly connection: Scope.Closeable
  readonly events: NonEmptyReadonlyArray<A>
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<A>, ProviderError.ProviderError>
}

const flowing = <A>(
  { connection, events, pull }: Opened<A>,
  { deadline, idle }: Policy.Timeouts,
  start: number,
  target: Telemetry.Target
): Stream.Stream<A, ProviderError.ProviderError> => {
  const pause = Duration.toMillis(idle)
  const end = start + Duration.toMillis(deadline)
  const limit = (now: number): Watchdog.Limit<ProviderError.TimeoutError> =>
    now + pause < end
      ? { until: now + pause, onExpired: () => timeout(target, "idle", idle) }
      : { until: end, onExpired: () => timeout(target, "deadline", deadline) }

  return Stream.fromPull(Effect.sync(() => {
    let delivered = 0
    const failable = Effect.mapError(
      pull,
      (error) => Cause.isDone(error) ? error : interrupted(target, delivered, error)
    )
    const watched = pause === Infinity && end === Infinity ? failable : Watchdog.watch(failable, limit, connection)
    const next = Effect.matchCauseEffect(watched, {
      onFailure: (cause) =>
        Effect.andThen(Scope.close(connection, Pull.doneExitFromCause(cause)), Effect.failCause(cause)),
      onSuccess: (events) => {
        delivered += events.length
        return Effect.succeed(events)
      }
    })
    return Effect.suspend(() => {
      if (delivered > 0) return next
      delivered = events.length
      return Effect.succeed(events)
    })
  }))
}

const within =
  <E2>(duration: Duration.Duration, onTimeout: () => E2) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    !Duration.isFinite(duration)
      ? self
      : Duration.isZero(duration)
      ? Effect.failSync(onTimeout)
      : Effect.timeoutOrElse(self, { duration, orElse: () => Effect.failSync(onTimeout) })

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
  cause._tag === "StreamInterruptedError" ? cause : new ProviderError.StreamInterruptedError({
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
          delay: Duration.format(Duration.millis(Math.round(Duration.toMillis(duration))))
        })
      ),
      Telemetry.recordRetry(target, input)
    ))
