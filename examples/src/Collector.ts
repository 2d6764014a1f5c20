/**
 * An OpenTelemetry collector in a few lines, for a look without installing one: prints the names of spans, the number of
 * attempts among their events, and the names of metrics.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/** Where to send OTLP over HTTP. */
export class Collector extends Context.Service<Collector, { readonly url: string }>()("@strata/examples/Collector") {}

const Named = Schema.Struct({ name: Schema.String })

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    scopeSpans: Schema.Array(Schema.Struct({
      spans: Schema.Array(Schema.Struct({ name: Schema.String, events: Schema.Array(Named) }))
    }))
  }))
})

const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Named) }))
  }))
})

const received = HttpServerResponse.jsonUnsafe({})

const traces = HttpRouter.add(
  "POST",
  "/v1/traces",
  Effect.gen(function*() {
    const { resourceSpans } = yield* HttpServerRequest.schemaBodyJson(Traces)
    for (const span of resourceSpans.flatMap((each) => each.scopeSpans).flatMap(({ spans }) => spans)) {
      const attempts = span.events.filter(({ name }) => name === "strata.attempt").length
      yield* Console.log(`span    ${span.name}${attempts === 0 ? "" : `, attempts: ${attempts}`}`)
    }
    return received
  })
)

const metrics = HttpRouter.add(
  "POST",
  "/v1/metrics",
  Effect.gen(function*() {
    const { resourceMetrics } = yield* HttpServerRequest.schemaBodyJson(Metrics)
    for (const metric of resourceMetrics.flatMap((each) => each.scopeMetrics).flatMap(({ metrics }) => metrics)) {
      yield* Console.log(`metric  ${metric.name}`)
    }
    return received
  })
)

const logs = HttpRouter.add("POST", "/v1/logs", Effect.succeed(received))

/** One on a free port of this machine. */
export const layer = Layer.effect(
  Collector,
  Effect.map(HttpServer.HttpServer, ({ address }) => ({
    url: `http://127.0.0.1:${"port" in address ? address.port : 0}`
  }))
).pipe(
  Layer.provideMerge(
    HttpRouter.serve(Layer.mergeAll(traces, metrics, logs), { disableLogger: true, disableListenLog: true })
  ),
  Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
)

/** One that runs elsewhere. */
export const layerAt = (url: string) => Layer.succeed(Collector, { url })
