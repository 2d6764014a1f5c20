/**
 * The circuits of a breaker, under keys: in the `CircuitBreakerStore` of the context, or in the memory of this process where
 * there is none or it fails.
 *
 * `CircuitBreaker.make` has neither this fallback nor the change that a call made.
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

/** When circuits open, and for how long. */
export interface Settings {
  readonly trip: Trip
  readonly open: Duration.Duration
}

/** What a call says about the provider. */
export type Verdict = "Success" | "Failure" | "Ignored"

/** How a verdict changed a circuit; `reopened`: the probe failed. */
export type Change = "opened" | "reopened" | "closed" | undefined

/**
 * A call may be made.
 *
 * - `isProbe`: whether the circuit is half open, and this is its one call.
 * - `settle`: records how it ended.
 */
export interface Admission<E = never> {
  readonly _tag: "Admission"
  readonly isProbe: boolean
  readonly settle: (verdict: Verdict) => Effect.Effect<Change, E>
}

/** No call may be made: the circuit is open, or half open and another call is the probe. */
export type Rejection = CircuitBreaker.CircuitOpen | CircuitBreaker.CircuitHalfOpen

/** Asks whether a call may be made. The scope stays open while the call runs. */
export interface Circuits {
  readonly admit: (key: string) => Effect.Effect<Admission | Rejection, never, Scope.Scope>
}

/** Builds the circuits of one service. */
export const make = (breaker: Settings): Effect.Effect<Circuits, never, Scope.Scope> =>
  Effect.gen(function*() {
    const memory = Context.get(
      yield* Layer.build(CircuitBreaker.layerStoreMemory({ idleTimeToLive: "10 minutes" })),
      CircuitBreaker.CircuitBreakerStore
    )
    const shared = yield* Effect.serviceOption(CircuitBreaker.CircuitBreakerStore)
    const local = inStore(memory, breaker)
    const admitHere = (key: string) =>
      Effect.map(local(key), settledBy((settle) => Effect.catch(settle, () => Effect.undefined))).pipe(
        Effect.catch(() => Effect.succeed(unguarded))
      )
    if (Option.isNone(shared)) return { admit: admitHere }

    const { attempt } = FailingStore.of(shared.value, {
      name: "The store of circuit breakers",
      meanwhile: "this process goes on with circuits of its own"
    })
    const admit = inStore(shared.value, breaker)
    return {
      admit: (key) =>
        Effect.flatMap(
          attempt(() => admit(key), Effect.undefined),
          (answer) =>
            answer === undefined
              ? admitHere(key)
              : Effect.succeed(settledBy((settle) => attempt(() => settle, Effect.undefined))(answer))
        )
    }
  })

/** The answer without a store: the call is made, and its verdict is not recorded. */
const unguarded: Admission = { _tag: "Admission", isProbe: false, settle: () => Effect.undefined }

/** An answer whose verdict is recorded in another way. */
const settledBy =
  <E>(enter: (settle: Effect.Effect<Change, E>) => Effect.Effect<Change>) =>
  (answer: Admission<E> | Rejection): Admission | Rejection =>
    answer._tag === "Admission" ? { ...answer, settle: (verdict) => enter(answer.settle(verdict)) } : answer

/** A store whose rejections are values, so that only its own failures are errors. */
const inStore = (store: CircuitBreaker.CircuitBreakerStore["Service"], { open, trip }: Settings) => {
  const tripPolicy: CircuitBreaker.TripPolicy = trip.type === "consecutive"
    ? { _tag: "Consecutive", failures: trip.failures }
    : { _tag: "Rate", threshold: trip.threshold, size: trip.size, minimumCalls: trip.minimumCalls }
  return (key: string) =>
    store.admit(key).pipe(
      Effect.map(({ generation, probe }): Admission<CircuitBreaker.CircuitBreakerError> | Rejection => ({
        _tag: "Admission",
        isProbe: probe,
        settle: (outcome) =>
          Effect.map(
            store.record({ key, generation, outcome, tripPolicy, openFor: open }),
            (transition): Change =>
              transition &&
              (transition.to === "Closed" ? "closed" : transition.from === "HalfOpen" ? "reopened" : "opened")
          )
      })),
      Effect.catch((error) =>
        error.reason._tag === "CircuitBreakerStoreError" ? Effect.fail(error) : Effect.succeed(error.reason)
      )
    )
}
