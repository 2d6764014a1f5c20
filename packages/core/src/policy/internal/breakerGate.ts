/**
 * A breaker in force.
 */
import * as Cause from "effect/Cause"
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

/** Runs a call if its circuit is closed, and fails with `CircuitOpenError` if not. */
export interface BreakerGate {
  readonly protect: <A, R>(
    self: Effect.Effect<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target
  ) => Effect.Effect<A, ProviderError.ProviderError, R>
}

/** Builds the gate of a policy; one that has no breaker lets everything through. */
export const make = (breaker: Breaker.Breaker | undefined): Effect.Effect<BreakerGate, never, Scope.Scope> =>
  breaker === undefined
    ? Effect.succeed({ protect: (self) => self })
    : Effect.map(Circuits.make(breaker), (circuits) => inForce(circuits, breaker))

const inForce = (circuits: Circuits.Circuits, { open }: Breaker.Breaker): BreakerGate => {
  /** Circuits that were last seen open or half open: another process may close them. */
  const notClosed = new Map<string, State>()

  const see = (key: string, target: Telemetry.Target, state: State): Effect.Effect<void> =>
    Effect.suspend(() => {
      if ((notClosed.get(key) ?? "closed") === state) return Effect.void
      if (state === "closed") notClosed.delete(key)
      else notClosed.set(key, state)
      return Metric.update(Metric.withAttributes(Telemetry.breaker, attributes(target)), gauge[state])
    })

  const annotated = (target: Telemetry.Target) =>
    Effect.annotateLogs({
      provider: target.provider,
      model: target.model,
      ...(target.scope === undefined ? {} : { scope: target.scope })
    })

  const changed = (
    key: string,
    target: Telemetry.Target,
    change: "opened" | "closed" | undefined
  ): Effect.Effect<void> => {
    switch (change) {
      case undefined:
        return Effect.void
      case "opened":
        return Effect.andThen(
          see(key, target, "open"),
          Effect.logWarning(`The circuit is open for ${Duration.format(open)}: the provider keeps failing`).pipe(
            annotated(target)
          )
        )
      case "closed":
        return Effect.andThen(
          see(key, target, "closed"),
          Effect.logInfo("The circuit is closed again: the provider answers").pipe(annotated(target))
        )
    }
  }

  return {
    protect: (self, target) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.scopedWith((scope) => {
          const key = Telemetry.keyOf(target)
          return Effect.flatMap(Scope.provide(circuits.admit(key), scope), (leave) => {
            switch (leave._tag) {
              case "CircuitOpen":
                return Effect.andThen(
                  see(key, target, "open"),
                  Effect.fail(rejected(target, wholeMillis(leave.retryAfter)))
                )
              case "CircuitHalfOpen":
                return Effect.andThen(see(key, target, "half-open"), Effect.fail(rejected(target, undefined)))
              case "Admission":
                return Effect.andThen(
                  see(key, target, leave.trying ? "half-open" : "closed"),
                  Effect.onExit(
                    restore(self),
                    (exit) => Effect.flatMap(leave.settle(verdict(exit)), (change) => changed(key, target, change))
                  )
                )
            }
          })
        })
      )
  }
}

type State = "closed" | "half-open" | "open"

const gauge: Record<State, number> = { "closed": 0, "half-open": 1, "open": 2 }

const attributes = ({ model, provider, scope }: Telemetry.Target) => ({
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": Telemetry.modelLabel(model),
  ...(scope === undefined ? {} : { "strata.scope": scope })
})

const verdict = (exit: Exit.Exit<unknown, ProviderError.ProviderError>): Circuits.Verdict => {
  if (Exit.isSuccess(exit)) return "Success"
  const error = Cause.findErrorOption(exit.cause)
  return Option.isSome(error) && failures.has(error.value._tag) ? "Failure" : "Ignored"
}

/** What says that the provider is not there, or not able to. */
const failures: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError"
])

/** What a call fails with; `openFor` is undefined while another call is trying. */
const rejected = ({ model, provider, scope }: Telemetry.Target, openFor: Duration.Duration | undefined) => {
  const whose = `${model} of ${provider}${scope === undefined ? "" : ` in ${scope}`}`
  return new ProviderError.CircuitOpenError({
    provider,
    model,
    retryAfter: openFor ?? whileTrying,
    message: openFor === undefined
      ? `${whose} kept failing, and one call is trying whether it answers again. ` +
        "Nothing was sent: try again in a moment, or use another model."
      : `${whose} kept failing, so no call is made for another ${Duration.format(openFor)}. ` +
        "Nothing was sent: try again later, or use another model."
  })
}

const wholeMillis = (duration: Duration.Duration) => Duration.millis(Math.ceil(Duration.toMillis(duration)))

/** How soon it makes sense to ask whether the call that tries has been answered. */
const whileTrying = Duration.seconds(1)
