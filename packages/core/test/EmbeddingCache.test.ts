import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Cost from "../src/Cost.ts"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingCache from "../src/embedding/EmbeddingCache.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as CacheStore from "../src/embedding/internal/cache/store.ts"
import { TestEmbedding } from "../src/testing/index.ts"
import * as Cached from "./EmbeddingCacheFixture.ts"

const vectors = ({ embeddings }: Embedding.EmbeddingBatch) => embeddings.map(({ vector }) => vector)

describe("EmbeddingCache", () => {
  describe("embedMany", () => {
    it.effect("sends a text once, and serves it from the cache afterwards", () =>
      Effect.gen(function*() {
        const first = yield* EmbeddingService.embedMany(["a cat", "a dog"])
        const second = yield* EmbeddingService.embedMany(["a dog", "a cat"])
        assert.deepStrictEqual(vectors(second), vectors(first).toReversed())
        assert.deepStrictEqual(second.usage, { inputTokens: 0 })
        assert.deepStrictEqual(second.cost, Cost.empty)
        assert.strictEqual(second.requests, 0)
        assert.strictEqual(second.model, "test-embedding")
        assert.deepStrictEqual(second.embeddings.map(({ inputTokens, model }) => [inputTokens, model]), [
          [0, "test-embedding"],
          [0, "test-embedding"]
        ])
        assert.deepStrictEqual(yield* Cached.sent, [["a cat", "a dog"]])
      }).pipe(Effect.provide(Cached.layer())))

    it.effect("sends only misses, in full requests, and counts only their usage", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embedMany(["known one", "known two"])
        const batch = yield* EmbeddingService.embedMany([
          "new",
          "known one",
          "new two",
          "known two",
          "new",
          "three new ones"
        ])
        assert.deepStrictEqual((yield* Cached.sent).slice(1), [["new", "new two"], ["three new ones"]])
        assert.strictEqual(batch.requests, 2)
        assert.deepStrictEqual(batch.usage, { inputTokens: 6 })
      }).pipe(Effect.provide(Cached.layer({ service: { limits: { maxItems: 2 } } }))))

    it.effect.prop("gives the results of the uncached service, whatever is cached", {
      inputs: Schema.Array(Schema.Literals(["a", "b b", "c", "d e", "f", "g h i"])).check(Schema.isMaxLength(20)),
      known: Schema.Array(Schema.Literals(["a", "b b", "c", "d e", "f", "g h i"]))
    }, ({ inputs, known }) =>
      Effect.gen(function*() {
        const plain = yield* EmbeddingService.embedMany(inputs).pipe(Effect.provide(TestEmbedding.layer()))
        yield* EmbeddingService.embedMany(known)
        const before = (yield* Cached.sent).length
        const batch = yield* EmbeddingService.embedMany(inputs)
        assert.deepStrictEqual(vectors(batch), vectors(plain))
        assert.strictEqual(batch.model, plain.model)
        const unknown = [...new Set(inputs)].filter((input) => !known.includes(input))
        assert.deepStrictEqual((yield* Cached.sent).slice(before).flat(), unknown)
        assert.strictEqual(batch.requests, unknown.length === 0 ? 0 : 1)
        const { results: each } = yield* EmbeddingService.embedEach(inputs)
        assert.deepStrictEqual(each.map((result) => Result.getOrThrow(result).vector), vectors(plain))
      }).pipe(Effect.provide(Cached.layer())))

    it.effect("names a bad input by its index in the call", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embedMany(["a", "b"])
        for (
          const [bad, tag] of [
            ["", "InvalidRequestError"],
            ["refused", "InvalidRequestError"],
            ["x".repeat(3000), "ContextLengthExceededError"]
          ] as const
        ) {
          const error = yield* Effect.flip(EmbeddingService.embedMany(["a", "new", "b", bad, bad]))
          assert.strictEqual(error._tag, tag)
          assert.match(error.message, /^inputs\[3\]: (?!inputs)/u)
          if (error._tag === "InvalidRequestError") assert.strictEqual(error.field, "inputs[3]")
          const { results: each } = yield* EmbeddingService.embedEach(["a", bad, "b", bad])
          assert.deepStrictEqual(
            each.map((result) => Result.isSuccess(result) ? "good" : result.failure.message.slice(0, 9)),
            ["good", "inputs[1]", "good", "inputs[3]"]
          )
        }
      }).pipe(Effect.provide(Cached.layer({ service: { refuse: (input) => input === "refused" } }))))

    it.effect("leaves invalid calls and empty ones to the service", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(EmbeddingService.embedMany([], { dimensions: -1 }))
        assert.strictEqual(error._tag, "InvalidRequestError")
        const empty = yield* EmbeddingService.embedMany([])
        assert.deepStrictEqual(empty, {
          embeddings: [],
          usage: { inputTokens: 0 },
          model: "test-embedding",
          requests: 0
        })
      }).pipe(Effect.provide(Cached.layer())))

    it.effect("reads and writes at most 256 keys in one command", () => {
      const { reads, store, writes } = Cached.openStore()
      return Effect.gen(function*() {
        const texts = Cached.texts(600)
        const first = yield* EmbeddingService.embedMany(texts)
        const second = yield* EmbeddingService.embedMany(texts)
        assert.deepStrictEqual(vectors(second), vectors(first))
        assert.deepStrictEqual(reads, [256, 256, 88, 256, 256, 88])
        assert.deepStrictEqual(writes, [256, 256, 88])
      }).pipe(Effect.provide(Cached.layer({ store })))
    })
  })

  describe("embedEach", () => {
    it.effect("caches the successes", () =>
      Effect.gen(function*() {
        const each = yield* EmbeddingService.embedEach(["good", "", "better"])
        assert.strictEqual(each.requests, 1)
        const again = yield* EmbeddingService.embedEach(["good", "better"])
        assert.deepStrictEqual([again.requests, again.usage.inputTokens, again.cost], [0, 0, Cost.empty])
        const batch = yield* EmbeddingService.embedMany(["good", "better"])
        assert.strictEqual(batch.requests, 0)
      }).pipe(Effect.provide(Cached.layer())))
  })

  describe("embed", () => {
    it.effect("serves a cached text without a request", () =>
      Effect.gen(function*() {
        const first = yield* EmbeddingService.embed("a cat")
        const second = yield* EmbeddingService.embed("a cat")
        assert.deepStrictEqual(second, { ...first, inputTokens: 0, cost: Cost.empty })
        assert.strictEqual((yield* Cached.sent).length, 1)
      }).pipe(Effect.provide(Cached.layer())))

    it.effect("shares requests and reads of the store between concurrent calls", () => {
      const { reads, store, writes } = Cached.openStore(Effect.yieldNow)
      return Effect.gen(function*() {
        const calls = Cached.texts(200).map((text) => EmbeddingService.embed(text))
        const first = yield* Effect.all(calls, { concurrency: "unbounded" })
        assert.strictEqual((yield* Cached.sent).length, 3)
        const second = yield* Effect.all(calls, { concurrency: "unbounded" })
        assert.strictEqual((yield* Cached.sent).length, 3)
        assert.deepStrictEqual(second.map(({ vector }) => vector), first.map(({ vector }) => vector))
        assert.deepStrictEqual(reads, [200, 200])
        assert.isAtMost(writes.length, 3)
      }).pipe(Effect.provide(Cached.layer({ store })))
    })
  })

  describe("metrics", () => {
    it.effect("count hits and misses of the distinct texts of a call", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embedMany(["a", "b", "a"])
        yield* EmbeddingService.embedMany(["a", "b", "c", "c"])
        yield* EmbeddingService.embed("a")
        assert.strictEqual(yield* Cached.counted(CacheStore.metrics.hits), 3)
        assert.strictEqual(yield* Cached.counted(CacheStore.metrics.misses), 3)
      }).pipe(Effect.provide(Cached.layer()), Cached.alone))

    it.effect("are empty after the layer is built", () =>
      Effect.gen(function*() {
        yield* Layer.build(Cached.layer())
        assert.deepStrictEqual(yield* Metric.snapshot, [])
      }).pipe(Effect.scoped, Cached.alone))
  })

  describe("layerMemory", () => {
    it.effect("evicts the least recently used", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embedMany(["a", "b", "c"])
        yield* EmbeddingService.embed("a")
        yield* EmbeddingService.embed("d")
        const before = (yield* Cached.sent).length
        yield* EmbeddingService.embedMany(["a", "c", "d"])
        assert.strictEqual((yield* Cached.sent).length, before)
        yield* EmbeddingService.embed("b")
        assert.deepStrictEqual((yield* Cached.sent).at(-1), ["b"])
      }).pipe(Effect.provide(Cached.layer({ store: EmbeddingCache.layerMemory({ capacity: 3 }) }))))

    it.effect("expires a vector after its time to live", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embed("a")
        yield* TestClock.adjust("59 minutes")
        yield* EmbeddingService.embed("a")
        assert.strictEqual((yield* Cached.sent).length, 1)
        yield* TestClock.adjust("1 minute")
        yield* EmbeddingService.embed("a")
        assert.strictEqual((yield* Cached.sent).length, 2)
      }).pipe(Effect.provide(Cached.layer({ cache: { timeToLive: "1 hour" } }))))

    it.effect("does not expire vectors by default", () =>
      Effect.gen(function*() {
        yield* EmbeddingService.embed("a")
        yield* TestClock.adjust("1000 days")
        yield* EmbeddingService.embed("a")
        assert.strictEqual((yield* Cached.sent).length, 1)
      }).pipe(Effect.provide(Cached.layer())))
  })

  it.effect("can be two levels: a fast store before a shared one", () => {
    const near = Cached.openStore()
    const far = Cached.openStore()
    const test = TestEmbedding.layer()
    const service = EmbeddingService.withCache(test).pipe(Layer.provide(far.store))
    const both = EmbeddingService.withCache(service).pipe(Layer.provide(near.store))
    return Effect.gen(function*() {
      yield* EmbeddingService.embed("a")
      assert.deepStrictEqual([...near.kept.keys()], [...far.kept.keys()])
      near.kept.clear()
      yield* EmbeddingService.embed("a")
      assert.strictEqual(near.kept.size, 1)
      assert.strictEqual((yield* Cached.sent).length, 1)
    }).pipe(Effect.provide(Layer.mergeAll(test, both)))
  })
})
