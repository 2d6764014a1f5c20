/**
 * Spans and metrics of every call, exported over OTLP: with the names of the OpenTelemetry conventions for generative AI,
 * an event for each attempt, and no prompt unless you ask for it.
 *
 * Two questions are asked at once and two texts are embedded. Offline, the first three requests are refused, so that spans
 * have several attempts. They go to `OTEL_EXPORTER_OTLP_ENDPOINT` (http://localhost:4318 for a collector on this machine),
 * or their names are listed here.
 */
import { NodeHttpClient, NodeRuntime } from "@effect/platform-node"
import { ChatService, EmbeddingService } from "@strata/core"
import { Config, Effect, Layer, Option } from "effect"
import { Otlp } from "effect/observability"
import * as Collector from "./src/Collector.ts"
import * as Provider from "./src/Provider.ts"

const telemetry = Layer.unwrap(Effect.map(
  Collector.Collector,
  ({ url }) => Otlp.layerJson({ baseUrl: url, resource: { serviceName: "strata-example" } })
)).pipe(
  Layer.provide(NodeHttpClient.layerUndici),
  Layer.provide(Layer.unwrap(Effect.map(
    Config.option(Config.String("OTEL_EXPORTER_OTLP_ENDPOINT")),
    Option.match({ onNone: () => Collector.layer, onSome: Collector.layerAt })
  )))
)

const program = Effect.gen(function*() {
  // Refused a few times before they are answered: each attempt is an event on the span of its call.
  yield* Effect.forEach(
    ["What is a stratum?", "And two of them?"],
    (messages) => ChatService.generate({ messages, maxTokens: 50 }),
    { concurrency: "unbounded" }
  )
  yield* EmbeddingService.embedMany(["a layer of rock", "a layer of a program"])
}).pipe(Effect.withSpan("a look at strata"))

export const main = program.pipe(
  // Beside each other: the spans of what answers offline are not among those of the program.
  Effect.provide(Layer.merge(Provider.throttled(3), telemetry))
)

if (import.meta.main) NodeRuntime.runMain(main)
