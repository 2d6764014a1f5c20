import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import { TestEmbedding } from "../src/testing/index.ts"

/** Of two vectors of unit length. */
const cosine = (self: Embedding.Vector, that: Embedding.Vector) =>
  Array.from(self).reduce((sum, value, index) => sum + value * that[index]!, 0)

const vectors = (...texts: ReadonlyArray<string>) =>
  Effect.map(EmbeddingService.embedMany(texts), ({ embeddings }) => embeddings.map(({ vector }) => vector))

const image = (...bytes: ReadonlyArray<number>) => ({ bytes: Uint8Array.from(bytes), mediaType: "image/png" })

const slowDown = new ProviderError.RateLimitError({ provider: "test", message: "slow down" })

describe("TestEmbedding", () => {
  it.effect.prop("gives any text a vector of unit length, the same each time", {
    text: Schema.String.check(Schema.isPattern(/\S/)),
    dimensions: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))
  }, ({ dimensions, text }) =>
    Effect.gen(function*() {
      const first = yield* EmbeddingService.embed(text, { dimensions })
      const second = yield* EmbeddingService.embed(text, { dimensions })
      assert.strictEqual(first.vector.length, dimensions)
      assert.deepStrictEqual(first.vector, second.vector)
      assert.approximately(cosine(first.vector, first.vector), 1, 1e-5)
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("brings texts closer the more words they share", () =>
    Effect.gen(function*() {
      const [all, same, most, half, none] = yield* vectors(
        "the quick brown fox jumps over lazy dogs",
        "The QUICK brown fox; jumps over lazy dogs!",
        "the quick brown fox jumps over lazy cats",
        "the quick brown fox sleeps beside angry cats",
        "invoices arrive monthly without any further notice"
      )
      assert.approximately(cosine(all!, same!), 1, 1e-5)
      assert.isAbove(cosine(all!, most!), cosine(all!, half!))
      assert.isAbove(cosine(all!, half!), cosine(all!, none!) + 0.2)
      assert.approximately(cosine(all!, none!), 0, 0.2)
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("has 64 dimensions, or those of the layer, or those of the call", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* EmbeddingService.embed("a")).vector.length, 32)
      assert.strictEqual((yield* EmbeddingService.embed("a", { dimensions: 8 })).vector.length, 8)
      const standard = yield* EmbeddingService.embed("a").pipe(Effect.provide(TestEmbedding.layer()))
      assert.strictEqual(standard.vector.length, 64)
    }).pipe(Effect.provide(TestEmbedding.layer({ dimensions: 32 }))))

  it.effect("gives an image a vector of its bytes, and a pair one near both of its parts", () =>
    Effect.gen(function*() {
      const [cat, same, dog, text, both] = yield* Effect.forEach([
        { image: image(1, 2, 3) },
        { image: image(1, 2, 3) },
        { image: image(1, 2, 4) },
        "cat",
        { text: "cat", image: image(1, 2, 3) }
      ], (input) => Effect.map(EmbeddingService.embed(input), ({ vector }) => vector))
      assert.deepStrictEqual(cat, same)
      assert.approximately(cosine(cat!, cat!), 1, 1e-5)
      assert.approximately(cosine(cat!, dog!), 0, 0.3)
      assert.isAbove(cosine(both!, cat!), 0.5)
      assert.isAbove(cosine(both!, text!), 0.5)
      const batches = yield* (yield* TestEmbedding.TestEmbedding).batches
      assert.deepStrictEqual(batches.map(({ kind }) => kind), ["image", "image", "image", "text", "combined"])
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("accepts texts only, by its limits", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(EmbeddingService.embed({ image: image(1) }))
      assert.strictEqual(error._tag, "UnsupportedFeatureError")
    }).pipe(Effect.provide(TestEmbedding.layer({ limits: { images: undefined, combined: undefined } }))))

  it.effect("makes every type of vector from the same numbers", () =>
    Effect.gen(function*() {
      const of = (vectorType: Embedding.VectorType) =>
        Effect.map(
          EmbeddingService.embed("the quick brown fox", { vectorType, dimensions: 12 }),
          ({ vector }) => vector
        )
      const floats = Array.from(yield* of("float"))
      const bytes = floats.map((value) => Math.round(value * 127))
      assert.deepStrictEqual(yield* of("int8"), Int8Array.from(bytes))
      assert.deepStrictEqual(yield* of("uint8"), Uint8Array.from(bytes, (value) => value + 128))
      const bits = floats.map((value) => value > 0 ? "1" : "0").join("").padEnd(16, "0")
      assert.deepStrictEqual(
        yield* of("binary"),
        Uint8Array.of(Number.parseInt(bits.slice(0, 8), 2), Number.parseInt(bits.slice(8), 2))
      )
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("records its batches, within its limits, and counts a word as a token", () =>
    Effect.gen(function*() {
      const batch = yield* EmbeddingService.embedMany(["one", "two words", "three more words"], { purpose: "query" })
      assert.deepStrictEqual(batch.usage, { inputTokens: 6 })
      const batches = yield* (yield* TestEmbedding.TestEmbedding).batches
      assert.deepStrictEqual(
        batches.map(({ inputs, options }) => [inputs, options.model, options.purpose]),
        [
          [["one", "two words"], "test-embedding", "query"],
          [["three more words"], "test-embedding", "query"]
        ]
      )
    }).pipe(Effect.provide(TestEmbedding.layer({ limits: { maxItems: 2 } }))))

  it.effect("refuses requests with inputs that `refuse` selects", () =>
    Effect.gen(function*() {
      const { results } = yield* EmbeddingService.embedEach(["good", "bad", "good too", "slow"])
      assert.deepStrictEqual(
        results.map((result) => Result.isFailure(result) ? result.failure._tag : "good"),
        ["good", "InvalidRequestError", "RateLimitError", "RateLimitError"]
      )
    }).pipe(
      Effect.provide(TestEmbedding.layer({ refuse: (input) => input === "slow" ? slowDown : input === "bad" }))
    ))

  it.effect("fails its next attempts, then recovers", () =>
    Effect.gen(function*() {
      const double = yield* TestEmbedding.TestEmbedding
      yield* double.failNext(slowDown, slowDown)
      const fiber = yield* Effect.forkChild(EmbeddingService.embed("a"))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* double.batches).length, 3)
    }).pipe(Effect.provide(TestEmbedding.layer({ policy: Policy.standard }))))

  it.effect("delays its answers", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(EmbeddingService.embed("a"))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(Effect.provide(TestEmbedding.layer({ delay: "1 second" }))))
})
