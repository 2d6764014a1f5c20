import { assert, describe, it } from "@effect/vitest"
import { ChatService, EmbeddingService, ProviderError, RerankService } from "@strata/core"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { errors, failure, settled } from "./ChatFixture.ts"

describe("withDeadline", () => {
  it.effect("bounds retries and fallbacks together", () =>
    Effect.gen(function*() {
      const slow = Layer.effect(
        ChatService.ChatService,
        ChatService.make({
          provider: "a",
          defaultModel: "a",
          policy: Policy.make({ retry: Retry.exponential({ times: 8, base: "1 minute" }) }),
          generate: () => Effect.fail(errors.ProviderInternalError),
          stream: () => Stream.fail(errors.ProviderInternalError)
        })
      )
      const layer = slow.pipe(ChatService.withFallback(slow), ChatService.withDeadline("30 seconds"))
      for (const call of [ChatService.generate("Hi"), Stream.runDrain(ChatService.stream("Hi"))]) {
        const fiber = yield* Effect.forkChild(Effect.flip(Effect.provide(call, layer)))
        yield* TestClock.adjust("31 seconds")
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "TimeoutError")
        assert.deepStrictEqual([error.phase, error.provider, error.model], ["deadline", "a", "a"])
      }
    }))

  it.effect("interrupts a stream that has begun", () =>
    Effect.gen(function*() {
      const layer = TestChat.layer([{ chunks: ["a", "b", "c"], interval: "20 seconds" }]).pipe(
        ChatService.withDeadline("30 seconds")
      )
      const fiber = yield* Effect.forkChild(
        Effect.flip(Effect.provide(Stream.runDrain(ChatService.stream("Hi")), layer))
      )
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause))
      assert.deepStrictEqual([error.delivered, error.cause._tag], [2, "TimeoutError"])
    }))

  it.effect("bounds embeddings, each result of `embedEach`, and reranking", () =>
    Effect.gen(function*() {
      const never = Layer.succeed(EmbeddingService.EmbeddingService, {
        embed: () => Effect.never,
        embedMany: () => Effect.never,
        embedEach: () => Effect.never,
        embedStream: () => Stream.never
      })
      const layer = EmbeddingService.withDeadline(never, "1 second")
      const { results } = yield* settled(
        Effect.provide(EmbeddingService.embedEach(["a", "b"]), layer),
        "2 seconds"
      )
      assert.deepStrictEqual(results.map((result) => result._tag === "Failure" && result.failure._tag), [
        "TimeoutError",
        "TimeoutError"
      ])
      const stream = Stream.runDrain(EmbeddingService.embedStream(Stream.make("a")))
      assert.strictEqual((yield* failure(Effect.provide(stream, layer), "2 seconds"))._tag, "TimeoutError")
      const reranking = RerankService.withDeadline(
        Layer.succeed(RerankService.RerankService, { rerank: () => Effect.never }),
        "1 second"
      )
      const reranked = Effect.provide(RerankService.rerank("q", ["a"]), reranking)
      assert.strictEqual((yield* failure(reranked, "2 seconds"))._tag, "TimeoutError")
    }))

  it.effect("closes a stream that took too long before a fallback is asked", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const hanging = Layer.succeed(ChatService.ChatService, {
        generate: () => Effect.never,
        stream: () => Stream.ensuring(Stream.never, Effect.sync(() => seen.push("closed")))
      })
      const answering = TestChat.layer(() => {
        seen.push("asked")
        return "Hello"
      })
      const layer = hanging.pipe(ChatService.withDeadline("30 seconds"), ChatService.withFallback(answering))
      yield* settled(Stream.runDrain(Stream.provide(ChatService.stream("Hi"), layer)))
      assert.deepStrictEqual(seen, ["closed", "asked"])
    }))

  it.effect("leaves alone what ends in time: a call, a stream, one without events, one whose deadline is endless", () =>
    Effect.gen(function*() {
      for (const deadline of [Duration.seconds(30), Duration.infinity]) {
        const chats = TestChat.layer(() => ({ content: "Hello", delay: "1 second" })).pipe(
          ChatService.withDeadline(deadline)
        )
        assert.strictEqual(yield* settled(Effect.provide(ChatService.text("Hi"), chats)), "Hello")
        const embedders = EmbeddingService.withDeadline(TestEmbedding.layer(), deadline)
        const embedded = (...texts: ReadonlyArray<string>) =>
          Stream.runCollect(Stream.provide(EmbeddingService.embedStream(Stream.fromIterable(texts)), embedders))
        assert.lengthOf(yield* embedded(), 0)
        assert.lengthOf(yield* embedded("a", "b"), 2)
      }
    }))
})
