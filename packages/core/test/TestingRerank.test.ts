import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as RerankService from "../src/rerank/RerankService.ts"
import * as TestRerank from "../src/testing/TestRerank.ts"

const slowDown = new ProviderError.RateLimitError({ provider: "test", message: "slow down" })

describe("TestRerank", () => {
  it.effect("scores a document by the words it shares with the query, and counts a word as a token", () =>
    Effect.gen(function*() {
      const { model, results, usage } = yield* RerankService.rerank("the quick fox", [
        "lazy dogs sleep",
        "Fox; the QUICK!",
        "the quick brown bear"
      ])
      assert.deepStrictEqual(results.map(({ index }) => index), [1, 2, 0])
      assert.deepStrictEqual(results.map(({ score }) => score), [1, 4 / 7, 0])
      assert.deepStrictEqual([model, usage], ["test-rerank", { inputTokens: 9 + 10 }])
    }).pipe(Effect.provide(TestRerank.layer())))

  it.effect("scores by the given function", () =>
    Effect.gen(function*() {
      const { results } = yield* RerankService.rerank("q", ["a", "abc", "ab"], { topN: 2 })
      assert.deepStrictEqual(results, [{ index: 1, score: 3 }, { index: 2, score: 2 }])
    }).pipe(Effect.provide(TestRerank.layer({ score: (_query, document) => document.length }))))

  it.effect("records its requests, within its limits", () =>
    Effect.gen(function*() {
      yield* RerankService.rerank("q", ["a", "b", "c"], { topN: 2 })
      const requests = yield* (yield* TestRerank.TestRerank).requests
      const options = { model: "mine" }
      assert.deepStrictEqual(requests, [
        { query: "q", documents: ["a", "b"], topN: 2, options },
        { query: "q", documents: ["c"], topN: 1, options }
      ])
    }).pipe(Effect.provide(TestRerank.layer({ model: "mine", limits: { maxDocuments: 2 } }))))

  it.effect("fails its next attempts, then recovers", () =>
    Effect.gen(function*() {
      const double = yield* TestRerank.TestRerank
      yield* double.failNext(slowDown, slowDown)
      const fiber = yield* Effect.forkChild(RerankService.rerank("q", ["a"]))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* double.requests).length, 3)
    }).pipe(Effect.provide(TestRerank.layer({ policy: Policy.standard }))))

  it.effect("delays its answers", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(RerankService.rerank("q", ["a"]))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(Effect.provide(TestRerank.layer({ delay: "1 second" }))))
})
