/** A breaker in force. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Circuits from "../../state/internal/circuits.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Breaker from "../Breaker.ts"
import type * as WaitQueue from "./waitQueue.ts"

/**
 * - `protect`: runs a call if its circuit is closed, or half open and this is the probe; else fails with `CircuitOpenError`.
 * - `isOpen`: whether the circuit was last seen open, and its time is not over.
 * - `opened`: returns as soon as this process knows that the circuit is open.
 * - `whileClosed`: runs `self` where interruption is masked, with a `restore` whose waits are interrupted as soon as this
 *   process knows that the circuit is open. Fails with `CircuitOpenError` then, also when `self` has succeeded meanwhile.
 */
export interface BreakerGate {
  readonly protect: <A, E extends ProviderError.ProviderError, R>(
    self: Effect.Effect<A, E, R>,
    target: Telemetry.Target
  ) => Effect.Effect<A, E | ProviderError.CircuitOpenError, R>
  readonly isOpen: (target: Telemetry.Target) => Effect.Effect<boolean>
  readonly opened: (target: Telemetry.Target) => Effect.Effect<void>
  readonly whileClosed: <A, E>(
    target: Telemetry.Target,
    restore: WaitQueue.Restore,
    self: (restore: WaitQueue.Restore) => Effect.Effect<A, E>
  ) => Effect.Effect<A, E | ProviderError.CircuitOpenError>
}

export const make = (breaker: Breaker.Breaker | undefined): Effect.Effect<BreakerGate, never, Scope.Scope> =>
  breaker === undefined
    ? Effect.succeed({
      protect: (self) => self,
      isOpen: () => Effect.succeed(false),
      opened: () => Effect.never,
      whileClosed: (_target, restore, self) => self(restore)
    })
    : Effect.map(Circuits.make(breaker), (circuits) => inForce(new Map(), circuits, breaker))

/** A circuit that was last seen half open, or open until then, in milliseconds of `Watchdog.now`. */
export interface NotClosed {
  readonly state: "open" | "half-open"
  readonly until: number
}

