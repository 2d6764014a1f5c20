import { assert, describe, it } from "@effect/vitest"
import { EmbeddingService, ProviderError, RequestMetadata } from "@strata/core"
import { TestEmbedding } from "@strata/core/testing"
import { Duration, Effect, Exit, Fiber, Layer } from "effect"
import { AiError, EmbeddingModel, Model } from "effect/ai"
import { TestClock } from "effect/testing"
import { EffectAiEmbedding, StrataAiError, StrataEmbeddingModel } from "../src/index.ts"

const over = (options?: StrataEmbeddingModel.EmbeddingOptions, double?: TestEmbedding.Options) =>
  Layer.provideMerge(StrataEmbeddingModel.layer(options), TestEmbedding.layer(double))

const batches = Effect.flatMap(TestEmbedding.TestEmbedding, ({ batches }) => batches)

describe("StrataEmbeddingModel", () => {
  it.effect("a bad input fails only its own caller, among concurrent calls of embed", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingModel.EmbeddingModel
      const exits = yield* Effect.forEach(["one", " ", "two", "three"], (text) => Effect.exit(model.embed(text)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true, true])
      assert.lengthOf(yield* batches, 1)
    }).pipe(Effect.provide(over())))

  it.effect("a bad input fails only its own request of the resolver", () =>
    Effect.gen(function*() {
      const { resolver } = yield* EmbeddingModel.EmbeddingModel
      const exits = yield* Effect.forEach(
        ["one", " ", "two"],
        (input) => Effect.exit(Effect.request(new EmbeddingModel.EmbeddingRequest({ input }), resolver)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
      assert.lengthOf(yield* batches, 1)
    }).pipe(Effect.provide(over())))

  it.effect("requests of the resolver with other options or metadata are sent apart", () =>
    Effect.gen(function*() {
      const { resolver } = yield* EmbeddingModel.EmbeddingModel
      const ask = (input: string) => Effect.request(new EmbeddingModel.EmbeddingRequest({ input }), resolver)
      yield* Effect.all([
        ask("a"),
        ask("b"),
        Effect.provideService(ask("c"), StrataEmbeddingModel.Options, { purpose: "query" }),
        Effect.provideService(ask("d"), RequestMetadata.RequestMetadata, { tenant: "a" })
      ], { concurrency: "unbounded" })
      assert.sameDeepMembers((yield* batches).map(({ inputs, options }) => [inputs, options.purpose]), [
        [["a", "b"], "document"],
        [["c"], "query"],
        [["d"], "document"]
      ])
    }).pipe(Effect.provide(over())))

  it.effect("embedMany is split by the limits of the model, in order, with usage", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingModel.EmbeddingModel
      const texts = Array.from({ length: 25 }, (_, index) => `text ${index}`)
      const { embeddings, usage } = yield* model.embedMany(texts)
      assert.deepStrictEqual((yield* batches).map(({ inputs }) => inputs.length), [10, 10, 5])
      assert.strictEqual(usage.inputTokens, 50)
      const service = yield* EmbeddingService.EmbeddingService
      const expected = yield* service.embedMany(texts)
      assert.deepStrictEqual(
        embeddings.map(({ vector }) => vector),
        expected.embeddings.map(({ vector }) => Array.from(vector))
      )
      assert.deepStrictEqual((yield* model.embedMany([])).embeddings, [])
    }).pipe(Effect.provide(over({}, { limits: { maxItems: 10 } }))))

  it.effect("fails with AiError only, which has our error", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingModel.EmbeddingModel
      const { failNext } = yield* TestEmbedding.TestEmbedding
      const throttled = new ProviderError.RateLimitError({ provider: "test", message: "slow down" })
      for (const ask of [model.embed("x"), model.embedMany(["x", "y"])]) {
        yield* failNext(throttled)
        const error: AiError.AiError = yield* Effect.flip(ask as Effect.Effect<unknown, AiError.AiError>)
        assert.strictEqual(error.reason._tag, "RateLimitError")
        assert.strictEqual(StrataAiError.original(error)?._tag, "RateLimitError")
      }
      const blank = yield* Effect.flip(model.embedMany(["x", ""]))
      assert.include(blank.message, "inputs[1]")
    }).pipe(Effect.provide(over())))

  it.effect("a Model says its dimensions, and asks for them", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingModel.EmbeddingModel
      assert.lengthOf((yield* model.embed("x")).vector, 32)
      assert.deepStrictEqual([yield* EmbeddingModel.Dimensions, yield* Model.ModelName], [32, "test-embedding"])
    }).pipe(Effect.provide(
      Layer.provideMerge(
        StrataEmbeddingModel.model("test", "test-embedding", { dimensions: 32 }),
        TestEmbedding.layer()
      )
    )))
})

/** A model of someone else, with a fault or without. */
const foreign = (embedMany: Parameters<typeof EmbeddingModel.make>[0]["embedMany"]) =>
  Layer.effect(EmbeddingModel.EmbeddingModel, EmbeddingModel.make({ embedMany }))

describe("EffectAiEmbedding", () => {
  it.effect("splits, and copies vectors into Float32Arrays", () => {
    const sizes: Array<number> = []
    return Effect.gen(function*() {
      const { embeddings, usage } = yield* EmbeddingService.embedMany(["a", "b", "c"])
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector), [
        Float32Array.of(1, 0.5),
        Float32Array.of(1, 0.5),
        Float32Array.of(1, 0.5)
      ])
      assert.deepStrictEqual(sizes, [2, 1])
      assert.strictEqual(usage.inputTokens, 3)
    }).pipe(Effect.provide(
      EffectAiEmbedding.layer({ maxItems: 2 }).pipe(Layer.provide(foreign(({ inputs }) => {
        sizes.push(inputs.length)
        return Effect.succeed({ results: inputs.map(() => [1, 0.5]), usage: { inputTokens: inputs.length } })
      })))
    ))
  })

  it.effect("retries what is transient, with the hint of the model", () => {
    let calls = 0
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(EmbeddingService.embed("a"))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(calls, 2)
    }).pipe(Effect.provide(
      EffectAiEmbedding.layer().pipe(Layer.provide(foreign(({ inputs }) => {
        calls++
        return calls > 1
          ? Effect.succeed({ results: inputs.map(() => [1]), usage: { inputTokens: undefined } })
          : Effect.fail(
            AiError.make({
              module: "M",
              method: "m",
              reason: new AiError.RateLimitError({ retryAfter: Duration.seconds(5) })
            })
          )
      })))
    ))
  })

  it.effect("a wrong number of vectors is a malformed response", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(EmbeddingService.embedMany(["a", "b"]))
      assert.strictEqual(error._tag, "MalformedResponseError")
    }).pipe(Effect.provide(
      EffectAiEmbedding.layer().pipe(
        Layer.provide(foreign(() => Effect.succeed({ results: [[1]], usage: { inputTokens: 1 } })))
      )
    )))

  for (const options of [{ dimensions: 7 }, { model: "other" }, { normalize: true }, { vectorType: "int8" }] as const) {
    it.effect(`refuses what the model cannot be told: ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(EmbeddingService.embed("a", options))
        assert.strictEqual(error._tag, "UnsupportedFeatureError")
      }).pipe(Effect.provide(
        EffectAiEmbedding.layer().pipe(
          Layer.provide(foreign(() => Effect.die("asked")))
        )
      )))
  }
})
