/**
 * Shows the permits in use and their limit, as `Telemetry.permits`.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Telemetry from "../../../Telemetry.ts"

/** `used`, `limit`: says how many there are now. */
export interface PermitGauges {
  readonly used: (permits: number) => Effect.Effect<void>
  readonly limit: (permits: number) => Effect.Effect<void>
}

/**
 * Builds the gauges of permits that are for calls with these attributes.
 *
 * Gauges of their own: `Metric.withAttributes` would put the attributes together anew each time, which takes longer than
 * all the rest of a permit.
 */
export const make = (attributes: Record<string, string>): PermitGauges => {
  const gauge = (part: "used" | "limit") => {
    const metric = Metric.gauge(Telemetry.permits.id, {
      description: Telemetry.permits.description,
      attributes: { ...attributes, "strata.permits": part }
    })
    return (permits: number) => Metric.update(metric, permits)
  }
  return { used: gauge("used"), limit: gauge("limit") }
}
