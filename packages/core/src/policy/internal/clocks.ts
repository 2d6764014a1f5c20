/**
 * The clocks of calls and streams.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Policy from "../Policy.ts"

/** Who is asked, for the errors of a clock. */
export type Asked = Pick<Telemetry.Target, "provider" | "model" | "scope">

/** A deadline, which may be any value. */
export const deadline = (
  given: Duration.Input
): Effect.Effect<Duration.Duration, ProviderError.InvalidRequestError> =>
  Check.run(Check.duration({ infinite: true }), given, { provider: "strata", field: "deadline" })

/** Fails an effect that takes longer; `left` is what of the duration is left, if it began earlier. */
export const within =
  (phase: Phase, duration: Duration.Duration, asked: Asked, left = duration) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | ProviderError.TimeoutError, R> => {
    const orElse = () => Effect.failSync(() => timeout(asked, phase, duration))
    if (Duration.isZero(left)) return orElse()
    return Duration.isFinite(duration) ? Effect.timeoutOrElse(self, { duration: left, orElse }) : self
  }

/** {@link within} for many effects that run at the same time: all of them share a timer. */
export const shared = (phase: Phase, duration: Duration.Duration) => {
  if (Duration.isZero(duration) || !Duration.isFinite(duration)) {
    return <A, E, R>(self: Effect.Effect<A, E, R>, asked: Asked) => within(phase, duration, asked)(self)
  }
  const limited = Watchdog.shared(Duration.toMillis(duration))
  return <A, E, R>(self: Effect.Effect<A, E, R>, asked: Asked): Effect.Effect<A, E | ProviderError.TimeoutError, R> =>
    limited(self, () => timeout(asked, phase, duration))
}

/** A stream that has given its first events, and the scope of its connection. */
export interface Opened<A, E> {
  readonly connection: Scope.Closeable
  readonly events: NonEmptyReadonlyArray<A>
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<A>, E>
}

/** Reads a stream up to its first events; `undefined` for one that has none. */
export const open = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  connection: Scope.Closeable,
  first: Duration.Duration,
  asked: Asked
): Effect.Effect<Opened<A, E> | undefined, E | ProviderError.TimeoutError, R> =>
  Effect.flatMap(Scope.provide(Stream.toPull(self), connection), (pull) =>
    pull.pipe(
      within("first-event", first, asked),
      Effect.map((events): Opened<A, E> | undefined => ({ connection, events, pull })),
      Pull.catchDone(() => Effect.succeed(undefined))
    ))

/**
 * The rest of a stream, from its first events on. `start` is when its call began, in milliseconds of `Watchdog.now`;
 * `broken` says what it fails with once events were delivered.
 */
export const flowing = <A, E, E2>(
  { connection, events, pull }: Opened<A, E>,
  { deadline, idle }: Pick<Policy.Timeouts, "deadline" | "idle">,
  start: number,
  asked: Asked,
  broken: (error: NoInfer<E> | ProviderError.TimeoutError, delivered: number) => E2
): Stream.Stream<A, E2> => {
  const pause = Duration.toMillis(idle)
  const end = start + Duration.toMillis(deadline)
  const limit = (now: number): Watchdog.Limit<ProviderError.TimeoutError> =>
    now + pause < end
      ? { until: now + pause, onExpired: () => timeout(asked, "idle", idle) }
      : { until: end, onExpired: () => timeout(asked, "deadline", deadline) }
  const watched = pause === Infinity && end === Infinity ? pull : Watchdog.watch(pull, limit, connection)

  return Stream.fromPull(Effect.gen(function*() {
    let delivered = 0
    let isReading = false
    let expired: ProviderError.TimeoutError | undefined

    const close = (exit: Exit.Exit<unknown, unknown>) => Scope.close(connection, exit)
    const read = watched.pipe(
      Effect.mapError((error) => Cause.isDone(error) ? error : broken(error, delivered)),
      Effect.tapCause((cause) => close(Pull.doneExitFromCause(cause))),
      Effect.tap((events) => {
        delivered += events.length
        isReading = false
        return expired === undefined ? Effect.void : close(Exit.fail(expired))
      })
    )
    // While an event is waited for, the deadline is the watchdog's: it interrupts the wait.
    const expire = Effect.suspend(() => {
      expired = timeout(asked, "deadline", deadline)
      return isReading ? Effect.void : close(Exit.fail(expired))
    })
    if (end !== Infinity) {
      const left = Math.max(0, end - (yield* Watchdog.now))
      yield* Effect.forkIn(Effect.delay(expire, left), connection)
    }

    return Effect.suspend(() => {
      if (delivered === 0) {
        delivered = events.length
        return Effect.succeed(events)
      }
      if (expired !== undefined) return Effect.fail(broken(expired, delivered))
      isReading = true
      return read
    })
  }))
}

/** Fails a stream that does not end within a time from its start. */
export const bounded = <A, E, R, E2>(
  self: Stream.Stream<A, E, R>,
  deadline: Duration.Duration,
  asked: Asked,
  broken: (error: NoInfer<E> | ProviderError.TimeoutError, delivered: number) => E2
): Stream.Stream<A, E | E2 | ProviderError.TimeoutError, R> =>
  !Duration.isFinite(deadline) ? self : Stream.unwrap(Effect.gen(function*() {
    const start = yield* Watchdog.now
    const connection = yield* Scope.fork(yield* Effect.scope)
    const opened = yield* within("deadline", deadline, asked)(open(self, connection, Duration.infinity, asked))
    const clocks = { deadline, idle: Duration.infinity }
    return opened === undefined ? Stream.empty : flowing(opened, clocks, start, asked, broken)
  }))

const timeout = (asked: Asked, phase: Phase, after: Duration.Duration) =>
  new ProviderError.TimeoutError({
    provider: asked.provider,
    model: asked.model,
    phase,
    after,
    message: timeoutMessage[phase](Telemetry.nameOf(asked), Duration.format(after))
  })

/** The clocks of a policy. */
type Phase = Exclude<ProviderError.TimeoutPhase, "connect" | "model">

const timeoutMessage: Record<Phase, (name: string, after: string) => string> = {
  "attempt": (name, after) =>
    `${name} did not answer within ${after}. Raise \`timeouts.attempt\`, or stream the answer.`,
  "first-event": (name, after) =>
    `${name} began no answer within ${after}: its stream gave no event. Raise \`timeouts.firstEvent\`.`,
  "idle": (name, after) => `The stream of ${name} gave no further event within ${after}. Raise \`timeouts.idle\`.`,
  "deadline": (name, after) =>
    `The call of ${name} did not end within ${after}, retries included. Raise the deadline, or allow fewer retries.`
}

/** The failure of a stream of which events were delivered. */
export const interrupted = (asked: Asked) => (cause: ProviderError.ChatStreamError, delivered: number) =>
  cause._tag === "StreamInterruptedError" ? cause : new ProviderError.StreamInterruptedError({
    provider: asked.provider,
    model: asked.model,
    requestId: cause.requestId,
    server: cause.server,
    exception: cause.exception,
    providerMessage: cause.providerMessage,
    delivered,
    cause,
    message: `The stream of ${Telemetry.nameOf(asked)} broke after ${delivered} ${
      delivered === 1 ? "event" : "events"
    }: ${cause.message}`
  })
