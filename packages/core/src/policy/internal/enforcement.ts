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
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Concurrency from "../Concurrency.ts"
import * as Policy from "../Policy.ts"
import type * as Quota from "../Quota.ts"
import * as BreakerGate from "./breakerGate.ts"
import * as Permits from "./concurrency/permits.ts"
import * as Hedging from "./hedging.ts"
import * as QuotaGate from "./quota/gate.ts"
import * as RetryAllowance from "./retryAllowance.ts"
import * as Retrying from "./retrying.ts"
import type * as WaitingLine from "./waitingLine.ts"

/**
 * - `call`: for effects.
 * - `stream`: for streams. They are retried only while no event has been delivered; a failure after that becomes a
 *   `StreamInterruptedError` with the number of events delivered and the failure as its cause.
 * - `window`: how many calls can be in flight at most; finite whatever the policy says.
 */
export interface Enforcement {
  readonly policy: Policy.Policy
  readonly window: number
  readonly call: <A, R>(
    self: Effect.Effect<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target,
    metering?: Metering<A>
  ) => Effect.Effect<A, ProviderError.ProviderError, R>
  readonly stream: <A, R>(
    self: Stream.Stream<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target,
    metering?: Metering<A>
  ) => Stream.Stream<A, ProviderError.ProviderError, R>
}

/** What a quota needs to know of a call, and what an answer, or an event of a stream, tells about tokens drawn. */
export interface Metering<A> extends QuotaGate.Meter {
  readonly consumed: (answer: A) => Quota.Consumption | undefined
}

/**
 * Puts a policy in force, for calls to `provider`. Fails with `InvalidRequestError` for a policy that cannot be right,
 * and names what is wrong with it: `policy.timeouts.attempt`.
 *
 * A stream up to its first event is a call like any other; the rest of it is past repeating, so the retries cannot
 * reach it.
 */
export const make = (
  policy: Policy.Policy,
  provider = "strata"
): Effect.Effect<Enforcement, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.flatMap(Check.run(Policy.check, policy, { provider, field: "policy" }), inForce)

