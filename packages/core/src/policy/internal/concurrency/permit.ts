/** A permit for a call in flight, and the metric `Telemetry.permits`. */
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Share from "../share.ts"
import type * as WaitQueue from "../waitQueue.ts"

/** How the call that held a permit ended: only `answered` and `refused`, by `RateLimitError`, change a limit. */
export type Outcome = "answered" | "refused" | "other"

/** A permit for one call; it is released exactly once. */
export interface Permit {
  readonly release: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * - `take`: waits for a permit in a FIFO queue, or one that is fair between keys; an interrupted wait takes none. Run it
 *   where interruption is masked. Fails where the call has no key.
 * - `load`: how many of the permits are in use, as a share.
 */
export interface Permits {
  readonly load: (target: Telemetry.Target) => number
  readonly take: (
    target: Telemetry.Target,
    restore: WaitQueue.Restore,
    metadata: Share.Metadata
  ) => Effect.Effect<Permit, ProviderError.CallError>
}

/** The option that is named where a key is refused. */
export const option = "policy.concurrency.key"

export type Gauges = ReturnType<typeof gauges>

/** Builds gauges with attributes: `Metric.withAttributes` would build them at each update, the largest cost of a permit. */
export const gauges = (attributes: Record<string, string>) => {
  const gauge = (part: "used" | "limit") => {
    const metric = Metric.gauge(Telemetry.permits.id, {
      description: Telemetry.permits.description,
      attributes: { ...attributes, "strata.permits": part }
    })
    return (permits: number) => Metric.update(metric, permits)
  }
  return { used: gauge("used"), limit: gauge("limit") }
}
