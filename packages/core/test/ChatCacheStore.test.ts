import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as CacheStore from "../src/chat/internal/cache/store.ts"
import { Outcome, Parts } from "./AnswerSchema.ts"
import * as Cached from "./ChatCacheFixture.ts"
import { usage, watched } from "./ChatFixture.ts"

const failed = new ChatCache.ChatCacheError({ message: "no route to the store" })

/** A store that fails on demand. */
const brokenStore = (
  down: { read: boolean; write: boolean },
  failure: Effect.Effect<never, ChatCache.ChatCacheError>
) => {
  const { kept } = Cached.openStore()
  return Layer.succeed(ChatCache.ChatCache, {
    get: (key) => Effect.suspend(() => down.read ? failure : Effect.succeed(kept.get(key))),
    set: (key, value) => Effect.suspend(() => down.write ? failure : Effect.sync(() => void kept.set(key, value)))
  })
}

/** A service that always gives this answer, behind a cache. */
const answering = (
  response: ChatResponse.ChatResponse,
  store: Layer.Layer<never, ProviderError.InvalidRequestError>
) => {
  const service = Layer.succeed(ChatService.ChatService, {
    defaultModel: "test-model",
    generate: () => Effect.succeed(response),
    stream: () => Stream.die("not asked for here")
  })
  return Layer.provide(ChatService.withCache(service), store)
}

