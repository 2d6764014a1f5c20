import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Cached from "./ChatCacheFixture.ts"
import { delta, errors, finish, response } from "./ChatFixture.ts"

const request = { messages: "Why?" }

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

/** Reads a stream and remembers what it got. */
const reading = (events: Stream.Stream<ChatEvent.ChatEvent, unknown>) =>
  Effect.gen(function*() {
    const got: Array<string> = []
    const fiber = yield* fork(Effect.exit(Stream.runForEach(events, (event) =>
      Effect.sync(() => {
        got.push(
          event.type === "text-delta"
            ? event.delta
            : `${event.type}${event.type === "finish" && event.cached ? ", free" : ""}`
        )
      }))))
    return { got, fiber }
  })

describe("Concurrent equal requests", () => {
  it.effect("are one call, and the first of them has its cost", () =>
    Effect.gen(function*() {
      const { answer, calls, joined, service } = yield* Cached.gated()
      const first = yield* fork(service.generate(request))
      yield* Cached.until(() => calls.length === 1)
      const others = yield* Effect.forEach(Array.from({ length: 9 }), () => fork(service.generate(request)))
      const different = yield* fork(service.generate({ messages: "How?" }))
      yield* Cached.until(() => calls.length === 2)
      yield* joined(9)
      yield* answer(0, response("Because."))
      yield* answer(1, response("So."))
      const paid = yield* Fiber.join(first)
      assert.deepStrictEqual([paid.text, paid.cached], ["Because.", undefined])
      for (const fiber of others) {
        const { cached, cost, text } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([text, cached, cost?.total], ["Because.", true, 0])
      }
      assert.strictEqual((yield* Fiber.join(different)).text, "So.")
      assert.strictEqual(calls.length, 2)
    }).pipe(Cached.alone))

  it.effect("fail together, and the next request is sent again", () =>
    Effect.gen(function*() {
      const { answer, calls, fail, joined, service } = yield* Cached.gated()
      const first = yield* fork(Effect.flip(service.generate(request)))
      yield* Cached.until(() => calls.length === 1)
      const second = yield* fork(Effect.flip(service.generate(request)))
      const stream = yield* fork(Effect.flip(Stream.runDrain(service.stream(request))))
      yield* joined(2)
      yield* fail(0, errors.RateLimitError)
      assert.strictEqual(yield* Fiber.join(first), errors.RateLimitError)
      assert.strictEqual(yield* Fiber.join(second), errors.RateLimitError)
      assert.strictEqual(yield* Fiber.join(stream), errors.RateLimitError)
      const next = yield* fork(service.generate(request))
      yield* Cached.until(() => calls.length === 2)
      yield* answer(1, response("Because."))
      assert.isUndefined((yield* Fiber.join(next)).cached)
    }).pipe(Cached.alone))

  it.effect("are interrupted when the last of them is, and not before", () =>
    Effect.gen(function*() {
      const { answer, calls, joined, service } = yield* Cached.gated()
      const first = yield* fork(service.generate(request))
      yield* Cached.until(() => calls.length === 1)
      const second = yield* fork(service.generate(request))
      const third = yield* fork(service.generate(request))
      yield* joined(2)
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(calls, [{ kind: "generate", state: "open" }])
      yield* answer(0, response("Because."))
      assert.strictEqual((yield* Fiber.join(third)).text, "Because.")

      const another = { messages: "How?" }
      const fourth = yield* fork(service.generate(another))
      yield* Cached.until(() => calls.length === 2)
      const fifth = yield* fork(service.generate(another))
      yield* joined(3)
      yield* Fiber.interruptAll([fourth, fifth])
      assert.deepStrictEqual(calls[1], { kind: "generate", state: "interrupted" })
      yield* fork(service.generate(another))
      yield* Cached.until(() => calls.length === 3)
    }).pipe(Cached.alone))

  it.effect("do not join a call that is being interrupted", () =>
    Effect.gen(function*() {
      let sent = 0
      const slowToGo = Layer.succeed(ChatService.ChatService, {
        generate: ({ messages }) =>
          messages.length === 0 || ++sent > 1
            ? Effect.succeed(response("Because."))
            : Effect.onInterrupt(Effect.never, () => Effect.never),
        stream: () => Stream.die("not asked for here")
      })
      const context = yield* Layer.build(Layer.provide(ChatService.withCache(slowToGo), ChatCache.layerMemory()))
      const service = Context.get(context, ChatService.ChatService)
      const first = yield* Effect.forkDetach(service.generate(request))
      yield* Cached.until(() => sent === 1)
      yield* Effect.forkDetach(Fiber.interrupt(first), { startImmediately: true })
      assert.strictEqual((yield* service.generate(request)).text, "Because.")
    }))

  it.effect("stream from the beginning, whenever they join", () =>
    Effect.gen(function*() {
      const { calls, deliver, end, joined, service } = yield* Cached.gated()
      const first = yield* reading(service.stream(request))
      yield* Cached.until(() => calls.length === 1)
      yield* deliver(0, delta("Be"), delta("cause"))
      yield* Cached.until(() => first.got.length === 2)
      const second = yield* reading(service.stream(request))
      const whole = yield* fork(service.generate(request))
      yield* Cached.until(() => second.got.length === 2)
      yield* joined(2)
      yield* deliver(0, delta("."), finish)
      yield* end(0)
      yield* Fiber.awaitAll([first.fiber, second.fiber])
      assert.deepStrictEqual(first.got, ["Be", "cause", ".", "finish"])
      assert.deepStrictEqual(second.got, ["Be", "cause", ".", "finish, free"])
      const { cached, text } = yield* Fiber.join(whole)
      assert.deepStrictEqual([text, cached], ["Because.", true])
      assert.deepStrictEqual(calls, [{ kind: "stream", state: "over" }])
    }).pipe(Cached.alone))

  it.effect("stream an answer of `generate`", () =>
    Effect.gen(function*() {
      const { answer, calls, joined, service } = yield* Cached.gated()
      const whole = yield* fork(service.generate(request))
      yield* Cached.until(() => calls.length === 1)
      const stream = yield* reading(service.stream(request))
      yield* joined(1)
      yield* answer(0, response("Because."))
      yield* Fiber.await(stream.fiber)
      assert.deepStrictEqual(stream.got, ["Because.", "finish, free"])
      assert.isUndefined((yield* Fiber.join(whole)).cached)
    }).pipe(Cached.alone))

  it.effect("are not delayed by a slow reader", () =>
    Effect.gen(function*() {
      const { calls, deliver, end, service } = yield* Cached.gated()
      const slow = yield* fork(Stream.runForEach(service.stream(request), () => Effect.never))
      yield* Cached.until(() => calls.length === 1)
      const other = yield* reading(service.stream(request))
      yield* deliver(0, delta("Because."))
      yield* Cached.until(() => other.got.length === 1)
      yield* deliver(0, finish)
      yield* end(0)
      yield* Fiber.await(other.fiber)
      assert.deepStrictEqual(other.got, ["Because.", "finish, free"])
      yield* Fiber.interrupt(slow)
    }))

  it.effect("close the connection of a stream when the last reader stops, and not before", () =>
    Effect.gen(function*() {
      const { calls, deliver, joined, service } = yield* Cached.gated()
      const short = yield* fork(Stream.runDrain(Stream.take(service.stream(request), 1)))
      yield* Cached.until(() => calls.length === 1)
      const other = yield* reading(service.stream(request))
      yield* joined(1)
      yield* deliver(0, delta("Be"))
      yield* Fiber.join(short)
      yield* Cached.until(() => other.got.length === 1)
      assert.deepStrictEqual(calls, [{ kind: "stream", state: "open" }])
      yield* Fiber.interrupt(other.fiber)
      assert.deepStrictEqual(calls, [{ kind: "stream", state: "interrupted" }])
    }).pipe(Cached.alone))

  it.effect("fail with a broken stream; `generate` asks again, once", () =>
    Effect.gen(function*() {
      const { answer, broken, calls, deliver, joined, service } = yield* Cached.gated()
      const first = yield* reading(service.stream(request))
      yield* Cached.until(() => calls.length === 1)
      const second = yield* reading(service.stream(request))
      const whole = yield* fork(service.generate(request))
      const another = yield* fork(service.generate(request))
      yield* joined(3)
      yield* deliver(0, delta("Be"))
      yield* Cached.until(() => first.got.length === 1)
      yield* broken(0, errors.ConnectionError)
      for (const { fiber, got } of [first, second]) {
        assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
        assert.deepStrictEqual(got, ["Be"])
      }
      yield* joined(4)
      yield* Cached.until(() => calls.length === 2)
      yield* answer(1, response("Because."))
      assert.strictEqual((yield* Fiber.join(whole)).text, "Because.")
      assert.strictEqual((yield* Fiber.join(another)).text, "Because.")
      assert.deepStrictEqual(calls.map(({ kind }) => kind), ["stream", "generate"])
    }).pipe(Cached.alone))

  it.effect("fail when the stream ends without a finish", () =>
    Effect.gen(function*() {
      const { calls, deliver, end, service } = yield* Cached.gated()
      const stream = yield* fork(Effect.flip(Stream.runDrain(service.stream(request))))
      yield* Cached.until(() => calls.length === 1)
      yield* deliver(0, delta("Be"))
      yield* end(0)
      assert.strictEqual((yield* Fiber.join(stream))._tag, "StreamInterruptedError")
    }))
})