/** Builds a gate over circuits; `seen` has their last known states, and `waiters` the calls that wait to hear of them. */
export const inForce = (
  seen: Map<string, NotClosed>,
  circuits: Circuits.Circuits,
  { open }: Breaker.Breaker,
  waiters = new Map<string, Set<() => void>>()
): BreakerGate => {
  const kept = BoundedMap.make(mostSeen, undefined, seen)

  const see = (target: Telemetry.Target, state: NotClosed["state"] | "closed", openFor = Duration.zero) =>
    Effect.flatMap(Watchdog.now, (now) => {
      const key = Telemetry.keyOf(target)
      const before = seen.get(key)?.state ?? "closed"
      if (state === "closed") kept.delete(key)
      else kept.set(key, { state, until: now + Duration.toMillis(openFor) })
      if (state === "open") {
        for (const wake of waiters.get(key) ?? []) wake()
      }
      return before === state
        ? Effect.void
        : Metric.update(Metric.withAttributes(Telemetry.breaker, Telemetry.sharedAttributes(target)), gauge[state])
    })

  const changed = (target: Telemetry.Target, change: Circuits.Change): Effect.Effect<void> => {
    if (change === undefined) return Effect.void
    const { model, provider, scope } = target
    const log = change === "opened"
      ? Effect.logWarning(`The circuit is open for ${Duration.format(open)}: the provider keeps failing`)
      : change === "reopened"
      ? Effect.logDebug(`The circuit stays open for another ${Duration.format(open)}: the provider still fails`)
      : Effect.logInfo("The circuit is closed again: the provider answers")
    return Effect.andThen(
      change === "closed" ? see(target, "closed") : see(target, "open", open),
      Effect.annotateLogs(log, { provider, model, ...(scope !== undefined && { scope }) })
    )
  }

  /** For how many milliseconds a circuit that was last seen open stays so. */
  const openFor = (target: Telemetry.Target) =>
    Effect.map(Watchdog.now, (now) => {
      const known = seen.get(Telemetry.keyOf(target))
      return known?.state === "open" ? known.until - now : undefined
    })

  const check = (target: Telemetry.Target) =>
    Effect.flatMap(openFor(target), (left) => left === undefined ? Effect.void : Effect.fail(rejected(target, left)))

  const opened = (target: Telemetry.Target) =>
    Effect.callback<void>((resume) => {
      const key = Telemetry.keyOf(target)
      const wake = () => resume(Effect.void)
      if (seen.get(key)?.state === "open") return wake()
      const waiting = BoundedMap.getOrMake(waiters, key, () => new Set()).add(wake)
      return Effect.sync(() => {
        waiting.delete(wake)
        if (waiting.size === 0) waiters.delete(key)
      })
    })

  return {
    opened,
    isOpen: (target) => Effect.map(openFor(target), (left) => left !== undefined && left > 0),
    protect: (self, target) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.scopedWith(Effect.fnUntraced(function*(scope) {
          // No circuit closes before its time: the store is not asked, and what it said last holds while it is lost.
          const left = yield* openFor(target)
          if (left !== undefined && left > 0) return yield* rejected(target, left)
          const admission = yield* Scope.provide(circuits.admit(Telemetry.keyOf(target)), scope)
          switch (admission._tag) {
            case "CircuitOpen":
              yield* see(target, "open", admission.retryAfter)
              return yield* rejected(target, Duration.toMillis(admission.retryAfter))
            case "CircuitHalfOpen":
              yield* see(target, "half-open")
              return yield* rejected(target)
            case "Admission":
              yield* see(target, admission.isProbe ? "half-open" : "closed")
              return yield* Effect.onExit(restore(self), (exit) =>
                Effect.flatMap(admission.settle(verdict(exit)), (change) => changed(target, change)))
          }
        }))
      ),
    whileClosed: (target, restore, self) =>
      self((wait) => restore(Effect.raceFirst(wait, Effect.andThen(opened(target), Effect.interrupt)))).pipe(
        Effect.tap(check(target)),
        Effect.catchCause((cause) =>
          Effect.andThen(Cause.hasInterruptsOnly(cause) ? check(target) : Effect.void, Effect.failCause(cause))
        )
      )
  }
}

const gauge = { "closed": 0, "half-open": 1, "open": 2 }

/** Requests may name any model: the states of this many circuits are kept. */
const mostSeen = 1_000

const verdict = (exit: Exit.Exit<unknown, ProviderError.ProviderError>): Circuits.Verdict => {
  if (Exit.isSuccess(exit)) return "Success"
  const error = Cause.findErrorOption(exit.cause)
  return Option.isSome(error) && failures.has(error.value._tag) ? "Failure" : "Ignored"
}

const failures: ReadonlySet<string> = new Set<ProviderError.ProviderError["_tag"]>([
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError"
])

/** What a call fails with; `left`, in milliseconds, is missing while another call is the probe. */
const rejected = (target: Telemetry.Target, left?: number) => {
  const { model, provider } = target
  const retryAfter = left === undefined ? Duration.seconds(1) : Duration.millis(Math.max(1, Math.ceil(left)))
  const name = `The circuit of ${Telemetry.nameOf(target)}`
  return new ProviderError.CircuitOpenError({
    provider,
    model,
    retryAfter,
    message: left === undefined
      ? `${name} is half open after repeated failures: one call is probing the provider. ` +
        "Nothing was sent. Try again in a moment, or use another model."
      : `${name} is open after repeated failures: no call is sent for another ${inWords(retryAfter)}. ` +
        "Nothing was sent. Try again later, or use another model."
  })
}

/** In whole seconds, where there are some. */
const inWords = (time: Duration.Duration): string => {
  const millis = Duration.toMillis(time)
  return Duration.format(Duration.millis(millis < 1000 ? millis : Math.ceil(millis / 1000) * 1000))
}
