/**
 * The metrics of the chat cache.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Telemetry from "../../../Telemetry.ts"

/** Calls that were not sent. */
export const hits = Metric.counter("strata.chat.cache.hits", {
  description: "Calls answered from the cache, or by an equal call in progress",
  incremental: true
})

/** Calls that were sent. */
export const misses = Metric.counter("strata.chat.cache.misses", {
  description: "Calls whose answer was not in the cache",
  incremental: true
})

/** Reads and writes that failed, or were left out while the store was out of reach. */
export const failures = Metric.counter("strata.chat.cache.failures", {
  description: "Reads and writes of the cache that failed or were left out",
  incremental: true
})

/** Counts one call that was or was not answered from the store, and says so on its span. */
export const recordLook = (target: Telemetry.Target, isHit: boolean): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(Metric.withAttributes(isHit ? hits : misses, Telemetry.attributes(target)), 1),
    Telemetry.annotate({ "strata.cache.hit": isHit })
  )

/** Counts one call that an equal one answered. */
export const recordShare = (target: Telemetry.Target): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(hits, Telemetry.attributes(target)), 1)

/** Entries that were not kept because too many waited to be written. */
export const drops = Metric.counter("strata.chat.cache.drops", {
  description: "New answers that were not kept because too many waited to be written",
  incremental: true
})

/** Counts entries that were not kept. */
export const recordDrop = (target: Telemetry.Target, entries: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(drops, Telemetry.attributes(target)), entries)

/** Counts one read or write that failed. */
export const recordFailure = (target: Telemetry.Target): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(failures, Telemetry.attributes(target)), 1)
