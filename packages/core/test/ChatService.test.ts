import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { delta, errors, failure, finish, response, settled, timed } from "./ChatFixture.ts"

/** A provider that answers with its text, piece by piece, and remembers what it was asked. */
const provider = (overrides?: Partial<ChatService.Provider>) => {
  const asked: Array<ChatRequest.Resolved> = []
  const made: ChatService.Provider = {
    provider: "test.provider",
    defaultModel: "test-model",
    generate: () => Effect.succeed(response("Hello there")),
    stream: () => Stream.make(delta("Hello"), delta(" there"), finish),
    ...overrides
  }
  const remember = <A>(answer: (request: ChatRequest.Resolved) => A) => (request: ChatRequest.Resolved) => {
    asked.push(request)
    return answer(request)
  }
  const remembering = { ...made, generate: remember(made.generate), stream: remember(made.stream) }
  return { asked, layer: Layer.effect(ChatService.ChatService, ChatService.make(remembering)) }
}

describe("ChatService", () => {
  const inputs: ReadonlyArray<readonly [string, ChatRequest.Input]> = [
    ["a string", "Hi"],
    ["messages", [Message.user("Hi")]],
    ["a request", { messages: [Message.user("Hi")] }],
    ["a request with a string", { messages: "Hi" }]
  ]

  it.effect.each(inputs)("accepts %s", ([, input]) =>
    Effect.gen(function*() {
      const { asked, layer } = provider()
      yield* Effect.provide(
        Effect.all([ChatService.generate(input), Stream.runDrain(ChatService.stream(input))]),
        layer
      )
      const resolved = { model: "test-model", messages: [{ role: "user" as const, content: "Hi" }] }
      assert.deepStrictEqual(asked, [resolved, resolved])
    }))

  it.effect("uses the model of the request instead of the default", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider()
      yield* Effect.provide(ChatService.generate({ model: "another", messages: "Hi" }), layer)
      assert.strictEqual(asked[0]?.model, "another")
    }))

  it.effect("passes every option on", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider()
      const request: ChatRequest.ChatRequest = {
        messages: "Hi",
        maxTokens: 100,
        temperature: 0,
        topP: 1,
        stopSequences: ["\n"],
        tools: [{ name: "now", inputSchema: { type: "object" } }],
        toolChoice: { name: "now" },
        providerOptions: { test: { deep: true } }
      }
      yield* Effect.provide(ChatService.generate(request), layer)
      assert.deepStrictEqual(asked, [{ ...request, model: "test-model", messages: [Message.user("Hi")] }])
    }))

  it.effect("returns the whole answer, its text, its events, and the text of its events", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ChatService.generate("Hi"), response("Hello there"))
      assert.strictEqual(yield* ChatService.text("Hi"), "Hello there")
      assert.deepStrictEqual(
        yield* Stream.runCollect(ChatService.stream("Hi")),
        [delta("Hello"), delta(" there"), finish]
      )
      assert.deepStrictEqual(yield* Stream.runCollect(ChatService.textStream("Hi")), ["Hello", " there"])
    }).pipe(Effect.provide(provider().layer)))

  it.effect("includes only text in the text", () =>
    Effect.gen(function*() {
      const { layer } = provider({
        stream: () =>
          Stream.make<ReadonlyArray<ChatEvent.ChatEvent>>(
            { type: "reasoning-delta", index: 0, delta: "Hm" },
            delta("Yes", 1),
            { type: "tool-call", index: 2, id: "1", name: "now", params: {} },
            finish
          )
      })
      const text = yield* Effect.provide(Stream.runCollect(ChatService.textStream("Hi")), layer)
      assert.deepStrictEqual(text, ["Yes"])
    }))
})

