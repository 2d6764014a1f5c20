/**
 * Which lanes of a pool take calls. One that is refused or down leaves the pool; after a pause one call probes it, and it is
 * back when that is answered, or out for twice the time.
 *
 * A lane that answers most calls stays. Ten answers make up for one failure, of which five at most are forgiven: else a lane
 * with many calls, of which few fail, would be out most of the time.
 */
import * as Duration from "effect/Duration"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as ProviderError from "../../../ProviderError.ts"

/** Why and for how long a lane is out, in milliseconds of `Watchdog.now`; `probe`: the call that probes it. */
interface Out {
  readonly error: ProviderError.ProviderError
  readonly since: number
  readonly until: number
  readonly pause: number
  probe: Call | undefined
}

/** A call of the lane, and when it began. */
export interface Call {
  readonly start: number
}

/** `due`: the next call probes it. */
export type Standing = "in" | "due" | "probing" | "out"

/** How a call that was not answered changed its lane: it `left`, `stays` out, or is to be probed by another call. */
export type Change = "left" | "stays" | "unprobed" | "none"

export type Health = ReturnType<typeof make>

/** The health of one lane, for each model that requests name. */
export const make = () => {
  const outs = BoundedMap.make<string, Out>(mostModels)
  /** The answers of each model that make up for failures to come. */
  const credits = BoundedMap.make<string, number>(mostModels)
  const forgives = (model: string, error: ProviderError.ProviderError): boolean => {
    const credit = credits.entries.get(model) ?? 0
    if (credit < answersForFailure || !passes.has(error._tag)) return false
    if (ProviderError.retryAfter(error) !== undefined) return false
    credits.set(model, credit - answersForFailure)
    return true
  }
  const ended = (model: string, call: Call): Change => {
    const out = outs.entries.get(model)
    if (out?.probe !== call) return "none"
    out.probe = undefined
    return "unprobed"
  }

  return {
    standing: (model: string, now: number): Standing => {
      const out = outs.get(model)
      if (out === undefined) return "in"
      if (out.probe !== undefined) return now >= acceptedAt(out, out.probe) ? "in" : "probing"
      return now >= out.until ? "due" : "out"
    },
    /** A call begins; it is the probe if one is due. */
    begin: (model: string, start: number): Call => {
      const call = { start }
      const out = outs.get(model)
      if (out !== undefined && out.probe === undefined && start >= out.until) out.probe = call
      return call
    },
    isProbe: (model: string, call: Call): boolean => outs.entries.get(model)?.probe === call,
    /** A call was answered; true when the lane is back by that. */
    answered: (model: string, { start }: Call): boolean => {
      const out = outs.entries.get(model)
      if (out === undefined) {
        credits.set(model, Math.min((credits.entries.get(model) ?? 0) + 1, mostForgiven * answersForFailure))
        return false
      }
      if (start < out.since) return false
      credits.set(model, answersForFailure)
      return outs.delete(model)
    },
    /** A call failed. One that began before the lane left says nothing new, nor does one among many answers. */
    failed: (model: string, call: Call, now: number, error: ProviderError.ProviderError): Change => {
      if (!shows.has(error._tag)) return ended(model, call)
      const out = outs.get(model)
      if (out === undefined ? forgives(model, error) : call.start < out.since) return "none"
      const first = error._tag === "RateLimitError" ? shortest.refused : shortest.down
      const pause = out === undefined ? first : Math.min(longest, Math.max(first, out.pause * 2))
      const hint = ProviderError.retryAfter(error)
      const wait = hint === undefined
        ? pause
        : error._tag === "CircuitOpenError"
        ? Math.max(1, millisOf(hint))
        : Math.max(pause, millisOf(hint))
      outs.set(model, { error, since: now, until: now + wait, pause, probe: undefined })
      return out === undefined ? "left" : "stays"
    },
    /** A call ended without showing anything, such as one that was interrupted. */
    ended,
    /** Why the lane is out, and for how many milliseconds: `Infinity` while that depends on how its probe ends. */
    absence: (model: string, now: number) => {
      const out = outs.entries.get(model)
      if (out === undefined) return undefined
      const back = out.probe === undefined ? out.until : acceptedAt(out, out.probe)
      return { error: out.error, left: Math.max(1, back - now) }
    }
  }
}

/** Requests may name any model: the states of this many are kept. */
const mostModels = 1_000

/** Errors that show that a lane does not take calls now. Others are about one answer, or one request. */
const shows: ReadonlySet<string> = new Set<ProviderError.ProviderError["_tag"]>([
  "AuthenticationError",
  "PermissionDeniedError",
  "ModelNotFoundError",
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError"
])

/** Failures that happen to a service now and then, although it takes calls. */
const passes: ReadonlySet<string> = new Set<ProviderError.ProviderError["_tag"]>([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError"
])

/** The answers that make up for a failure, and the most failures that a lane can have made up for. */
const answersForFailure = 10
const mostForgiven = 5

/** The first pause, in milliseconds, and the longest. */
const shortest = { refused: 250, down: 1_000 }
const longest = 5_000

/** When a probe counts as accepted: a service that refuses says so at once, however long its answers take. */
const acceptedAt = ({ error }: Out, probe: Call): number =>
  error._tag === "RateLimitError" ? probe.start + accepted : Infinity

/** A probe that is not refused within this time, in milliseconds, was accepted. */
const accepted = 1_000

/** An absurd hint is no reason to lose a lane for good: five minutes at most. */
const millisOf = (hint: Duration.Duration): number => Math.min(Duration.toMillis(hint), 300_000)
