/**
 * The circuits behind a breaker, under keys: in the `CircuitBreakerStore` of the context if there is one, and in the memory
 * of this process where there is none or where it does not work.
 *
 * `CircuitBreaker.make` does the same, but for the fallback, and for telling which call opened the circuit.
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

/** How a verdict changed a circuit; `reopened`: the call that tried failed. */
export type Change = "opened" | "reopened" | "closed" | undefined

/**
 * A call may be made.
 *
 * - `trying`: whether the circuit is half open, and this the one call that tries.
 * - `settle`: how it ended.
 */
export interface Admission<E = never> {
  readonly _tag: "Admission"
  readonly trying: boolean
  readonly settle: (verdict: Verdict) => Effect.Effect<Change, E>
}

/** No call may be made: the circuit is open, or half open and another call is trying. */
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
    const remote = Option.map(shared, (store) => ({
      admit: inStore(store, breaker),
      ...FailingStore.of(store, {
        name: "The store of circuit breakers",
        meanwhile: "this process goes on with circuits of its own"
      })
    }))

    // Memory does not fail; if it did, the call would go unwatched.
    const admitHere = (key: string) =>
      Effect.map(Effect.option(local(key)), (answer) =>
        Option.match(answer, {
          onNone: () => unwatched,
          onSome: settledBy((settle) => Effect.orElseSucceed(settle, () => undefined))
        }))

    return {
      admit: (key) =>
        Option.match(remote, {
          onNone: () => admitHere(key),
          onSome: ({ admit, attempt }) =>
            Effect.flatMap(
              attempt(() => admit(key), Effect.undefined),
              (answer) =>
                answer === undefined
                  ? admitHere(key)
                  : Effect.succeed(settledBy((settle) => attempt(() => settle, Effect.undefined))(answer))
            )
        })
    }
  })

/** An answer whose verdict is entered in another way. */
const settledBy =
  <E>(enter: (settle: Effect.Effect<Change, E>) => Effect.Effect<Change>) =>
  (answer: Admission<E> | Rejection): Admission | Rejection =>
    answer._tag === "Admission" ? { ...answer, settle: (verdict) => enter(answer.settle(verdict)) } : answer

/** A store whose rejections are answers, so that only its own failures are failures. */
const inStore = (store: CircuitBreaker.CircuitBreakerStore["Service"], { open, trip }: Settings) => {
  const tripPolicy: CircuitBreaker.TripPolicy = trip.type === "consecutive"
    ? { _tag: "Consecutive", failures: trip.failures }
    : { _tag: "Rate", threshold: trip.threshold, size: trip.size, minimumCalls: trip.minimumCalls }
  return (key: string) =>
    store.admit(key).pipe(
      Effect.map(({ generation, probe }): Admission<CircuitBreaker.CircuitBreakerError> | Rejection => ({
        _tag: "Admission",
        trying: probe,
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

const unwatched: Admission = { _tag: "Admission", trying: false, settle: () => Effect.succeed(undefined) }