describe("ChatService.make, checking a request", () => {
  const hi = [Message.user("Hi")]
  const tool = { name: "now", inputSchema: { type: "object" } }
  const refused: ReadonlyArray<readonly [string, string, ChatRequest.Input]> = [
    ["an empty model", "model", { model: " ", messages: hi }],
    ["no messages", "messages", []],
    ["only a system message", "messages", [Message.system("Be brief")]],
    ["an empty string", "messages[0].content", ""],
    ["a blank message", "messages[1].content", [Message.user("Hi"), Message.user(" \n")]],
    ["a message without parts", "messages[0].content", [Message.user([])]],
    ["maxTokens 0", "maxTokens", { messages: hi, maxTokens: 0 }],
    ["maxTokens -1", "maxTokens", { messages: hi, maxTokens: -1 }],
    ["maxTokens NaN", "maxTokens", { messages: hi, maxTokens: Number.NaN }],
    ["maxTokens 1.5", "maxTokens", { messages: hi, maxTokens: 1.5 }],
    ["maxTokens Infinity", "maxTokens", { messages: hi, maxTokens: Infinity }],
    ["temperature NaN", "temperature", { messages: hi, temperature: Number.NaN }],
    ["temperature -0.1", "temperature", { messages: hi, temperature: -0.1 }],
    ["temperature 2.1", "temperature", { messages: hi, temperature: 2.1 }],
    ["topP NaN", "topP", { messages: hi, topP: Number.NaN }],
    ["topP 1.1", "topP", { messages: hi, topP: 1.1 }],
    ["an empty stop sequence", "stopSequences[1]", { messages: hi, stopSequences: ["\n", ""] }],
    ["two tools of one name", "tools[1].name", { messages: hi, tools: [tool, tool] }],
    ["a choice without tools", "toolChoice", { messages: hi, toolChoice: "any" }],
    ["a choice of a tool that is not there", "toolChoice", {
      messages: hi,
      tools: [tool],
      toolChoice: { name: "then" }
    }]
  ]

  it.effect("accepts an empty assistant message", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider()
      const messages = [Message.user("Hi"), Message.assistant([]), Message.user("Hello?")]
      yield* Effect.provide(ChatService.generate(messages), layer)
      assert.deepStrictEqual(asked[0]?.messages, messages)
    }))

  it.effect.each(refused)("refuses %s, and sends nothing", ([, field, input]) =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ policy: Policy.make({ retry: Schedule.recurs(3) }) })
      const service = yield* Effect.provide(ChatService.ChatService, layer)
      const found = yield* Effect.all([
        Effect.flip(ChatService.generate(input)),
        Effect.flip(Stream.runDrain(ChatService.stream(input)))
      ]).pipe(Effect.provideService(ChatService.ChatService, service))
      for (const error of found) {
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.strictEqual(error.provider, "test.provider")
        assert.isTrue(error.message.startsWith(`${field}: `))
        assert.isTrue(error.message.includes(error.remedy ?? "no remedy"))
      }
      assert.deepStrictEqual(asked, [])
    }))

  it.effect("refuses a request without a model when there is no default", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ defaultModel: undefined })
      const error = yield* Effect.flip(Effect.provide(ChatService.generate("Hi"), layer))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "model" })
      assert.deepStrictEqual(asked, [])
    }))

  it.effect("accepts unusual but valid requests", () =>
    Effect.gen(function*() {
      const { layer } = provider()
      const unusual: ReadonlyArray<ChatRequest.Input> = [
        { messages: hi, maxTokens: 1, temperature: 2, topP: 0 },
        { messages: hi, tools: [], toolChoice: "none", stopSequences: [" "] },
        [Message.tool([{ type: "tool-result", id: "1", result: null }])],
        [Message.user([{ type: "image", mediaType: "image/png", source: { bytes: new Uint8Array() } }])]
      ]
      for (const input of unusual) yield* Effect.provide(ChatService.generate(input), layer)
    }))
})

