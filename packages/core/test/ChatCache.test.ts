import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as CacheStore from "../src/chat/internal/cache/store.ts"
import { Outcome, Parts } from "./AnswerSchema.ts"
import * as Cached from "./ChatCacheFixture.ts"
import { response, usage, watched } from "./ChatFixture.ts"

const collected = (question: string) => ChatEvent.collect(ChatService.stream(question))

describe("ChatService.withCache", () => {
  it.effect("asks once, and then answers without a request and without cost", () =>
    Effect.gen(function*() {
      const first = yield* ChatService.generate("Why?")
      assert.isUndefined(first.cached)
      const second = yield* ChatService.generate("Why?")
      assert.deepStrictEqual(Cached.plain(second), Cached.free(first))
      assert.strictEqual(yield* Cached.sent, 1)
      assert.strictEqual(yield* ChatService.text("How?"), "So.")
      assert.strictEqual(yield* Cached.sent, 2)
    }).pipe(Effect.provide(Cached.layer([{ content: "Because.", usage, requestId: "request-1" }, "So."]))))

  it.effect("uses a store in memory by default", () =>
    Effect.gen(function*() {
      yield* ChatService.text("A question of this test alone")
      assert.strictEqual(yield* ChatService.text("A question of this test alone"), "Yes.")
    }).pipe(Effect.provide(ChatService.withCache(TestChat.layer(["Yes."])))))

  it.effect.prop(
    "streams what was generated, and generates what was streamed",
    [Parts, Outcome],
    ([parts, outcome]) => {
      const whole = ChatResponse.make(parts, { ...outcome, finishReason: "stop" })
      let sent = 0
      const provider = Layer.effect(
        ChatService.ChatService,
        ChatService.make({
          provider: "test.provider",
          defaultModel: "model",
          policy: Policy.none,
          generate: () =>
            Effect.sync(() => {
              sent++
              return whole
            }),
          stream: () =>
            Stream.suspend(() => {
              sent++
              return Stream.fromIterable(ChatEvent.fromResponse(whole))
            })
        })
      )
      return Effect.gen(function*() {
        const generated = yield* ChatService.generate("generated first")
        assert.deepStrictEqual(Cached.plain(yield* collected("generated first")), Cached.free(generated))
        const streamed = yield* collected("streamed first")
        assert.deepStrictEqual(Cached.plain(streamed), Cached.plain(generated))
        assert.deepStrictEqual(Cached.plain(yield* ChatService.generate("streamed first")), Cached.free(streamed))
        assert.deepStrictEqual(Cached.plain(yield* collected("streamed first")), Cached.free(streamed))
        assert.strictEqual(sent, 2)
      }).pipe(Effect.provide(ChatService.withCache(provider).pipe(Layer.provide(ChatCache.layerMemory()))))
    },
    { arbitrary: { runs: 50 } }
  )

  it.effect("ends a cached stream with exactly one finish", () =>
    Effect.gen(function*() {
      yield* ChatService.text("Why?")
      const events = yield* Stream.runCollect(ChatService.stream("Why?"))
      assert.deepStrictEqual(events.map(({ type }) => type), ["text-delta", "finish"])
    }).pipe(Effect.provide(Cached.layer(["Because it is so."]))))

  it.live("caches an answer before its stream emits finish", () => {
    const slow = Layer.succeed(ChatCache.ChatCache, {
      get: () => Effect.undefined,
      set: () => Effect.sleep("50 millis")
    })
    return Effect.gen(function*() {
      const events = Stream.takeUntil(ChatService.stream("Why?"), ({ type }) => type === "finish")
      yield* Stream.runForEach(events, ({ type }) =>
        type === "finish"
          ? Effect.map(ChatService.text("Why?"), (text) => assert.strictEqual(text, "Because it is so."))
          : Effect.void)
      assert.strictEqual(yield* Cached.sent, 1)
    }).pipe(Effect.provide(Cached.layer(["Because it is so."], { store: slow })))
  })

  describe("caches", () => {
    it.effect.each(ChatResponse.FinishReason.literals)(
      "an answer that ended with %s, or not",
      (finishReason) =>
        Effect.gen(function*() {
          const isWhole = ["stop", "stop-sequence", "tool-calls"].includes(finishReason)
          yield* ChatService.generate("generated")
          assert.strictEqual((yield* ChatService.generate("generated")).finishReason, finishReason)
          assert.strictEqual(yield* Cached.sent, isWhole ? 1 : 2)
          yield* Stream.runDrain(ChatService.stream("streamed"))
          yield* Stream.runDrain(ChatService.stream("streamed"))
          assert.strictEqual(yield* Cached.sent, isWhole ? 2 : 4)
        }).pipe(Effect.provide(Cached.layer(() => ({ content: "Perhaps", finishReason }))))
    )

    it.effect("no failure, and no broken stream", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(ChatService.text("Why?")))._tag, "ConnectionError")
        assert.strictEqual((yield* Effect.flip(collected("Why?")))._tag, "StreamInterruptedError")
        assert.strictEqual(yield* ChatService.text("Why?"), "Because.")
        assert.strictEqual(yield* ChatService.text("Why?"), "Because.")
        assert.strictEqual(yield* Cached.sent, 3)
      }).pipe(Effect.provide(Cached.layer([
        { content: "Because", failAfter: 0 },
        { content: "Because it is", failAfter: 2 },
        "Because."
      ]))))

    it.effect("no stream that was not read to its end", () =>
      Effect.gen(function*() {
        yield* ChatService.stream("Why?").pipe(Stream.rechunk(1), Stream.take(1), Stream.runDrain)
        assert.strictEqual(yield* ChatService.text("Why?"), "So.")
      }).pipe(Effect.provide(Cached.layer([{ content: "Because it is so.", interval: "1 second" }, "So."]))))

    it.effect("no answer of a fallback", () => {
      const whole = { ...response("From elsewhere"), fallback: [{ error: "TimeoutError", message: "", provider: "a" }] }
      let sent = 0
      const provider = Layer.succeed(ChatService.ChatService, {
        generate: () => Effect.sync(() => ({ ...whole, requestId: String(sent++) })),
        stream: () => Stream.die("not asked for here")
      })
      return Effect.gen(function*() {
        const { requestId } = yield* ChatService.generate("Why?")
        assert.notStrictEqual((yield* ChatService.generate("Why?")).requestId, requestId)
      }).pipe(Effect.provide(Layer.provide(ChatService.withCache(provider), ChatCache.layerMemory())))
    })

    it.effect("only requests that `when` accepts", () =>
      Effect.gen(function*() {
        for (const temperature of [0, 0, 1, 1]) yield* ChatService.text({ messages: "Why?", temperature })
        assert.strictEqual(yield* Cached.sent, 3)
        yield* Effect.scoped(
          Effect.all([1, 1].map((temperature) => ChatService.text({ messages: "Why?", temperature })), {
            concurrency: 2
          })
        )
        assert.strictEqual(yield* Cached.sent, 5)
      }).pipe(
        Effect.provide(Cached.layer(() => "So.", { cache: { when: ({ temperature }) => temperature === 0 } }))
      ))

    it.effect("for 24 hours by default", () =>
      Effect.gen(function*() {
        yield* ChatService.text("Why?")
        yield* TestClock.adjust("23 hours")
        yield* ChatService.text("Why?")
        assert.strictEqual(yield* Cached.sent, 1)
        yield* TestClock.adjust("1 hour")
        yield* ChatService.text("Why?")
        assert.strictEqual(yield* Cached.sent, 2)
      }).pipe(Effect.provide(Cached.layer(() => "So."))))

    it.effect("without expiry, or for a given time", () =>
      Effect.gen(function*() {
        for (const [timeToLive, sent] of [["Infinity", 1], ["1 hour", 2]] as const) {
          yield* Effect.gen(function*() {
            yield* ChatService.text("Why?")
            yield* TestClock.adjust("1000 days")
            yield* ChatService.text("Why?")
            assert.strictEqual(yield* Cached.sent, sent)
          }).pipe(Effect.provide(Cached.layer(() => "So.", { cache: { timeToLive } })))
        }
      }))
  })

  describe("layerMemory", () => {
    const ask = (...questions: ReadonlyArray<string>) =>
      Effect.forEach(questions, (question) => ChatService.text(question))

    it.effect("evicts the least recently used", () =>
      Effect.gen(function*() {
        yield* ask("a", "b", "a", "c", "a", "c")
        assert.strictEqual(yield* Cached.sent, 3)
        yield* ask("b")
        assert.strictEqual(yield* Cached.sent, 4)
        yield* ask("c", "b")
        assert.strictEqual(yield* Cached.sent, 4)
      }).pipe(Effect.provide(Cached.layer(() => "So.", { store: ChatCache.layerMemory({ capacity: 2 }) }))))

    it.effect("is bounded by bytes, and never holds an entry larger than that", () =>
      Effect.gen(function*() {
        yield* ask("4000", "3000", "4000", "3000")
        assert.strictEqual(yield* Cached.sent, 2)
        yield* ask("20000", "20000", "4000", "3000")
        assert.strictEqual(yield* Cached.sent, 4)
        yield* ask("5000", "3000")
        assert.strictEqual(yield* Cached.sent, 5)
        yield* ask("4000")
        assert.strictEqual(yield* Cached.sent, 6)
      }).pipe(
        Effect.provide(Cached.layer(
          ({ messages }) => "x".repeat(Number(messages[0]?.content) / 2),
          { store: ChatCache.layerMemory({ maxBytes: 10_000 }) }
        ))
      ))
  })

  it.effect("counts hits and misses", () =>
    Effect.gen(function*() {
      yield* ChatService.text("Why?")
      yield* ChatService.text("Why?")
      yield* Stream.runDrain(ChatService.stream("Why?"))
      yield* ChatService.text("How?")
      assert.strictEqual(yield* Cached.counted(CacheStore.metrics.hits), 2)
      assert.strictEqual(yield* Cached.counted(CacheStore.metrics.misses), 2)
    }).pipe(Effect.provide(Cached.layer(() => "So.")), Cached.alone))

  it.effect("records on a span whether it was a hit", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        yield* ChatService.text("Why?")
        yield* ChatService.text("Why?")
        assert.deepStrictEqual(
          spans.map((span) => [span.name, span.attributes.get("strata.cache.hit")]),
          [["ChatCache.look", false], ["chat test-model", undefined], ["ChatCache.look", true]]
        )
      }).pipe(Effect.provide(Cached.layer(() => "So.")))
    ))

  it.effect("records nothing while the layer is built", () =>
    watched(({ logs, spans }) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Layer.build(Cached.layer()))
        assert.deepStrictEqual([...logs, ...spans, ...(yield* Metric.snapshot)], [])
      })
    ))

  it.effect("can be two levels: a fast store before a shared one", () => {
    const near = Cached.openStore()
    const far = Cached.openStore()
    const test = TestChat.layer(() => "So.")
    const service = ChatService.withCache(test).pipe(Layer.provide(far.store))
    const both = ChatService.withCache(service).pipe(Layer.provide(near.store))
    return Effect.gen(function*() {
      yield* ChatService.text("Why?")
      assert.deepStrictEqual([...near.kept.keys()], [...far.kept.keys()])
      near.kept.clear()
      assert.isTrue((yield* ChatService.generate("Why?")).cached)
      assert.strictEqual(near.kept.size, 1)
      assert.strictEqual(yield* Cached.sent, 1)
    }).pipe(Effect.provide(Layer.mergeAll(test, both)))
  })

  it.effect("leaves invalid requests to the service", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatService.generate({ messages: [] }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.strictEqual(yield* Cached.sent, 0)
    }).pipe(Effect.provide(Cached.layer(() => "So."))))
})
