/**
 * The metrics of the embedding cache.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Telemetry from "../../../Telemetry.ts"

/** Texts whose vector was found. */
export const hits = Metric.counter("strata.embedding.cache.hits", {
  description: "Texts whose vector came from the cache",
  incremental: true
})

/** Texts whose vector was not found. */
export const misses = Metric.counter("strata.embedding.cache.misses", {
  description: "Texts whose vector was not in the cache",
  incremental: true
})

/** Reads and writes that failed, or were left out while the store was out of reach. */
export const failures = Metric.counter("strata.embedding.cache.failures", {
  description: "Reads and writes of the cache that failed or were left out",
  incremental: true
})

/** Counts what was found of the texts of one look. */
export const recordLook = (target: Telemetry.Target, found: number, texts: number): Effect.Effect<void> => {
  const attributes = Telemetry.attributes(target)
  return Effect.all([
    Metric.update(Metric.withAttributes(hits, attributes), found),
    Metric.update(Metric.withAttributes(misses, attributes), texts - found),
    Telemetry.annotate({ "strata.embedding.cache.hits": found, "strata.embedding.cache.misses": texts - found })
  ], { discard: true })
}

/** Entries that were not kept because too many waited to be written. */
export const drops = Metric.counter("strata.embedding.cache.drops", {
  description: "New vectors that were not kept because too many waited to be written",
  incremental: true
})

/** Counts entries that were not kept. */
export const recordDrop = (target: Telemetry.Target, entries: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(drops, Telemetry.attributes(target)), entries)

/** Counts one read or write that failed. */
export const recordFailure = (target: Telemetry.Target): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(failures, Telemetry.attributes(target)), 1)