describe("ChatService.make, completing a stream", () => {
  const policy = Policy.make({ retry: Schedule.recurs(2) })
  const collected = (layer: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError>) =>
    Stream.runCollect(ChatService.stream("Hi")).pipe(Effect.provide(layer))

  it.effect("retries a stream that ends without events", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ policy, stream: () => Stream.empty })
      const error = yield* failure(collected(layer))
      assert.deepInclude(error, { _tag: "ConnectionError", provider: "test.provider", model: "test-model" })
      assert.strictEqual(asked.length, 3)
    }))

  it.effect("fails with StreamInterruptedError when it ends half-way", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ policy, stream: () => Stream.make(delta("Hel"), delta("lo")) })
      const error = yield* failure(collected(layer))
      assert.instanceOf(error, ProviderError.StreamInterruptedError)
      assert.strictEqual(error.delivered, 2)
      assert.instanceOf(error.cause, ProviderError.ConnectionError)
      assert.strictEqual(asked.length, 1)
    }))

  it.effect("drops what follows finish, in its chunk and after it", () =>
    Effect.gen(function*() {
      const streams = [
        Stream.make(delta("Hi"), finish, delta("more"), finish),
        Stream.rechunk(Stream.make(delta("Hi"), finish, delta("more"), finish), 1),
        Stream.concat(Stream.make(delta("Hi"), finish), Stream.fail(errors.ConnectionError)),
        Stream.concat(Stream.make(delta("Hi"), finish), Stream.never)
      ]
      for (const stream of streams) {
        const { layer } = provider({ policy, stream: () => stream })
        assert.deepStrictEqual(yield* settled(collected(layer)), [delta("Hi"), finish])
      }
    }))

  it.effect("reads the rest after finish, so that the connection can be reused", () =>
    Effect.gen(function*() {
      let read = 0
      const more = Stream.fromEffect(Effect.sync(() => {
        read++
        return delta("more")
      }))
      const { layer } = provider({ stream: () => Stream.make(finish).pipe(Stream.concat(more), Stream.concat(more)) })
      yield* Effect.provide(Stream.runDrain(ChatService.stream("Hi")), layer)
      assert.strictEqual(read, 2)
    }))

  it.effect("closes the provider's stream after finish", () =>
    Effect.gen(function*() {
      let closed = 0
      const endless = Stream.concat(Stream.make(finish), Stream.never)
      const { layer } = provider({ stream: () => Stream.ensuring(endless, Effect.sync(() => closed++)) })
      yield* settled(collected(layer))
      assert.strictEqual(closed, 1)
    }))

  it.effect("collects to the response of generate", () =>
    Effect.gen(function*() {
      const service = yield* ChatService.ChatService
      const whole = yield* service.generate({ messages: "Hi" })
      assert.deepStrictEqual(yield* ChatEvent.collect(service.stream({ messages: "Hi" })), whole)
    }).pipe(Effect.provide(provider().layer)))
})

describe("ChatService.make, with its policy", () => {
  it.effect("makes each attempt a new call of the provider", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({
        policy: Policy.make({ retry: Schedule.recurs(2) }),
        generate: () => Effect.fail(errors.ConnectionError),
        stream: () => Stream.fail(errors.ConnectionError)
      })
      const generated = Effect.flip(ChatService.generate("Hi"))
      const streamed = Effect.flip(Stream.runDrain(ChatService.stream("Hi")))
      const found = yield* settled(Effect.provide(Effect.all([generated, streamed]), layer))
      assert.deepStrictEqual(found, [errors.ConnectionError, errors.ConnectionError])
      assert.strictEqual(asked.length, 6)
    }))

  it.effect("has the standard policy when none is given", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ generate: () => Effect.fail(errors.ConnectionError) })
      yield* failure(Effect.provide(ChatService.generate("Hi"), layer))
      assert.strictEqual(asked.length, 1 + 8)
    }))

  it.effect("shares its permits between generate and stream", () =>
    Effect.gen(function*() {
      const { layer } = provider({
        policy: Policy.make({ concurrency: 1 }),
        generate: () => Effect.delay(Effect.succeed(response("Hi")), "5 seconds"),
        stream: () => Stream.fromEffect(Effect.delay(Effect.succeed(finish), "5 seconds"))
      })
      const both = Effect.all([ChatService.generate("Hi"), Stream.runDrain(ChatService.stream("Hi"))], {
        concurrency: 2
      })
      const { millis } = yield* timed(Effect.provide(both, layer))
      assert.strictEqual(millis, 10_000)
    }))

  it.effect("interrupts the provider with its caller", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { layer } = provider({
        policy: Policy.make({ concurrency: 1 }),
        generate: () => hanging,
        stream: () => Stream.concat(Stream.make(delta("Hi")), Stream.fromEffect(hanging))
      })
      const calls = [ChatService.generate("Hi"), Stream.runDrain(ChatService.stream("Hi"))]
      const service = yield* Effect.provide(ChatService.ChatService, layer)
      for (const call of calls) {
        const fiber = yield* Effect.forkChild(Effect.provideService(call, ChatService.ChatService, service))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(interrupted, 2)
    }))
})

