import { assert, describe, it } from "@effect/vitest"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator, type Fault } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import type * as Transport from "../src/Transport.ts"
import * as Watch from "./matrix/Watch.ts"

const model = "amazon.nova-lite-v1:0"
const story = "Once upon a time there was a fox who wanted some grapes"

const transports: ReadonlyArray<{ readonly protocol: string; readonly transport: Transport.Options | undefined }> = [
  { protocol: "HTTP/1.1", transport: undefined },
  { protocol: "HTTP/2", transport: { http2: true } }
]

/** A Bedrock on this machine that answers by the script, and a client of it. */
const bedrock = (script: TestChat.Script, transport?: Transport.Options) =>
  Layer.effect(
    BedrockClient.BedrockClient,
    Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make({ ...client, transport }))
  ).pipe(
    Layer.provideMerge(Emulator.layer()),
    Layer.provideMerge(Layer.merge(TestChat.layer(script), TestEmbedding.layer()))
  )

const once = BedrockChat.make({ model, policy: Policy.none })
const request: ChatRequest.ChatRequest = { messages: "Tell me a story", maxTokens: 100 }

const inject = (fault: Fault.Fault) => Effect.flatMap(Emulator.Emulator, (emulator) => emulator.inject(fault))

/** What the server says, once it is this: what a client does takes a moment to arrive. */
const seen = (
  what: string,
  holds: (statistics: Effect.Success<Emulator.Emulator["Service"]["statistics"]>) => boolean
) => Effect.flatMap(Emulator.Emulator, ({ statistics }) => Watch.eventually(what, statistics, holds))

const aborted = seen("aborted", ({ aborted, inFlight }) => aborted === 1 && inFlight === 0)

describe.each(transports)("BedrockChat over $protocol", ({ transport }) => {
  it.live("returns the model's text and usage", () =>
    Effect.gen(function*() {
      const chat = yield* once
      const response = yield* chat.generate({
        ...request,
        messages: [Message.system("Be brief."), Message.user("Tell me a story")]
      })
      assert.strictEqual(response.text, story)
      assert.strictEqual(response.finishReason, "stop")
      assert.strictEqual(response.model, model)
      assert.isAbove(response.usage.inputTokens, 0)
      assert.isAbove(response.usage.outputTokens, 0)
      assert.isString(response.requestId)
      assert.isNumber(response.providerMetadata.bedrock?.latencyMs)
      const asked = yield* Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)
      assert.deepStrictEqual(asked[0]?.messages.map(Message.textOf), ["Be brief.", "Tell me a story"])
    }).pipe(Effect.provide(bedrock([story], transport))))

  it.live("streams it piece by piece, to exactly one finish", () =>
    Effect.gen(function*() {
      const chat = yield* once
      const events = Array.from(yield* Stream.runCollect(chat.stream(request)))
      const text = events.filter((event) => event.type === "text-delta").map((event) => event.delta)
      assert.strictEqual(text.join(""), story)
      assert.isAbove(text.length, 5)
      assert.deepStrictEqual(events.filter((event) => event.type === "finish").length, 1)
      const finish = events.at(-1)
      assert(finish?.type === "finish")
      assert.isAbove(finish.usage.totalTokens, 0)
      assert.isString(finish.requestId)
    }).pipe(Effect.provide(bedrock([story], transport))))

  it.live("closes the HTTP stream of a call that is interrupted", () =>
    Effect.gen(function*() {
      const chat = yield* once
      const fiber = yield* Effect.forkChild(chat.generate(request))
      yield* seen("in flight", ({ inFlight }) => inFlight === 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* aborted).completed, 0)
    }).pipe(Effect.provide(bedrock(() => ({ content: story, delay: "1 minute" }), transport))))

  it.live("closes the HTTP stream when the reader has had enough", () =>
    Effect.gen(function*() {
      const chat = yield* once
      yield* inject({ type: "stall", afterEvents: 4 })
      const events = yield* Stream.runCollect(Stream.take(chat.stream(request), 2))
      assert.strictEqual(events.length, 2)
      yield* aborted
    }).pipe(Effect.provide(bedrock([story], transport))))

  const cases: ReadonlyArray<readonly [Fault.Fault, ProviderError.CallError["_tag"]]> = [
    [{ type: "throttle" }, "RateLimitError"],
    [{ type: "exception", exception: "ServiceUnavailableException" }, "ModelUnavailableError"],
    [{ type: "exception", exception: "InternalServerException" }, "ProviderInternalError"],
    [{ type: "exception", exception: "ModelTimeoutException" }, "TimeoutError"],
    [{ type: "exception", exception: "AccessDeniedException" }, "PermissionDeniedError"],
    [{ type: "reset" }, "ConnectionError"],
    [{ type: "garbage", contentType: "application/json" }, "MalformedResponseError"],
    [{ type: "emptyBody" }, "MalformedResponseError"]
  ]

  it.live.each(cases)("gives a typed error for %o: %s", ([fault, tag]) =>
    Effect.gen(function*() {
      const chat = yield* once
      yield* inject(fault)
      const error = yield* Effect.flip(chat.generate(request))
      assert.strictEqual(error._tag, tag, error.message)
      assert.notInclude(JSON.stringify(error), "Tell me a story")
      assert.strictEqual((yield* chat.generate(request)).text, story, "the next call succeeds")
    }).pipe(Effect.provide(bedrock(() => story, transport))))

  it.live.each([{ framed: true }, { framed: false }])(
    "gives a typed error for half an answer, %o",
    ({ framed }) =>
      Effect.gen(function*() {
        const chat = yield* once
        yield* inject({ type: "half", framed })
        const error = yield* Effect.flip(chat.generate(request))
        assert.include(["MalformedResponseError", "ConnectionError"], error._tag)
      }).pipe(Effect.provide(bedrock(() => story, transport)))
  )

  const broken: ReadonlyArray<readonly [Fault.Fault, ProviderError.CallError["_tag"]]> = [
    [{ type: "truncateStream", afterEvents: 4 }, "ConnectionError"],
    [{ type: "reset", afterBytes: 600 }, "ConnectionError"],
    [{ type: "streamException", exception: "ThrottlingException", afterEvents: 4 }, "RateLimitError"],
    [{ type: "streamException", exception: "ModelStreamErrorException", afterEvents: 4 }, "ProviderInternalError"],
    [{ type: "streamException", exception: "ValidationException", afterEvents: 4 }, "InvalidRequestError"],
    [{ type: "errorFrame", afterEvents: 4 }, "ProviderInternalError"],
    [{ type: "corruptFrame", afterEvents: 4 }, "MalformedResponseError"]
  ]

  it.live.each(broken)("tells how far a stream came before %o: %s", ([fault, tag]) =>
    Effect.gen(function*() {
      const chat = yield* once
      yield* inject(fault)
      const events: Array<ChatEvent.ChatEvent> = []
      const error = yield* chat.stream(request).pipe(
        Stream.runForEach((event) => Effect.sync(() => events.push(event))),
        Effect.flip
      )
      assert(error._tag === "StreamInterruptedError", `${error._tag}: ${error.message}`)
      assert.strictEqual(error.delivered, events.length)
      assert.strictEqual((error.cause as ProviderError.CallError)._tag, tag, error.message)
      assert.isTrue(events.every((event) => event.type !== "finish"))
    }).pipe(Effect.provide(bedrock(() => story, transport))))
})

