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

/** Steps of the cache that failed. */
export const failures = Metric.counter("strata.embedding.cache.failures", {
  description: "Reads and writes of the cache that failed",
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

/** Counts one failed step. */
export const recordFailure = (target: Telemetry.Target): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(failures, Telemetry.attributes(target)), 1)
