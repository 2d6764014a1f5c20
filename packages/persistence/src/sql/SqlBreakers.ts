/**
 * The store of circuit breakers as texts in a store that processes share, of the same contract as
 * `CircuitBreaker.layerStoreRedis`: a probe has a lease of ten seconds, renewed while it runs, and an idle key is kept for an
 * hour.
 */
import type * as Documents from "@strata/core/state/Documents"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Result from "effect/Result"
import * as Circuit from "./circuit.ts"

/** In milliseconds. */
const lease = 10_000
const idle = 3_600_000

/** Builds the store. */
export const make = <E>(documents: Documents.Documents<E>): CircuitBreaker.CircuitBreakerStore["Service"] => {
  /** Changes a circuit; `undefined` is one that is not stored, or is not to be. */
  const change = <A>(
    key: string,
    message: string,
    use: (circuit: Circuit.Circuit | undefined, now: number) => readonly [A, Circuit.Circuit | undefined]
  ): Effect.Effect<A, CircuitBreaker.CircuitBreakerError> =>
    documents.change(
      key,
      (text, now) =>
        Result.map(text === undefined ? Result.succeed(undefined) : Circuit.decode(text), (circuit) => {
          const [answer, next] = use(circuit, now)
          if (next === undefined) return { answer, text: undefined, keep: 0 }
          const busy = Math.max(0, (next.state === "Open" ? next.openUntil : next.leaseUntil) - now)
          return { answer, text: Circuit.encode(next), keep: busy + idle }
        })
    ).pipe(
      Effect.mapError((cause) =>
        new CircuitBreaker.CircuitBreakerError({
          reason: new CircuitBreaker.CircuitBreakerStoreError({ message, cause })
        })
      )
    )

  /** Stops once the lease is gone, because a renewal can never win it back. */
  const renew = (key: string, generation: number): Effect.Effect<void> =>
    Effect.sleep(lease / 3).pipe(
      Effect.andThen(change(key, "Failed to renew the lease of a probe", (circuit, now) => {
        const renewed = circuit && Circuit.renew(circuit, generation, now, lease)
        return [renewed !== undefined, renewed ?? circuit]
      })),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.as(Effect.logDebug(cause), true)
      ),
      Effect.flatMap((isHeld) => isHeld ? renew(key, generation) : Effect.void)
    )

  return {
    admit: Effect.fnUntraced(function*(key) {
      const { admitted, circuit, moved, now } = yield* change(
        key,
        "Failed to admit a call through the circuit",
        (circuit, now) => {
          const decision = Circuit.admit(circuit ?? Circuit.fresh(now), now, lease)
          return [{ ...decision, now }, decision.circuit]
        }
      )
      const { generation, openUntil, openings, state } = circuit
      if (admitted === "no") {
        return yield* new CircuitBreaker.CircuitBreakerError({
          reason: state === "Open"
            ? new CircuitBreaker.CircuitOpen({ key, retryAfter: Duration.millis(Math.max(0, openUntil - now)) })
            : new CircuitBreaker.CircuitHalfOpen({ key })
        })
      }
      const probe = admitted === "probe"
      if (probe) yield* Effect.forkScoped(Effect.interruptible(renew(key, generation)))
      return {
        generation,
        probe,
        consecutiveOpenings: openings,
        transition: moved ? { key, from: "Open", to: "HalfOpen" } : undefined
      }
    }),
    record: ({ generation, key, openFor, outcome, tripPolicy }) =>
      change(key, "Failed to record an outcome", (circuit, now) => {
        if (circuit?.generation !== generation) return [undefined, circuit]
        const millis = Math.min(Math.max(0, Math.ceil(Duration.toMillis(openFor))), longest)
        const next = Circuit.record(circuit, now, outcome, tripPolicy, millis)
        return [transitionOf(key, circuit, next, openFor), next]
      }),
    state: (key) =>
      change(key, "Failed to read the circuit state", (circuit, now) => [stateOf(key, circuit, now), circuit])
  }
}

/** An infinite duration, in milliseconds. */
const longest = 1e15

const transitionOf = (
  key: string,
  { state: from }: Circuit.Circuit,
  { openings, state: to }: Circuit.Circuit,
  openFor: Duration.Duration
): CircuitBreaker.Transition | undefined =>
  from === to || from === "Open"
    ? undefined
    : to === "Open"
    ? { key, from, to, retryAfter: openFor, consecutiveOpenings: openings }
    : { key, from: "HalfOpen", to: "Closed" }

const stateOf = (key: string, circuit: Circuit.Circuit | undefined, now: number): CircuitBreaker.State => {
  switch (circuit?.state) {
    case "Open":
      return {
        _tag: "Open",
        key,
        retryAfter: Duration.millis(Math.max(0, circuit.openUntil - now)),
        consecutiveOpenings: circuit.openings
      }
    case "HalfOpen":
      return { _tag: "HalfOpen", key, probing: circuit.leaseUntil > now, consecutiveOpenings: circuit.openings }
    default:
      return { _tag: "Closed", key }
  }
}
