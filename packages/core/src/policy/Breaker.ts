/**
 * Stops calling a provider that is down, and probes it with one call at a time.
 *
 * Only failures of availability count: `ModelUnavailableError`, `ProviderInternalError`, `TimeoutError` and
 * `ConnectionError`, and of a stream only that it could not be opened. Other failures are neither a failure nor a success: a
 * throttled or invalid request does not show whether the model works. While the breaker is open calls fail with
 * `CircuitOpenError` at once, which `Retry.exponential` does not retry: it goes to a fallback or to the caller. A job that
 * should wait for the circuit to close needs no breaker, or a schedule of its own: see `Retry`.
 */
import type * as Duration from "effect/Duration"
import * as Check from "../Check.ts"
import * as CheckWords from "../internal/check/words.ts"
import type * as Circuits from "../state/internal/circuits.ts"

/**
 * Which failures open a breaker.
 *
 * - `consecutive`: opens after `failures` in a row.
 * - `rate`: opens when at least the share `threshold` of the last `size` calls failed, once there were `minimumCalls`.
 */
export type Trip = Circuits.Trip

/**
 * When the breaker opens, and how long it stays open before one call may probe the provider. A success closes it, a
 * failure opens it again, and after a probe that is refused or interrupted the next call is the probe.
 *
 * One circuit for each provider, region and model, of each service; of all services of all processes where `SharedState` of
 * `@strata/persistence` keeps them, so give them the same breaker. While that cannot be reached, a circuit last seen
 * open stays open for its time, and a process goes on with circuits of its own. `Telemetry.breaker` shows the state, and the
 * log says when it opens (a warning) and closes.
 */
export interface Breaker extends Circuits.Settings {}

/** Open for 30 seconds unless said otherwise. */
export interface Options {
  readonly open?: Duration.Input | undefined
}

/**
 * Opens after this many failures in a row.
 *
 * @example
 * Policy.make({ breaker: Breaker.consecutive(5, { open: "1 minute" }) })
 */
export const consecutive = (failures: number, options?: Options): Breaker =>
  made({ type: "consecutive", failures }, Check.fieldsOf(options))

/**
 * Opens when a share of the last calls failed; `minimumCalls` is `size` unless said otherwise.
 *
 * @example
 * Policy.make({ breaker: Breaker.rate({ threshold: 0.5, size: 20 }) })
 */
export const rate = (
  options: Options & { readonly threshold: number; readonly size: number; readonly minimumCalls?: number | undefined }
): Breaker => {
  const { minimumCalls, size, threshold, ...rest } = Check.fieldsOf(options)
  return made({ type: "rate", threshold, size, minimumCalls: minimumCalls ?? size }, rest)
}

/** Whatever was given is checked where the policy is put in force. */
const made = (
  trip: { readonly [key: string]: unknown },
  { open = "30 seconds", ...rest }: { readonly open?: unknown }
) => ({ trip, open: Check.toDuration(open) ?? open, ...rest }) as Breaker

const count = Check.number({ min: 1, whole: true, what: "a number of calls", remedy: "Use a whole number from 1" })

const tripping = Check.tagged<"type", Trip>("type", {
  consecutive: { failures: count },
  rate: {
    threshold: Check.number({ above: 0, max: 1, remedy: "Use a share above 0, up to 1" }),
    size: count,
    minimumCalls: count
  }
}, { unknown: (word) => [`there is no ${CheckWords.quote(word)} here`, "Use `consecutive` or `rate`"] })

/** @internal */
export const check: Check.Check<Breaker> = Check.struct<Breaker>({
  trip: (given, at) => {
    const trip = tripping(given, at)
    return trip === Check.refused || trip.type === "consecutive" || trip.minimumCalls <= trip.size
      ? trip
      : Check.refuse(at, "`minimumCalls` is more than `size`", "Use at most `size`")
  },
  open: Check.duration()
}, { remedy: "Use `Breaker.consecutive` or `Breaker.rate`" })
