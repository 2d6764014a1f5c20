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
  probe: { readonly start: number } | undefined
}

/** A call of the lane, and when it began. */
export interface Call {
  readonly start: number
}

/** `due`: the next call probes it. */
export type Standing = "in" | "due" | "probing" | "out"

/** Whether a failure changed the standing of the lane: `left`, or `stays` out; `unknown` when it says nothing of it. */
export type Change = "left" | "stays" | "unknown"

export type Health = ReturnType<typeof make>

/** The health of one lane, for each model that requests name. */
export const make = () => {
  const outs = BoundedMap.make<string, Out>(mostModels)
  /** How many failures the answers of each model make up for. */
  const credits = BoundedMap.make<string, number>(mostModels)
  const forgives = (model: string, error: ProviderError.ProviderError): boolean => {
    const credit = credits.entries.get(model) ?? 0
    if (credit < 1 || !passes.has(error._tag) || ProviderError.retryAfter(error) !== undefined) return false
    credits.set(model, credit - 1)
    return true
  }

  return {
    standing: (model: string, now: number): Standing => {
      const out = outs.get(model)
      if (out === undefined) return "in"
      if (out.probe !== undefined) {
        // A service that refuses says so at once, however long its answers take.
        return out.error._tag === "RateLimitError" && now - out.probe.start > accepted ? "in" : "probing"
      }
      return now >= out.until ? "due" : "out"
    },
    /** A call begins; it is the probe if one is due. */
    begin: (model: string, start: number): Call => {
      const call = { start }
      const out = outs.get(model)
      if (out !== undefined && out.probe === undefined && start >= out.until) out.probe = call
      return call
    },
    /** A call was answered; true when the lane is back by that. */
    answered: (model: string, { start }: Call): boolean => {
      const out = outs.entries.get(model)
      if (out === undefined) {
        const credit = credits.entries.get(model) ?? 0
        if (credit < mostForgiven) credits.set(model, credit + 1 / answersForFailure)
        return false
      }
      if (start < out.since) return false
      credits.set(model, 1)
      return outs.delete(model)
    },
    /** A call failed. One that began before the lane left says nothing new, nor does one among many answers. */
    failed: (model: string, call: Call, now: number, error: ProviderError.ProviderError): Change => {
      const out = outs.get(model)
      if (!shows.has(error._tag)) {
        if (out?.probe === call) out.probe = undefined
        return "unknown"
      }
      if (out === undefined ? forgives(model, error) : call.start < out.since) return "unknown"
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
    /** A call ended without showing anything: it was interrupted. True when the next one is the probe. */
    ended: (model: string, call: Call): boolean => {
      const out = outs.entries.get(model)
      if (out?.probe !== call) return false
      out.probe = undefined
      return true
    },
    /** Why the lane is out, and for how many milliseconds; while it is probed nobody knows. */
    absence: (model: string, now: number) => {
      const out = outs.entries.get(model)
      return out === undefined
        ? undefined
        : {
          error: out.error,
          isProbed: out.probe !== undefined,
          left: out.probe === undefined ? Math.max(1, out.until - now) : probing
        }
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

/** When to ask again for a lane that is probed, in milliseconds. */
const probing = 1_000

/** The first pause, in milliseconds, and the longest. */
const shortest = { refused: 250, down: 1_000 }
const longest = 5_000

/** A probe that is not refused within this time, in milliseconds, was accepted. */
const accepted = 1_000

/** An absurd hint is no reason to lose a lane for good: five minutes at most. */
const millisOf = (hint: Duration.Duration): number => Math.min(Duration.toMillis(hint), 300_000)
