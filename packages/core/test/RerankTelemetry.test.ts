import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import * as ProviderError from "../src/ProviderError.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as RerankProbe from "./RerankProbe.ts"

describe("RerankService, in telemetry", () => {
  const secret = "secret 5"

  const traced = Effect.fnUntraced(function*<A, E, R>(self: Effect.Effect<A, E, R>) {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const exit = yield* Effect.exit(Effect.provideService(self, Tracer.Tracer, tracer))
    return {
      spans: spans.map(({ attributes, kind, name }) => ({ kind, name, attributes: Object.fromEntries(attributes) })),
      exit
    }
  })

  it.effect("is one span with what was asked and spent, and holds no text", () =>
    Effect.gen(function*() {
      const { service } = yield* RerankProbe.make({ limits: RerankProbe.atMost(2) })
      const { spans } = yield* traced(service.rerank(secret, [secret, "b 2", "c 3"], { topN: 2, model: "traced" }))
      assert.deepStrictEqual(spans, [
        {
          kind: "client",
          name: "rerank traced",
          attributes: {
            "gen_ai.operation.name": "rerank",
            "gen_ai.provider.name": "probe",
            "gen_ai.request.model": "traced",
            "gen_ai.usage.input_tokens": 3,
            "strata.rerank.documents": 3,
            "strata.rerank.top_n": 2,
            "strata.rerank.requests": 2
          }
        }
      ])
      const target = { operation: "rerank", provider: "probe", model: "traced" } as const
      const tokens = yield* Metric.value(Metric.withAttributes(Telemetry.tokenUsage, {
        ...Telemetry.attributes(target),
        "gen_ai.token.type": "input"
      }))
      assert.deepStrictEqual([tokens.count, tokens.sum], [2, 3])
      const duration = yield* Metric.value(
        Metric.withAttributes(Telemetry.operationDuration, Telemetry.attributes(target))
      )
      assert.strictEqual(duration.count, 1)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("records the tag of the error", () =>
    Effect.gen(function*() {
      const slowDown = new ProviderError.RateLimitError({ provider: "probe", message: "slow down" })
      const { service } = yield* RerankProbe.make({ rerank: () => Effect.fail(slowDown) })
      const { exit, spans } = yield* traced(service.rerank("q", ["a"]))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(spans[0]?.attributes["error.type"], "RateLimitError")
    }))
})
