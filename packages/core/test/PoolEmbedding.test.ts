import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Policy from "@strata/core/policy/Policy"
import type * as Pool from "@strata/core/policy/Pool"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Quota from "@strata/core/policy/Quota"
import * as ProviderError from "@strata/core/ProviderError"
import * as Ledger from "@strata/core/state/Ledger"
import * as Telemetry from "@strata/core/Telemetry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { texts } from "./EmbeddingProbe.ts"
import { counts, down } from "./PoolFixture.ts"

interface Lane {
  model?: string
  length?: number
  fails?: ProviderError.CallError
  policy?: Policy.Options
}

/** A pool of lanes that take four texts in a request, and which of them were asked. */
const pool = Effect.fnUntraced(function*(
  lanes: Record<string, Lane>,
  declared: Record<string, Omit<Pool.Lane<never>, "layer">> = {},
  around: (
    layer: Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError>
  ) => Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError> = (layer) => layer
) {
  const asked: Array<string> = []
  const layers = Object.fromEntries(
    Object.entries(lanes).map(([name, { fails, length = 3, model = "m", policy }]) => [name, {
      ...declared[name],
      layer: Layer.effect(
        EmbeddingService.EmbeddingService,
        EmbeddingService.make({
          provider: "test",
          defaultModel: model,
          modelName: (id) => id.startsWith("arn:") ? undefined : id.replace(/^(us|eu)\./, ""),
          metering: { scope: () => name },
          policy: Policy.make({ ...policy }),
          limits: () => Effect.succeed({ maxItems: 4, maxLength: 100 }),
          embedBatch: ({ inputs }: Embedding.ProviderBatch) =>
            Effect.suspend(() => {
              asked.push(name)
              return fails === undefined
                ? Effect.succeed({
                  vectors: inputs.map(() => new Float32Array(length).fill(1)),
                  inputTokens: inputs.length
                })
                : Effect.fail(fails)
            })
        })
      )
    }])
  )
  const layer = around(EmbeddingService.withPool(layers))
  const services = yield* Layer.build(Layer.provide(layer, Ledger.layerMemory))
  return { asked, embedder: Context.get(services, EmbeddingService.EmbeddingService) }
})

describe("EmbeddingService.withPool", () => {
  it.effect("divides the requests of one call between lanes, in order", () =>
    Effect.gen(function*() {
      const { asked, embedder } = yield* pool({ a: {}, b: {} })
      const { embeddings, requests, usage } = yield* embedder.embedMany(texts(32))
      assert.deepStrictEqual(counts(asked), { a: 4, b: 4 })
      assert.deepStrictEqual([embeddings.length, requests, usage.inputTokens], [32, 8, 32])
      assert.deepStrictEqual(counts(embeddings.map(({ lane }) => `${lane}`)), { a: 16, b: 16 })
    }))

  it.effect("divides the requests of a stream, and batches concurrent calls of one text", () =>
    Effect.gen(function*() {
      const { asked, embedder } = yield* pool({ a: {}, b: {} })
      const embedded = yield* Stream.runCollect(embedder.embedStream(Stream.fromIterable(texts(40)), (text) => text))
      assert.strictEqual(embedded.length, 40)
      assert.deepStrictEqual(counts(asked), { a: 5, b: 5 })
      asked.length = 0
      const all = Effect.all(texts(8).map((text) => embedder.embed(text)), { concurrency: "unbounded" })
      assert.strictEqual((yield* all).length, 8)
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("goes on in another lane when one is down", () =>
    Effect.gen(function*() {
      const { asked, embedder } = yield* pool({ a: { fails: down }, b: {} })
      const { embeddings } = yield* embedder.embedMany(texts(16))
      assert.isTrue(embeddings.every(({ lane }) => lane === "b"))
      assert.isAtMost(counts(asked)["a"] ?? 0, 4)
    }))

  it.effect("fills the quotas of all lanes", () =>
    Effect.gen(function*() {
      const quota = (requestsPerMinute: number) => ({ policy: { quota: Quota.make({ requestsPerMinute }) } })
      const { asked, embedder } = yield* pool({ a: quota(6), b: quota(2) })
      const fiber = yield* Effect.forkChild(embedder.embedMany(texts(64)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(counts(asked), { a: 6, b: 2 })
      yield* TestClock.adjust("62 seconds")
      assert.deepStrictEqual(counts(asked), { a: 12, b: 4 })
      yield* Fiber.join(fiber)
    }))

  it.effect("counts tokens, requests and budgets once", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1 })
      const { embedder } = yield* pool({ a: {}, b: {} }, {}, (layer) =>
        layer.pipe(
          EmbeddingService.withBudget(budget),
          Layer.provide(Pricing.layer([{ model: "m", price: { input: 1_000 } }]))
        ))
      const { cost } = yield* embedder.embedMany(texts(8))
      assert.closeTo(cost?.total ?? NaN, 0.008, 1e-9)
      assert.closeTo((yield* Budget.spent(budget)).run?.spent ?? NaN, 0.008, 1e-9)
      const target = { operation: "embeddings", provider: "test", model: "m" } as const
      const attempts = yield* Metric.value(Metric.withAttributes(Telemetry.attempts, Telemetry.attributes(target)))
      assert.strictEqual(attempts.count, 2)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("takes lanes of one model under several profiles", () =>
    Effect.gen(function*() {
      const { embedder } = yield* pool({ a: { model: "us.m" }, b: { model: "eu.m" } })
      const { embeddings } = yield* embedder.embedMany(texts(8))
      assert.deepStrictEqual(new Set(embeddings.map(({ model }) => model)), new Set(["us.m", "eu.m"]))
    }))

  it.effect.each<[string, Record<string, Lane>, string]>([
    ["other models", { a: { model: "us.m" }, b: { model: "n" } }, "its model is \"n\", and that of a is \"m\""],
    ["a model that is not known", { a: {}, b: { model: "arn:profile" } }, "does not say which model it is"]
  ])("refuses %s", ([, lanes, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(pool(lanes)))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.include((error as Error).message, problem)
      assert.strictEqual((error as ProviderError.InvalidRequestError).field, "lanes.b")
    }))

  it.effect("takes the name of a model where its id does not say it", () =>
    Effect.gen(function*() {
      const { embedder } = yield* pool({ a: {}, b: { model: "arn:profile" } }, { b: { model: "m" } })
      assert.strictEqual((yield* embedder.embedMany(texts(8))).requests, 2)
    }))

  it.effect("refuses vectors of other lengths than those of another lane", () =>
    Effect.gen(function*() {
      const { embedder } = yield* pool({ a: {}, b: { length: 4 } })
      const error = yield* Effect.flip(embedder.embedMany(texts(16)))
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.include(error.message, "which cannot be compared")
    }))
})
