/**
 * A breaker in force.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as ProviderError from "../../ProviderError.ts"
import * as Circuits from "../../state/internal/circuits.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Breaker from "../Breaker.ts"
import type * as WaitQueue from "./waitQueue.ts"

/**
 * - `protect`: runs a call if its circuit is closed, or half open and this the call that tries; fails with
 *   `CircuitOpenError` if not.
 * - `opened`: returns as soon as this process knows that the circuit is open.
 * - `whileClosed`: runs `self` where interruption is masked, with a `restore` that ends its waits as soon as this process
 *   knows that the circuit is open: as if interrupted, so that what was waited for is given back. Fails with
 *   `CircuitOpenError` then, and also when the circuit was found open afterwards: `giveBack` gets what `self` holds.
 */
export interface BreakerGate {
  readonly protect: <A, E extends ProviderError.ProviderError, R>(
    self: Effect.Effect<A, E, R>,
    target: Telemetry.Target
  ) => Effect.Effect<A, E | ProviderError.CircuitOpenError, R>
  readonly opened: (target: Telemetry.Target) => Effect.Effect<void>
  readonly whileClosed: <A, E>(
    target: Telemetry.Target,
    restore: WaitQueue.Restore,
    self: (restore: WaitQueue.Restore) => Effect.Effect<A, E>,
    giveBack: (held: A) => Effect.Effect<void>
  ) => Effect.Effect<A, E | ProviderError.CircuitOpenError>
}

/** Builds the gate of a policy; one that has no breaker lets everything through. */
export const make = (breaker: Breaker.Breaker | undefined): Effect.Effect<BreakerGate, never, Scope.Scope> =>
  breaker === undefined
    ? Effect.succeed({
      protect: (self) => self,
      opened: () => Effect.never,
      whileClosed: (_target, restore, self) => self(restore)
    })
    : Effect.map(Circuits.make(breaker), (circuits) => inForce(new Map(), circuits, breaker))

/** A circuit that was last seen open, until then, or half open. */
export interface NotClosed {
  readonly state: "open" | "half-open"
  readonly until: number
}