const inForce = (policy: Policy.Policy): Effect.Effect<Enforcement, never, Scope.Scope> =>
  Effect.gen(function*() {
    const permits = yield* Permits.make(policy.concurrency)
    const quota = yield* QuotaGate.make(policy.quota)
    const breaker = yield* BreakerGate.make(policy.breaker)
    const allowance = yield* RetryAllowance.make(policy.retryBudget)
    const { attempt, deadline, firstEvent } = policy.timeouts

    /** Deadline, retries and hedging around one way of making an attempt. */
    const repeated = <A, R>(
      once: (attempt: number) => Effect.Effect<A, ProviderError.ProviderError, R>,
      target: Telemetry.Target,
      discard: (answer: A) => Effect.Effect<void>
    ) =>
      Effect.suspend(() => {
        let attempts = 0
        const guarded = Effect.suspend(() => breaker.protect(once(++attempts), target))
        const hedged = policy.hedge === undefined
          ? guarded
          : Hedging.hedged(guarded, { after: policy.hedge, target, discard })
        const retried = Retrying.retried(hedged, {
          retry: policy.retry,
          target,
          permitted: allowance.onRetry(target),
          circuitOpened: breaker.opened(target)
        })
        return Effect.andThen(allowance.onCall, retried)
      }).pipe(within(deadline, () => timeout(target, "deadline", deadline)))

    /** Tokens and a permit, with nothing lost in between; what they are given back with is up to the caller. */
    const admitted = <A>(target: Telemetry.Target, metering: Metering<A>, restore: WaitingLine.Restore) =>
      breaker.whileClosed(
        target,
        restore,
        (restore) =>
          Effect.flatMap(quota.reserve(target, metering, restore), (reservation) =>
            Effect.map(
              Effect.onError(permits.take(target, restore), () => reservation.settle("refused")),
              (permit): Admission => ({ reservation, permit })
            )),
        ({ permit, reservation }) => Effect.andThen(permit.release("other"), reservation.settle("refused"))
      ).pipe(Effect.tap(({ reservation }) => reservation.sent))

    const open = <A, R>(
      self: Stream.Stream<A, ProviderError.ProviderError, R>,
      target: Telemetry.Target,
      metering: Metering<A>,
      number: number,
      scope: Scope.Scope
    ) =>
      Effect.flatMap(Scope.fork(scope), (connection) => {
        let consumed: Quota.Consumption | undefined
        const meter = (events: NonEmptyReadonlyArray<A>) => {
          for (const event of events) {
            consumed = metering.consumed(event) ?? consumed
          }
        }
        const leave = (admission: Admission) => (exit: Exit.Exit<unknown, unknown>) =>
          released(admission, exit, consumed)
        return Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(
            admitted(target, metering, restore),
            (admission) => Scope.addFinalizerExit(connection, leave(admission))
          )
        ).pipe(
          Effect.andThen(Telemetry.recordAttempt(target)),
          Effect.andThen(Stream.toPull(self)),
          Scope.provide(connection),
          Effect.flatMap((pull) => {
            const metered = Effect.tap(pull, (events) => Effect.sync(() => meter(events)))
            return metered.pipe(
              within(firstEvent, () => timeout(target, "first-event", firstEvent)),
              Effect.map((events): Opened<A> | undefined => ({ connection, events, pull: metered })),
              Pull.catchDone(() => Effect.succeed(undefined))
            )
          }),
          Telemetry.attempt(number),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value !== undefined ? Effect.void : Scope.close(connection, exit)
          )
        )
      })

    return {
      policy,
      window: Number.isFinite(Concurrency.most(policy.concurrency)) ? Concurrency.most(policy.concurrency) : unbounded,
      call: (self, target, metering = unmetered) => {
        const sent = Effect.andThen(Telemetry.recordAttempt(target), self).pipe(
          within(attempt, () => timeout(target, "attempt", attempt))
        )
        return repeated(
          (number) =>
            Effect.uninterruptibleMask((restore) =>
              Effect.flatMap(admitted(target, metering, restore), (admission) =>
                Effect.onExit(restore(Telemetry.attempt(number)(sent)), (exit) =>
                  released(admission, exit, Exit.isSuccess(exit) ? metering.consumed(exit.value) : undefined)))
            ),
          target,
          () =>
            Effect.void
        )
      },
      stream: (self, target, metering = unmetered) =>
        Stream.unwrap(Effect.gen(function*() {
          const scope = yield* Effect.scope
          const start = yield* Watchdog.now
          const opened = yield* repeated(
            (number) => open(self, target, metering, number, scope),
            target,
            (opened) => opened === undefined ? Effect.void : Scope.close(opened.connection, Exit.void)
          )
          return opened === undefined ? Stream.empty : flowing(opened, policy.timeouts, start, target)
        }))
    }
  })

/** Requests in flight when the policy sets no bound: enough to be fast, not enough to exhaust sockets. */
const unbounded = 32

interface Admission {
  readonly reservation: QuotaGate.Reservation
  readonly permit: Permits.Permit
}

const unmetered: Metering<unknown> = {
  load: () => Effect.succeed({ inputTokens: 0, outputTokens: 0 }),
  outputBurndown: 1,
  consumed: () => undefined
}

const released = (
  { permit, reservation }: Admission,
  exit: Exit.Exit<unknown, unknown>,
  consumed: Quota.Consumption | undefined
): Effect.Effect<void> => {
  const error = failure(exit)
  const isThrottled = error !== undefined && rootOf(error)._tag === "RateLimitError"
  const isRefused = error !== undefined && ProviderError.isRefusal(error)
  return Effect.andThen(
    permit.release(Exit.isSuccess(exit) ? "answered" : isThrottled ? "refused" : "other"),
    reservation.settle(consumed ?? (isRefused ? "refused" : "unknown"))
  )
}

const failure = (exit: Exit.Exit<unknown, unknown>): ProviderError.ProviderError | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return ProviderError.isProviderError(error) ? error : undefined
}

/** Why a stream broke; any other error is its own root. */
const rootOf = (error: ProviderError.ProviderError): ProviderError.ProviderError =>
  error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause) ? error.cause : error

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
    const watched = pause === Infinity && end === Infinity ? pull : Watchdog.watch(pull, limit, connection)
    const failable = Effect.mapError(
      watched,
      (error) => Cause.isDone(error) ? error : interrupted(target, delivered, error)
    )
    const next = Effect.matchCauseEffect(failable, {
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