describe("ChatService.withPolicy", () => {
  const twice = Policy.make({ retry: Schedule.recurs(1) })
  const failing = () => ({
    generate: () => Effect.fail(errors.ConnectionError),
    stream: () => Stream.fail(errors.ConnectionError)
  })

  it.effect("replaces the policy of a made service, however often", () =>
    Effect.gen(function*() {
      const { asked, layer } = provider({ ...failing(), policy: Policy.make({ retry: Schedule.recurs(4) }) })
      const replaced = layer.pipe(ChatService.withPolicy(Policy.standard), ChatService.withPolicy(twice))
      yield* failure(Effect.provide(ChatService.generate("Hi"), replaced))
      yield* failure(Effect.provide(Stream.runDrain(ChatService.stream("Hi")), replaced))
      assert.strictEqual(asked.length, 2 + 2)
    }))

  it.effect("keeps the provider and its model", () =>
    Effect.gen(function*() {
      const layer = ChatService.withPolicy(provider(failing()).layer, Policy.make({ retry: Retry.never }))
      const error = yield* failure(Effect.provide(ChatService.generate(""), layer))
      assert.deepInclude(error, { provider: "test.provider", model: "test-model" })
    }))

  it.effect("wraps a custom service, and keeps its behaviour", () =>
    Effect.gen(function*() {
      let asked = 0
      class ByHand {
        generate() {
          return Effect.suspend(() =>
            ++asked < 2 ? Effect.fail(errors.ConnectionError) : Effect.succeed(response("Hi"))
          )
        }
        stream() {
          return Stream.suspend(() => ++asked < 4 ? Stream.fail(errors.ConnectionError) : Stream.make(finish))
        }
      }
      const layer = Layer.succeed(ChatService.ChatService, new ByHand()).pipe(ChatService.withPolicy(twice))
      assert.strictEqual(yield* Effect.provide(ChatService.text("Hi"), layer), "Hi")
      assert.deepStrictEqual(yield* Effect.provide(Stream.runCollect(ChatService.stream("Hi")), layer), [finish])
      assert.strictEqual(asked, 4)
    }))

  it.effect("replaces an inner policy around a custom service", () =>
    Effect.gen(function*() {
      let asked = 0
      const generate = () => Effect.suspend(() => Effect.fail((asked++, errors.ConnectionError)))
      const layer = Layer.succeed(ChatService.ChatService, { generate, stream: failing().stream }).pipe(
        ChatService.withPolicy(Policy.standard),
        ChatService.withPolicy(twice)
      )
      yield* failure(Effect.provide(ChatService.generate("Hi"), layer))
      assert.strictEqual(asked, 2)
    }))

  it.effect("applies its timeouts to a custom service", () =>
    Effect.gen(function*() {
      const layer = Layer.succeed(ChatService.ChatService, { generate: () => Effect.never, stream: () => Stream.never })
        .pipe(ChatService.withPolicy(Policy.make({ timeouts: { deadline: "5 seconds" } })))
      const error = yield* failure(Effect.provide(ChatService.generate("Hi"), layer))
      assert.deepInclude(error, { _tag: "TimeoutError", phase: "deadline", after: Duration.seconds(5) })
    }))
})
