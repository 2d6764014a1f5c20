/** The metrics of a cache. */
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Telemetry from "../../Telemetry.ts"

/** Counters of one cache, by the model that is asked. */
export type Metrics = ReturnType<typeof make>

/** The counters `strata.<name>.cache.*`; `lookups` and `values` are what is looked up and kept, in the plural. */
export const make = (name: string, lookups: string, values: string) => {
  const counter = (suffix: string, description: string) =>
    Metric.counter(`strata.${name}.cache.${suffix}`, { description, incremental: true })
  return {
    hits: counter("hits", `${lookups} answered from the cache`),
    misses: counter("misses", `${lookups} not answered from the cache`),
    failures: counter("failures", "Reads and writes of the cache that failed or were skipped"),
    drops: counter("drops", `New ${values} dropped because the write queue was full`)
  }
}

export const count = (metric: Metric.Counter<number>, target: Telemetry.Target, by: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(metric, Telemetry.attributes(target)), by)
