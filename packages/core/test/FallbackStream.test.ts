import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { delta, errors, finish } from "./ChatFixture.ts"
import { busy, stage } from "./FallbackFixture.ts"

const custom = (stream: ChatService.ChatService["Service"]["stream"]) =>
  Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: "custom",
      defaultModel: "m",
      policy: Policy.none,
      generate: () => Effect.fail(busy),
      stream
    })
  )

describe("ChatService.withFallback, streaming", () => {
  it.effect("streams from the service that answers, and records it at the end", () =>
    Effect.gen(function*() {
      const services = yield* stage(3)
      services.fails.push(busy, errors.RateLimitError)
      const events = yield* Stream.runCollect(services.chat.stream({ messages: "Hi" }))
      assert.deepStrictEqual(services.asked, [0, 1, 2])
      const [text, end] = events
      assert.lengthOf(events, 2)
      assert(text?.type === "text-delta" && end?.type === "finish")
      assert.strictEqual(text.delta, "from 2")
      assert.strictEqual(end.provider, "provider-2")
      assert.deepStrictEqual(end.fallback?.map(({ error }) => error), ["ModelUnavailableError", "RateLimitError"])
    }))

  it.effect("has the same `fallback` in a collected answer", () =>
    Effect.gen(function*() {
      const services = yield* stage(2)
      services.fails.push(busy)
      const whole = yield* services.chat.generate({ messages: "Hi" })
      const collected = yield* ChatEvent.collect(services.chat.stream({ messages: "Hi" }))
      assert.deepStrictEqual(collected.fallback, whole.fallback)
    }))

  it.effect("does not fall back after the first event", () =>
    Effect.gen(function*() {
      const other = TestChat.layer(["other"])
      const events: Array<ChatEvent.ChatEvent> = []
      const error = yield* ChatService.stream("Hi").pipe(
        Stream.runForEach((event) => Effect.sync(() => events.push(event))),
        Effect.flip,
        Effect.provide(
          custom(() => Stream.concat(Stream.make(delta("Hel")), Stream.fail(busy))).pipe(
            ChatService.withFallback(other)
          )
        )
      )
      assert.strictEqual(error._tag, "StreamInterruptedError")
      assert.strictEqual(error.cause, busy)
      assert.deepStrictEqual(events, [delta("Hel")])
    }))

  it.effect("case 72: holds events without content, so that another service takes over unseen", () =>
    Effect.gen(function*() {
      const opening = [delta(""), { type: "reasoning-delta" as const, index: 1, delta: "" }]
      const broken = custom(() => Stream.concat(Stream.fromIterable(opening), Stream.fail(busy)))
      const events = yield* Stream.runCollect(ChatService.stream("Hi")).pipe(
        Effect.provide(ChatService.withFallback(broken, custom(() => Stream.make(delta(""), delta("other"), finish))))
      )
      assert.deepStrictEqual(events.slice(0, 2), [delta(""), delta("other")])
      assert.lengthOf(events, 3)
      const [end] = events.slice(-1)
      assert.strictEqual(end?.type === "finish" ? end.fallback?.length : 0, 1)
    }))

  it.effect("case 72: holds no more events without content than a bound", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(Stream.take(ChatService.stream("Hi"), 65)).pipe(
        Effect.provide(custom(() => Stream.concat(Stream.range(1, 65).pipe(Stream.map(() => delta(""))), Stream.never)))
      )
      assert.lengthOf(events, 65)
    }))

  it.effect("fails with the errors of the request", () =>
    Effect.gen(function*() {
      const services = yield* stage(2)
      services.fails[0] = errors.InvalidRequestError
      const error = yield* Effect.flip(Stream.runDrain(services.chat.stream({ messages: "Hi" })))
      assert.strictEqual(error, errors.InvalidRequestError)
      assert.deepStrictEqual(services.asked, [0])
    }))

  it.effect("waits for the first event by the policy of the service", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.never, timeouts: { firstEvent: "10 seconds" } })
      const slow = custom(() => Stream.never).pipe(ChatService.withPolicy(policy))
      const fiber = yield* ChatService.text("unused").pipe(
        Effect.andThen(ChatEvent.collect(ChatService.stream("Hi"))),
        Effect.provide(slow.pipe(ChatService.withFallback(TestChat.layer(["a", "b"])))),
        Effect.forkChild
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).text, "b")
    }))

  it.effect("closes a failed stream before the next starts, and the one that answers when reading stops", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      // a service that `make` did not build closes nothing by itself
      const noting = (name: string, stream: Stream.Stream<ChatEvent.ChatEvent, typeof busy>) =>
        Layer.succeed(ChatService.ChatService, {
          generate: () => Effect.fail(busy),
          stream: () =>
            Stream.unwrap(Effect.as(
              Effect.acquireRelease(
                Effect.sync(() => log.push(`open ${name}`)),
                () => Effect.sync(() => log.push(`close ${name}`))
              ),
              stream
            ))
        })
      yield* ChatService.stream("Hi").pipe(
        Stream.take(1),
        Stream.runForEach((event) => Effect.sync(() => log.push(event.type))),
        Effect.provide(
          noting("a", Stream.fail(busy)).pipe(
            ChatService.withFallback(noting("b", Stream.make(delta("Hi"), finish).pipe(Stream.rechunk(1))))
          )
        )
      )
      assert.deepStrictEqual(log, ["open a", "close a", "open b", "text-delta", "close b"])
    }))

  it.effect("interrupts the service in use", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const hanging = custom(() =>
        Stream.never.pipe(
          Stream.onStart(Effect.sync(() => log.push("begun"))),
          Stream.ensuring(Effect.sync(() => log.push("closed")))
        )
      )
      const fiber = yield* Stream.runDrain(ChatService.stream("Hi")).pipe(
        Effect.provide(custom(() => Stream.fail(busy)).pipe(ChatService.withFallback(hanging))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["begun", "closed"])
    }))
})