/** Builds a gate over circuits; what was seen of them can be looked at in `seen`. */
export const inForce = (
  seen: Map<string, NotClosed>,
  circuits: Circuits.Circuits,
  { open }: Breaker.Breaker
): BreakerGate => {
  const waiters = new Map<string, Set<() => void>>()

  const see = (target: Telemetry.Target, state: State, openFor = Duration.zero): Effect.Effect<void> =>
    Clock.clockWith((clock) => {
      const key = Telemetry.keyOf(target)
      const before = seen.get(key)?.state ?? "closed"
      seen.delete(key)
      if (state !== "closed") {
        forgetOldest(seen)
        seen.set(key, { state, until: clock.currentTimeMillisUnsafe() + Duration.toMillis(openFor) })
      }
      if (state === "open") {
        for (const wake of waiters.get(key) ?? []) wake()
      }
      return before === state
        ? Effect.void
        : Metric.update(Metric.withAttributes(Telemetry.breaker, attributes(target)), gauge[state])
    })

  const changed = (target: Telemetry.Target, change: Circuits.Change): Effect.Effect<void> => {
    if (change === undefined) return Effect.void
    const log = change === "opened"
      ? Effect.logWarning(`The circuit is open for ${Duration.format(open)}: the provider keeps failing`)
      : change === "reopened"
      ? Effect.logDebug(`The circuit stays open for another ${Duration.format(open)}: the provider still fails`)
      : Effect.logInfo("The circuit is closed again: the provider answers")
    return Effect.andThen(
      change === "closed" ? see(target, "closed") : see(target, "open", open),
      Effect.annotateLogs(log, {
        provider: target.provider,
        model: target.model,
        ...(target.scope === undefined ? {} : { scope: target.scope })
      })
    )
  }

  /** Fails if this process knows that the circuit is open; asks no store. */
  const check = (target: Telemetry.Target) =>
    Clock.clockWith((clock) => {
      const known = seen.get(Telemetry.keyOf(target))
      return known?.state === "open"
        ? Effect.fail(rejected(target, Duration.millis(known.until - clock.currentTimeMillisUnsafe())))
        : Effect.void
    })

  const opened = (target: Telemetry.Target) =>
    Effect.callback<void>((resume) => {
      const key = Telemetry.keyOf(target)
      if (seen.get(key)?.state === "open") return resume(Effect.void)
      const wake = () => resume(Effect.void)
      const waiting = waiters.get(key) ?? new Set()
      waiters.set(key, waiting.add(wake))
      return Effect.sync(() => {
        waiting.delete(wake)
        if (waiting.size === 0) waiters.delete(key)
      })
    })

  return {
    opened,
    protect: <A, E extends ProviderError.ProviderError, R>(
      self: Effect.Effect<A, E, R>,
      target: Telemetry.Target
    ): Effect.Effect<A, E | ProviderError.CircuitOpenError, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.scopedWith((scope) =>
          Effect.flatMap(
            Scope.provide(circuits.admit(Telemetry.keyOf(target)), scope),
            (admission): Effect.Effect<A, E | ProviderError.CircuitOpenError, R> => {
              switch (admission._tag) {
                case "CircuitOpen":
                  return Effect.andThen(
                    see(target, "open", admission.retryAfter),
                    Effect.fail(rejected(target, admission.retryAfter))
                  )
                case "CircuitHalfOpen":
                  return Effect.andThen(see(target, "half-open"), Effect.fail(rejected(target, undefined)))
                case "Admission":
                  return Effect.andThen(
                    see(target, admission.trying ? "half-open" : "closed"),
                    Effect.onExit(
                      restore(self),
                      (exit) => Effect.flatMap(admission.settle(verdict(exit)), (change) => changed(target, change))
                    )
                  )
              }
            }
          )
        )
      ),
    whileClosed: (target, restore, self, giveBack) =>
      self((wait) => restore(Effect.raceFirst(wait, Effect.andThen(opened(target), Effect.interrupt)))).pipe(
        Effect.tap((held) => Effect.onError(check(target), () => giveBack(held))),
        Effect.catchCause((cause) =>
          Effect.andThen(Cause.hasInterruptsOnly(cause) ? check(target) : Effect.void, Effect.failCause(cause))
        )
      )
  }
}

type State = NotClosed["state"] | "closed"

const gauge: Record<State, number> = { "closed": 0, "half-open": 1, "open": 2 }

const attributes = ({ model, provider, scope }: Telemetry.Target) => ({
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": Telemetry.modelLabel(model),
  ...(scope === undefined ? {} : { "strata.scope": scope })
})

/** Names of models come from requests, so there may be any number of circuits: the ones seen last are kept. */
const forgetOldest = (seen: Map<string, NotClosed>): void => {
  const [oldest] = seen.keys()
  if (seen.size >= 1_000 && oldest !== undefined) seen.delete(oldest)
}

const verdict = (exit: Exit.Exit<unknown, ProviderError.ProviderError>): Circuits.Verdict => {
  if (Exit.isSuccess(exit)) return "Success"
  const error = Cause.findErrorOption(exit.cause)
  return Option.isSome(error) && failures.has(error.value._tag) ? "Failure" : "Ignored"
}

/** Errors which say that the provider cannot be reached or cannot serve. */
const failures: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError"
])

/** What a call fails with; `openFor` is undefined while another call is trying. */
const rejected = ({ model, provider, scope }: Telemetry.Target, openFor: Duration.Duration | undefined) => {
  const target = `${model} of ${provider}${scope === undefined ? "" : ` in ${scope}`}`
  const retryAfter = openFor === undefined
    ? halfOpenRetryAfter
    : Duration.millis(Math.max(1, Math.ceil(Duration.toMillis(openFor))))
  return new ProviderError.CircuitOpenError({
    provider,
    model,
    retryAfter,
    message: openFor === undefined
      ? `The circuit of ${target} is half open after repeated failures: one call is trying whether it answers again. ` +
        "Nothing was sent. Try again in a moment, or use another model."
      : `The circuit of ${target} is open after repeated failures: no call is sent for another ` +
        `${Duration.format(retryAfter)}. Nothing was sent. Try again later, or use another model.`
  })
}

/** How soon it makes sense to ask again while one call is trying. */
const halfOpenRetryAfter = Duration.seconds(1)