describe("BedrockChat over keep-alive connections", () => {
  it.live("streams again and again over the same one", () =>
    Effect.gen(function*() {
      const chat = yield* once
      yield* Effect.repeat(Stream.runDrain(chat.stream(request)), { times: 4 })
      yield* chat.generate(request)
      const seen = yield* Effect.flatMap(Emulator.Emulator, ({ statistics }) => statistics)
      assert.strictEqual(seen.requests, 6)
      assert.strictEqual(seen.connections, 1)
      assert.strictEqual(seen.aborted, 0)
    }).pipe(Effect.provide(bedrock(() => story))))
})

describe("BedrockChat with the standard policy", () => {
  it.live("answers although the service refuses, resets and fails first", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model })
      yield* inject({ type: "reset" })
      yield* inject({ type: "exception", exception: "InternalServerException" })
      yield* inject({ type: "truncateStream", afterEvents: 0 })
      const text = yield* chat.stream(request).pipe(
        Stream.filter((event) => event.type === "text-delta"),
        Stream.runFold(() => "", (text, { delta }) => text + delta)
      )
      assert.strictEqual(text, story)
      const { requests } = yield* Effect.flatMap(Emulator.Emulator, ({ statistics }) => statistics)
      assert.strictEqual(requests, 4)
    }).pipe(Effect.provide(bedrock(() => story))))

  it.live("refuses invalid requests before sending", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make()
      const errors = yield* Effect.all([
        Effect.flip(chat.generate({ messages: "Hello" })),
        Effect.flip(chat.generate({ model, messages: [] })),
        Effect.flip(chat.generate({ model, messages: "Hello", temperature: 1.5 })),
        Effect.flip(Stream.runDrain(chat.stream({ model, messages: " " })))
      ])
      assert.deepStrictEqual(errors.map((error) => error._tag === "InvalidRequestError" ? error.field : error._tag), [
        "model",
        "messages",
        "temperature",
        "messages[0].content"
      ])
      const { requests } = yield* Effect.flatMap(Emulator.Emulator, ({ statistics }) => statistics)
      assert.strictEqual(requests, 0)
    }).pipe(Effect.provide(bedrock([]))))

  it.live("makes a single attempt: the SDK does not retry", () =>
    Effect.gen(function*() {
      const chat = yield* once
      yield* inject({ type: "throttle", times: 10 })
      yield* Effect.flip(chat.generate(request))
      const { requests } = yield* Effect.flatMap(Emulator.Emulator, ({ statistics }) => statistics)
      assert.strictEqual(requests, 1)
    }).pipe(Effect.provide(bedrock(() => story))))
})
