import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as ChatEvent from "../src/chat/ChatEvent.ts"
import * as ChatService from "../src/chat/ChatService.ts"
import * as Message from "../src/chat/Message.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as Retry from "../src/policy/Retry.ts"
import * as ProviderError from "../src/ProviderError.ts"
import { TestChat } from "../src/testing/index.ts"

const slowDown = new ProviderError.RateLimitError({ provider: "test", message: "slow down" })

const call = { type: "tool-call", id: "1", name: "clock", params: { zone: "UTC" } } as const

describe("TestChat", () => {
  it.effect("replies in order and records the requests", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ChatService.text("first"), "one")
      assert.strictEqual(yield* Effect.flip(ChatService.text("second")), slowDown)
      assert.strictEqual(yield* ChatService.text({ messages: "third", temperature: 0.5 }), "three")
      const requests = yield* (yield* TestChat.TestChat).requests
      assert.deepStrictEqual(
        requests.map(({ messages, model, temperature }) => [model, Message.textOf(messages[0]!), temperature]),
        [["test-model", "first", undefined], ["test-model", "second", undefined], ["test-model", "third", 0.5]]
      )
    }).pipe(Effect.provide(TestChat.layer(["one", slowDown, "three"]))))

  it.effect("fails in a typed way when it runs out of replies", () =>
    Effect.gen(function*() {
      yield* ChatService.text("first")
      const error = yield* Effect.flip(ChatService.text("second"))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.include(error.message, "there is no reply for attempt 2")
      const streamed = yield* Effect.flip(Stream.runDrain(ChatService.stream("third")))
      assert.instanceOf(streamed, ProviderError.InvalidRequestError)
    }).pipe(Effect.provide(TestChat.layer(["one"]))))

  it.effect("accepts more replies while it runs, before those of a function", () =>
    Effect.gen(function*() {
      yield* (yield* TestChat.TestChat).enqueue("queued", slowDown)
      assert.strictEqual(yield* ChatService.text("a"), "queued")
      assert.strictEqual(yield* Effect.flip(ChatService.text("b")), slowDown)
      assert.strictEqual(yield* ChatService.text("c"), "echo: c")
    }).pipe(Effect.provide(TestChat.layer(({ messages }) => `echo: ${Message.textOf(messages[0]!)}`))))

  it.effect("refuses what a real service refuses", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatService.text({ messages: "a", maxTokens: 0 }))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, "maxTokens")
      assert.deepStrictEqual(yield* (yield* TestChat.TestChat).requests, [])
    }).pipe(Effect.provide(TestChat.layer(["one"]))))

  it.effect("streams a text word by word, and answers the same either way", () =>
    Effect.gen(function*() {
      const whole = yield* ChatService.generate("Say hello")
      const events = yield* Stream.runCollect(ChatService.stream("Say hello"))
      assert.deepStrictEqual(
        events.flatMap((event) => event.type === "text-delta" ? [event.delta] : []),
        ["Hello ", "there,  ", "world"]
      )
      assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(events)), whole)
    }).pipe(Effect.provide(TestChat.layer(() => "Hello there,  world"))))

  it.effect("counts a word as a token where no usage is given", () =>
    Effect.gen(function*() {
      const { usage } = yield* ChatService.generate([Message.system("be brief"), Message.user("what time is it")])
      assert.deepInclude(usage, { inputTokens: 6, outputTokens: 2, totalTokens: 8 })
      const told = yield* ChatService.generate("again")
      assert.deepInclude(told.usage, { inputTokens: 100, outputTokens: 0, totalTokens: 100 })
    }).pipe(Effect.provide(TestChat.layer(["it's late", { content: "still late", usage: { inputTokens: 100 } }]))))

  it.effect("replies with parts, and with a whole response unchanged", () =>
    Effect.gen(function*() {
      const first = yield* ChatService.generate("what time is it")
      assert.deepStrictEqual(first.toolCalls, [call])
      assert.strictEqual(first.finishReason, "tool-calls")
      yield* (yield* TestChat.TestChat).enqueue({ ...first, requestId: "request-1" })
      assert.deepStrictEqual(yield* ChatService.generate("again"), { ...first, requestId: "request-1" })
    }).pipe(Effect.provide(TestChat.layer([{ content: [Message.text("let me see"), call] }]))))

  it.effect("breaks a stream after some events", () =>
    Effect.gen(function*() {
      const deltas: Array<string> = []
      const error = yield* ChatService.textStream("a").pipe(
        Stream.runForEach((delta) => Effect.sync(() => deltas.push(delta))),
        Effect.flip
      )
      assert.deepStrictEqual(deltas, ["one ", "two "])
      assert.instanceOf(error, ProviderError.StreamInterruptedError)
      assert.strictEqual(error.delivered, 2)
      assert.strictEqual(error.cause, slowDown)
      assert.strictEqual((yield* Effect.flip(ChatService.generate("b")))._tag, "ConnectionError")
    }).pipe(
      Effect.provide(TestChat.layer([
        { content: "one two three", failAfter: 2, error: slowDown },
        { content: "one two three", failAfter: 2 }
      ]))
    ))

  it.effect("delivers everything but the end when it breaks later than that", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      yield* ChatService.stream("a").pipe(
        Stream.runForEach((event) => Effect.sync(() => events.push(event.type))),
        Effect.flip
      )
      assert.deepStrictEqual(events, ["text-delta", "text-delta"])
    }).pipe(Effect.provide(TestChat.layer([{ chunks: ["one", "two"], failAfter: 10 }]))))

  it.effect("delays its answers", () =>
    Effect.gen(function*() {
      const fiber = yield* ChatService.textStream("a").pipe(
        Stream.mapEffect((delta) => Effect.map(Clock.currentTimeMillis, (now) => [delta, now])),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* TestClock.adjust(Duration.seconds(5))
      assert.deepStrictEqual(yield* Fiber.join(fiber), [["on", 1000], ["e", 1500], ["two", 2000]])
    }).pipe(
      Effect.provide(TestChat.layer([{ chunks: ["on", "e", "two"], delay: "1 second", interval: "500 millis" }]))
    ))

  it.effect("receives the retries of a policy", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(ChatService.text("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "at last")
      assert.strictEqual((yield* (yield* TestChat.TestChat).requests).length, 3)
    }).pipe(
      Effect.provide(TestChat.layer([slowDown, slowDown, "at last"], {
        policy: Policy.make({ retry: Retry.exponential({ times: 2 }) })
      }))
    ))
})