describe("A store of the chat cache", () => {
  it.effect.prop("round-trips an answer", [Parts, Outcome], ([parts, outcome]) => {
    const response = ChatResponse.make(parts, { ...outcome, finishReason: "stop", requestId: "1" })
    return Effect.gen(function*() {
      yield* ChatService.generate("Why?")
      const { cached, cost, ...kept } = yield* ChatService.generate("Why?")
      assert.deepStrictEqual(Cached.plain(kept), Cached.plain(response))
      assert.deepStrictEqual([cached, cost?.total], [true, 0])
    }).pipe(Effect.provide(answering(response, ChatCache.layerMemory())))
  }, { arbitrary: { runs: 50 } })

  it.effect("round-trips bytes and provider metadata exactly", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    const value = { deep: [{ bytes, text: "ä", list: [1, null, "x"] }] }
    const response = ChatResponse.make([
      { type: "image", mediaType: "image/png", source: { bytes } },
      { type: "reasoning", text: "", redacted: bytes },
      { type: "provider", provider: "test", value },
      { type: "tool-call", id: "1", name: "look", params: value }
    ], {
      finishReason: "tool-calls",
      usage,
      model: "model",
      // Providers add their own metadata here.
      providerMetadata: { test: value } as ChatResponse.ProviderMetadata
    })
    return Effect.gen(function*() {
      yield* ChatService.generate("Why?")
      const { message, providerMetadata, toolCalls } = yield* ChatService.generate("Why?")
      assert.deepStrictEqual({ message, toolCalls, providerMetadata }, {
        message: response.message,
        toolCalls: response.toolCalls,
        providerMetadata: response.providerMetadata
      })
    }).pipe(Effect.provide(answering(response, ChatCache.layerMemory())))
  })

  it.effect("does not keep the cost of an answer", () => {
    const { kept, store } = Cached.openStore()
    const cost = { input: 1, cacheRead: 2, cacheWrite: 3, output: 4, total: 10 }
    const response = ChatResponse.make([], { finishReason: "stop", usage, model: "model", cost, providerMetadata: {} })
    return Effect.gen(function*() {
      assert.deepStrictEqual((yield* ChatService.generate("Why?")).cost, cost)
      for (const value of kept.values()) assert.notInclude(new TextDecoder().decode(value), "cost")
    }).pipe(Effect.provide(answering(response, store)))
  })

  it.effect("does not cache an answer without a JSON form", () => {
    const { kept, store } = Cached.openStore()
    const call = { type: "tool-call" as const, id: "1", name: "look", params: { call: () => 1 } }
    const response = ChatResponse.make([call], { finishReason: "stop", usage, model: "model", providerMetadata: {} })
    return Effect.gen(function*() {
      assert.deepStrictEqual((yield* ChatService.generate("Why?")).toolCalls, [call])
      assert.strictEqual(kept.size, 0)
    }).pipe(Effect.provide([answering(response, store), Logger.layer([])]))
  })

  it.effect.prop("may return damaged bytes: they are misses, and replaced", {
    damage: Schema.Literals(["flip", "cut", "grow", "replace", "empty", "short"]),
    place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
    bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
  }, ({ bit, damage, place }) => {
    const { kept, store } = Cached.openStore()
    const damaged = (bytes: Uint8Array): Uint8Array => {
      switch (damage) {
        case "flip":
          return bytes.map((byte, index) => index === place % bytes.length ? byte ^ (1 << bit) : byte)
        case "cut":
          return bytes.subarray(0, place % bytes.length)
        case "grow":
          return Uint8Array.from([...bytes, bit])
        case "replace":
          return Uint8Array.from({ length: 1 + place % 100 }, (_, index) => index * place)
        case "empty":
          return new Uint8Array(0)
        case "short":
          return new Uint8Array(4)
      }
    }
    return Effect.gen(function*() {
      yield* ChatService.text("Why?")
      for (const [key, value] of kept) kept.set(key, damaged(value))
      assert.strictEqual(yield* ChatService.text("Why?"), "Because it is so.")
      assert.strictEqual(yield* Cached.sent, 2)
      assert.isTrue((yield* ChatService.generate("Why?")).cached)
    }).pipe(Effect.provide(Cached.layer(() => "Because it is so.", { store })))
  }, { arbitrary: { runs: 50 } })

  it.effect("may return what another version wrote: it is a miss", () => {
    const { kept, store } = Cached.openStore()
    // An empty object, with the checksum it has.
    const bytes = Uint8Array.of(0x7b, 0x7d)
    const whole = (checksum: number) => {
      const value = new Uint8Array(6)
      new DataView(value.buffer).setUint32(0, checksum)
      value.set(bytes, 4)
      return value
    }
    let state = 0x811c9dc5
    for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193)
    return Effect.gen(function*() {
      yield* ChatService.text("Why?")
      for (const key of kept.keys()) kept.set(key, whole(state >>> 0))
      yield* ChatService.text("Why?")
      assert.strictEqual(yield* Cached.sent, 2)
      assert.strictEqual(yield* Cached.counted(CacheStore.metrics.failures), 0)
    }).pipe(Effect.provide(Cached.layer(() => "So.", { store })), Cached.alone)
  })

  it.effect("fails open: the first error of an outage is logged, and each is counted", () =>
    watched(({ logs }) => {
      const down = { read: true, write: true }
      return Effect.gen(function*() {
        for (let call = 0; call < 3; call++) assert.strictEqual(yield* ChatService.text("Why?"), "So.")
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        assert.strictEqual(yield* Cached.counted(CacheStore.metrics.failures), 6)
        down.read = down.write = false
        yield* TestClock.adjust("5 seconds")
        yield* ChatService.text("Why?")
        assert.isTrue((yield* ChatService.generate("Why?")).cached)
        down.read = true
        assert.isUndefined((yield* ChatService.generate("Why?")).cached)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info", "Warn"])
      }).pipe(Effect.provide(Cached.layer(() => "So.", { store: brokenStore(down, Effect.fail(failed)) })))
    }))

  it.effect("fails open on defects too, also for a stream", () =>
    Effect.gen(function*() {
      yield* ChatService.text("Why?")
      yield* Stream.runDrain(ChatService.stream("Why?"))
      assert.strictEqual(yield* Cached.sent, 2)
    }).pipe(
      Effect.provide([
        Cached.layer(() => "So.", { store: brokenStore({ read: true, write: true }, Effect.die("bug")) }),
        Logger.layer([])
      ])
    ))

  it.effect("delays a call by one second when it does not answer, and is then not used for five", () => {
    let asked = 0
    const silent = Layer.succeed(ChatCache.ChatCache, {
      get: () => Effect.andThen(Effect.sync(() => asked++), Effect.never),
      set: () => Effect.die("not asked for here")
    })
    const slow = Effect.gen(function*() {
      const before = asked
      const fiber = yield* Effect.forkChild(ChatService.text("Why?"))
      yield* Cached.until(() => asked > before)
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "Cut")
    })
    return Effect.gen(function*() {
      yield* slow
      assert.strictEqual(yield* ChatService.text("Why?"), "Cut")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* ChatService.text("Why?"), "Cut")
      assert.strictEqual(asked, 1)
      yield* TestClock.adjust("1 seconds")
      yield* slow
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide([
      // An answer that was cut is not written, so that only reading is asked about.
      Cached.layer(() => ({ content: "Cut", finishReason: "length" }), { store: silent }),
      Logger.layer([])
    ]))
  })
})
