/**
 * The circuits of a breaker, in the `CircuitBreakerStore` of the context, or in the memory of this process where there is
 * none or it fails. `CircuitBreaker.make` has no such fallback, and does not say what a call changed.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import type * as Scope from "effect/Scope"
import * as FailingStore from "./failingStore.ts"

/** When a circuit opens; `policy/Breaker.ts` says what the fields mean. */
export type Trip =
  | { readonly type: "consecutive"; readonly failures: number }
  | { readonly type: "rate"; readonly threshold: number; readonly size: number; readonly minimumCalls: number }

export interface Settings {
  readonly trip: Trip
  readonly open: Duration.Duration
}

export type Verdict = "Success" | "Failure" | "Ignored"

/** How a verdict changed a circuit; `reopened`: the probe failed. */
export type Change = "opened" | "reopened" | "closed" | undefined

/** A call may be made; `isProbe` if the circuit is half open, and this is its one call. `settle` records how it ended. */
export interface Admission {
  readonly _tag: "Admission"
  readonly isProbe: boolean
  readonly settle: (verdict: Verdict) => Effect.Effect<Change>
}

/** Whether a call may be made. Not while the circuit is open, or half open and another call is the probe. */
export type Answer =
  | Admission
  | { readonly _tag: "CircuitOpen"; readonly retryAfter: Duration.Duration }
  | { readonly _tag: "CircuitHalfOpen" }

/** Asks whether a call may be made. The scope stays open while the call runs. */
export interface Circuits {
  readonly admit: (key: string) => Effect.Effect<Answer, never, Scope.Scope>
}

export const make = Effect.fnUntraced(function*(breaker: Settings): Effect.fn.Return<Circuits, never, Scope.Scope> {
  const memory = Context.get(
    yield* Layer.build(CircuitBreaker.layerStoreMemory({ idleTimeToLive: "10 minutes" })),
    CircuitBreaker.CircuitBreakerStore
  )
  const here = inStore(memory, breaker, (step) => Effect.catch(step, () => Effect.undefined))
  const admitHere = (key: string) => Effect.map(here(key), (answer) => answer ?? unguarded)
  const shared = yield* Effect.serviceOption(CircuitBreaker.CircuitBreakerStore)
  if (Option.isNone(shared)) return { admit: admitHere }

  const { attempt } = FailingStore.of(shared.value, {
    name: "The store of circuit breakers",
    meanwhile: "this process goes on with circuits of its own"
  })
  const there = inStore(shared.value, breaker, (step) => attempt(() => step, Effect.undefined))
  return {
    admit: (key) =>
      Effect.flatMap(there(key), (answer) => answer === undefined ? admitHere(key) : Effect.succeed(answer))
  }
})

/** The answer without a store: the call is made, and its verdict is not recorded. */
const unguarded: Admission = { _tag: "Admission", isProbe: false, settle: () => Effect.undefined }

/** A store whose rejections are values, and whose own failures are `undefined`. */
const inStore = (
  store: CircuitBreaker.CircuitBreakerStore["Service"],
  { open, trip: { type, ...trip } }: Settings,
  recover: <A, R>(
    step: Effect.Effect<A, CircuitBreaker.CircuitBreakerError, R>
  ) => Effect.Effect<A | undefined, never, R>
) => {
  // The fields of a trip are those of a policy.
  const tripPolicy = { _tag: type === "rate" ? "Rate" : "Consecutive", ...trip } as CircuitBreaker.TripPolicy
  return (key: string): Effect.Effect<Answer | undefined, never, Scope.Scope> =>
    recover(
      store.admit(key).pipe(
        Effect.map(({ generation, probe }): Answer => ({
          _tag: "Admission",
          isProbe: probe,
          settle: (outcome) =>
            Effect.map(recover(store.record({ key, generation, outcome, tripPolicy, openFor: open })), (transition) =>
              transition &&
              (transition.to === "Closed" ? "closed" : transition.from === "HalfOpen" ? "reopened" : "opened"))
        })),
        Effect.catch((error) =>
          error.reason._tag === "CircuitBreakerStoreError" ? Effect.fail(error) : Effect.succeed(error.reason)
        )
      )
    )
}
