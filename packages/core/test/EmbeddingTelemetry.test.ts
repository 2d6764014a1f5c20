import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as ProviderError from "../src/ProviderError.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const secret = "secret 5"

/** Keeps every span that is started. */
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
  return { spans, exit }
})

const attributes = (span: Tracer.Span | undefined) => Object.fromEntries(span?.attributes ?? [])

const tokens = (model: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(Telemetry.tokenUsage, {
      ...Telemetry.attributes({ operation: "embeddings", provider: "probe", model }),
      "gen_ai.token.type": "input"
    })),
    ({ sum }) => sum
  )

const durations = (model: string, failed?: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(Telemetry.operationDuration, {
      ...Telemetry.attributes({ operation: "embeddings", provider: "probe", model }),
      ...(failed === undefined ? undefined : { "error.type": failed })
    })),
    ({ count, sum }) => ({ count, sum })
  )

/** Metrics of its own: other tests do not count. */
const measured = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Metric.MetricRegistry, new Map())

describe("EmbeddingService, in telemetry", () => {
  it.effect("is one span with the GenAI attributes, and holds no text", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({ limits: { maxItems: 1 } })
      const { spans } = yield* traced(service.embedMany([secret, "b 2"], { dimensions: 1 }))
      assert.deepStrictEqual(spans.map(({ kind, name }) => [kind, name]), [["client", "embeddings probe-1"]])
      assert.deepStrictEqual(attributes(spans[0]), {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "probe",
        "gen_ai.request.model": "probe-1",
        "gen_ai.embeddings.dimension.count": 1,
        "gen_ai.usage.input_tokens": 7,
        "strata.embeddings.inputs": 2,
        "strata.embeddings.requests": 2
      })
    })))

  it.effect("gives each caller of embed a span of its own", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({})
      const { spans } = yield* traced(
        Effect.all([service.embed("a 1"), service.embed("b 2")], { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(spans.map(({ name }) => name), ["embeddings probe-1", "embeddings probe-1"])
      assert.isFalse(spans.some((span) => span.attributes.has("gen_ai.usage.input_tokens")))
    })))

  it.effect("names the error of a call that fails", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        answer: () => Effect.fail(new ProviderError.QuotaExceededError({ provider: "probe", message: "no" }))
      })
      const { exit, spans } = yield* traced(service.embedMany(["a"], { model: "failing" }))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(attributes(spans[0])["error.type"], "QuotaExceededError")
      assert.strictEqual((yield* durations("failing", "QuotaExceededError")).count, 1)
    })))

  it.effect("counts every answered request's tokens once, also of a call that fails", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        answer: (batch) =>
          batch.inputs[0] === "c"
            ? Effect.delay(
              Effect.fail(new ProviderError.ModelFailedError({ provider: "probe", message: "no" })),
              "1 second"
            )
            : EmbeddingProbe.numbered(batch)
      })
      const fiber = yield* Effect.forkChild(Effect.exit(service.embedMany(["a 1", "b 2", "c"], { model: "counted" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* tokens("counted"), 3)
    })))

  it.effect("is one span for a whole stream, which lasts until it ends", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 2 },
        answer: (batch) => Effect.delay(EmbeddingProbe.numbered(batch), "2 seconds")
      })
      const fiber = yield* service.embedStream(Stream.make("a 1", "b 2", "c 3"), (text) => text, { model: "streamed" })
        .pipe(
          Stream.runDrain,
          traced,
          Effect.forkChild
        )
      yield* EmbeddingProbe.settled
      yield* TestClock.adjust("2 seconds")
      const { spans } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["embeddings streamed"])
      assert.strictEqual(attributes(spans[0])["gen_ai.usage.input_tokens"], 6)
      assert.strictEqual(attributes(spans[0])["strata.embeddings.inputs"], 3)
      assert.strictEqual(attributes(spans[0])["strata.embeddings.requests"], 2)
      assert.deepStrictEqual(yield* durations("streamed"), { count: 1, sum: 2 })
    })))

  it.effect("tells a failure of the values from one of the provider", () =>
    measured(Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({})
      const { spans } = yield* traced(
        Stream.runDrain(service.embedStream(Stream.fail("disk on fire"), (text: string) => text))
      )
      assert.strictEqual(attributes(spans[0])["error.type"], "defect")
    })))
})
