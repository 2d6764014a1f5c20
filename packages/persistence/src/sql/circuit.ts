/**
 * One circuit of a breaker as data, and what is done to it: what the stores of `CircuitBreaker` in Effect do. Time is a
 * parameter, in milliseconds.
 */
import type * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schema from "effect/Schema"

/**
 * - `generation`: the calls of an older one change nothing.
 * - `streak`, `ring`: failures in a row, and the last outcomes, a letter each, `1` for a failure.
 * - `openings`: since the backoff was reset; `resetAt` is when it will be, `lastOpenFor` how long the last one lasted.
 * - `leaseUntil`: of the probe.
 */
const Circuit = Schema.Struct({
  state: Schema.Literals(["Closed", "Open", "HalfOpen"]),
  generation: Schema.Finite,
  streak: Schema.Finite,
  ring: Schema.String,
  openUntil: Schema.Finite,
  openings: Schema.Finite,
  lastOpenFor: Schema.Finite,
  resetAt: Schema.Finite,
  leaseUntil: Schema.Finite
})
export type Circuit = typeof Circuit.Type

export const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Circuit))

export const encode = (circuit: Circuit): string => JSON.stringify(circuit)

/** A generation is a time, so that one of a circuit that was forgotten does not come again. */
const after = (generation: number, now: number): number => Math.max(generation + 1, now)

export const fresh = (now: number): Circuit => ({
  state: "Closed",
  generation: after(0, now),
  streak: 0,
  ring: "",
  openUntil: 0,
  openings: 0,
  lastOpenFor: 0,
  resetAt: 0,
  leaseUntil: 0
})

/** The circuit after a call asked, and whether the call is made: as a probe, `moved` if the circuit was open before. */
export const admit = (circuit: Circuit, now: number, lease: number): {
  readonly circuit: Circuit
  readonly admitted: "no" | "call" | "probe"
  readonly moved: boolean
} => {
  const { generation, leaseUntil, openUntil, openings, resetAt, state } = circuit
  if (state === "Closed") {
    const isOver = openings > 0 && now >= resetAt
    return { circuit: isOver ? { ...circuit, openings: 0 } : circuit, admitted: "call", moved: false }
  }
  if (state === "Open" ? now < openUntil : now < leaseUntil) return { circuit, admitted: "no", moved: false }
  return {
    circuit: { ...circuit, state: "HalfOpen", generation: after(generation, now), leaseUntil: now + lease },
    admitted: "probe",
    moved: state === "Open"
  }
}

/** Extends the lease of a probe; `undefined` where it has none any more. */
export const renew = (circuit: Circuit, generation: number, now: number, lease: number): Circuit | undefined =>
  circuit.state === "HalfOpen" && circuit.generation === generation
    ? { ...circuit, leaseUntil: now + lease }
    : undefined

export type Verdict = "Success" | "Failure" | "Ignored"

/** The circuit after an outcome of the current generation. */
export const record = (
  circuit: Circuit,
  now: number,
  verdict: Verdict,
  policy: CircuitBreaker.TripPolicy,
  openFor: number
): Circuit => {
  const next = { ...circuit, generation: after(circuit.generation, now), leaseUntil: 0 }
  if (circuit.state === "Open" || (circuit.state === "Closed" && verdict === "Ignored")) return circuit
  if (circuit.state === "HalfOpen") {
    // A new generation stops the renewal of the lease: the next call may be the probe.
    if (verdict === "Ignored") return next
    return verdict === "Failure"
      ? opened(next, now, openFor)
      : { ...next, state: "Closed", resetAt: now + circuit.lastOpenFor, streak: 0, ring: "" }
  }
  const streak = verdict === "Failure" ? circuit.streak + 1 : 0
  if (policy._tag === "Consecutive") {
    return streak >= policy.failures ? opened(next, now, openFor) : { ...circuit, streak }
  }
  const ring = (circuit.ring + (verdict === "Failure" ? "1" : "0")).slice(-policy.size)
  const failures = ring.replaceAll("0", "").length
  return ring.length >= policy.minimumCalls && failures > 0 && failures / ring.length >= policy.threshold
    ? opened(next, now, openFor)
    : { ...circuit, streak, ring }
}

const opened = (circuit: Circuit, now: number, openFor: number): Circuit => ({
  ...circuit,
  state: "Open",
  openUntil: now + openFor,
  openings: circuit.openings + 1,
  lastOpenFor: openFor,
  streak: 0,
  ring: ""
})
