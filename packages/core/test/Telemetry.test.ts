import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { delta, errors, finish, response, settled, target, watched } from "./ChatFixture.ts"

const request: ChatRequest.ChatRequest = {
  messages: [Message.system("secret-instructions"), Message.user("secret-question")],
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9
}

const identity = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "test.provider",
  "gen_ai.request.model": "test-model"
}

/** A service whose answers take their time: 3 seconds to begin, 2 more to end. */
const service = (overrides?: Partial<ChatService.Provider>) =>
  ChatService.make({
    provider: "test.provider",
    defaultModel: "test-model",
    policy: Policy.make({ retry: Retry.never }),
    generate: () => Effect.delay(Effect.succeed(response("secret-answer")), "5 seconds"),
    stream: () =>
      Stream.fromEffect(Effect.delay(Effect.succeed(delta("secret-")), "3 seconds")).pipe(
        Stream.concat(Stream.fromEffect(Effect.delay(Effect.succeed(delta("answer")), "2 seconds"))),
        Stream.concat(Stream.make(finish))
      ),
    ...overrides
  })

/** The two ways to ask, each read to its end. */
const ways: ReadonlyArray<
  readonly [
    string,
    (service: ChatService.ChatService["Service"]) => Effect.Effect<unknown, ChatService.ChatStreamError>
  ]
> = [
  ["generate", (service) => service.generate(request)],
  ["stream", (service) => ChatEvent.collect(service.stream(request))]
]

const failing = (error: ChatService.ChatError) =>
  service({ generate: () => Effect.fail(error), stream: () => Stream.fail(error) })

const duration = (attributes: Record<string, string>) =>
  Metric.value(Metric.withAttributes(Telemetry.operationDuration, { ...identity, ...attributes }))

describe("Telemetry of a chat", () => {
  it.effect.each(ways)(
    "numbers the attempts of %s on its span, and says how they ended",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          const policy = Policy.make({ retry: Schedule.recurs(1) })
          const fails = Effect.delay(Effect.fail(errors.ConnectionError), "2 seconds")
          const chat = yield* service({ policy, generate: () => fails, stream: () => Stream.fromEffect(fails) })
          yield* settled(Effect.exit(ask(chat)))
          const attempts = spans[0]?.events.filter(([name]) => name === "strata.attempt")
          assert.deepStrictEqual(
            attempts?.map(([, , attributes]) => attributes),
            [1, 2].map((number) => ({
              "strata.attempt.number": number,
              "strata.attempt.duration": 2,
              "error.type": "ConnectionError"
            }))
          )
        })
      )
  )

  it.effect.each(ways)(
    "is one span of %s, with the names of the conventions",
    ([way, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          yield* settled(Effect.withSpan(ask(yield* service()), "parent"))
          assert.deepStrictEqual(spans.map(({ name }) => name), ["parent", "chat test-model"])
          const span = spans[1]!
          assert.strictEqual(span.kind, "client")
          assert.strictEqual(Option.getOrUndefined(span.parent)?.spanId, spans[0]?.spanId)
          assert.deepStrictEqual(Object.fromEntries(span.attributes), {
            ...identity,
            ...(way === "stream"
              ? { "gen_ai.request.stream": true, "gen_ai.response.time_to_first_chunk": 3 }
              : {}),
            "gen_ai.request.max_tokens": 100,
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.top_p": 0.9,
            "gen_ai.response.model": "test-model",
            "gen_ai.response.id": "request-1",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 15,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 3,
            "gen_ai.usage.cache_creation.input_tokens": 2
          })
          assert.strictEqual(span.status._tag, "Ended")
          assert.isTrue(span.status._tag === "Ended" && span.status.exit._tag === "Success")
          assert.strictEqual(span.status._tag === "Ended" && span.status.endTime - span.startTime, 5_000_000_000n)
        })
      )
  )

  it.effect("has the format and the effort a request asks for", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const made = yield* service()
        const responseFormat = { type: "json", schema: {} } as const
        yield* settled(made.generate({ ...request, responseFormat, reasoning: { effort: "low" } }))
        yield* settled(made.generate({ ...request, reasoning: false }))
        assert.strictEqual(spans[0]?.attributes.get("gen_ai.output.type"), "json")
        assert.strictEqual(spans[0]?.attributes.get("gen_ai.request.reasoning.level"), "low")
        assert.isFalse(spans[1]?.attributes.has("gen_ai.request.reasoning.level"))
      })
    ))

  it.effect.each(ways)(
    "makes the spans of a provider children of the span of %s",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          const inner = Effect.withSpan(Effect.succeed(finish), "http")
          const made = yield* service({
            generate: () => Effect.as(inner, response("Hi")),
            stream: () => Stream.concat(Stream.make(delta("Hi")), Stream.fromEffect(inner))
          })
          yield* settled(ask(made))
          const http = spans[1]!
          assert.strictEqual(http.name, "http")
          assert.strictEqual(Option.getOrUndefined(http.parent)?.spanId, spans[0]?.spanId)
        })
      )
  )

  it.effect.each(ways)(
    "keeps prompts and answers out of %s",
    ([, ask]) =>
      watched(({ logs, spans }) =>
        Effect.gen(function*() {
          yield* settled(ask(yield* service()))
          yield* settled(Effect.exit(ask(yield* failing(errors.InvalidRequestError))))
          const seen = JSON.stringify([
            logs,
            spans.map(({ attributes, events, name }) => [name, [...attributes], events.map(([name]) => name)])
          ])
          assert.isFalse(seen.includes("secret"))
          assert.isTrue(spans.length > 0)
        })
      )
  )

  it.effect.each(ways)(
    "records prompts and answers of %s when asked to",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          yield* Effect.provideService(settled(ask(yield* service())), Telemetry.CaptureContent, true)
          const read = (attribute: string) => JSON.parse(String(spans[0]?.attributes.get(attribute)))
          assert.deepStrictEqual(read("gen_ai.input.messages"), request.messages)
          assert.deepStrictEqual(read("gen_ai.output.messages"), [response("secret-answer").message])
        })
      )
  )

  it.effect.each(ways)(
    "does not fail %s for content that cannot be encoded",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          const odd = ChatEvent.fromResponse(response("Hi"))
          const made = yield* service({
            generate: () => Effect.succeed(response("Hi")),
            stream: () => Stream.fromIterable(odd)
          })
          const asked: ChatService.ChatService["Service"] = {
            generate: (request) => made.generate({ ...request, messages: unwritable }),
            stream: (request) => made.stream({ ...request, messages: unwritable })
          }
          yield* Effect.provideService(settled(ask(asked)), Telemetry.CaptureContent, true)
          assert.isFalse(spans[0]?.attributes.has("gen_ai.input.messages"))
          assert.isTrue(spans[0]?.attributes.has("gen_ai.output.messages"))
        })
      )
  )

  it.effect.each(ways)(
    "measures how long %s took, and what it cost",
    ([way, ask]) =>
      watched(() =>
        Effect.gen(function*() {
          yield* settled(ask(yield* service()))
          assert.deepInclude(yield* duration({}), { count: 1, sum: 5 })
          const tokens = (type: string) =>
            Metric.value(Metric.withAttributes(Telemetry.tokenUsage, { ...identity, "gen_ai.token.type": type }))
          assert.deepInclude(yield* tokens("input"), { count: 1, sum: 15 })
          assert.deepInclude(yield* tokens("output"), { count: 1, sum: 7 })
          const first = yield* Metric.value(Metric.withAttributes(Telemetry.timeToFirstEvent, identity))
          assert.deepInclude(first, way === "stream" ? { count: 1, sum: 3 } : { count: 0 })
        })
      )
  )

  it.effect.each(ways)(
    "counts retries and their pauses in the time of %s",
    ([way, ask]) =>
      watched(() =>
        Effect.gen(function*() {
          let attempts = 0
          const flaky = (error: ChatService.ChatError) =>
            Effect.suspend(() => ++attempts < 3 ? Effect.fail(error) : Effect.void)
          yield* settled(ask(
            yield* service({
              policy: Policy.make({ retry: Schedule.spaced("2 seconds") }),
              generate: () => Effect.as(flaky(errors.RateLimitError), response("Hi")),
              stream: () => Stream.fromEffect(Effect.as(flaky(errors.RateLimitError), finish))
            })
          ))
          assert.deepInclude(yield* duration({}), { count: 1, sum: 4 })
          const sent = yield* Metric.value(Metric.withAttributes(Telemetry.attempts, identity))
          assert.strictEqual(sent.count, 3)
          const first = yield* Metric.value(Metric.withAttributes(Telemetry.timeToFirstEvent, identity))
          assert.deepInclude(first, way === "stream" ? { count: 1, sum: 4 } : { count: 0 })
        })
      )
  )

  it.effect.each(ways)("records the error of %s", ([, ask]) =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const unavailable = Effect.fail(errors.ModelUnavailableError)
        const failing = service({
          generate: () => unavailable,
          stream: () => Stream.fromEffect(unavailable),
          metering: { scope: (model) => `home of ${model}` }
        })
        yield* settled(Effect.flip(ask(yield* failing)))
        assert.strictEqual(spans[0]?.attributes.get("error.type"), "ModelUnavailableError")
        assert.strictEqual(spans[0]?.attributes.get("strata.scope"), "home of test-model")
        assert.strictEqual(spans[0]?.attributes.get("error.message"), "it went wrong")
        assert.strictEqual(spans[0]?.attributes.get("strata.error.exception"), "SomeException")
        assert.strictEqual(spans[0]?.attributes.get("strata.error.request_id"), "request-1")
        assert.strictEqual(spans[0]?.attributes.get("server.address"), "example.com")
        assert.strictEqual(spans[0]?.attributes.get("server.port"), 8443)
        assert.isTrue(spans[0]?.status._tag === "Ended" && spans[0].status.exit._tag === "Failure")
        const server = { "server.address": "example.com", "server.port": "8443" }
        assert.deepInclude(yield* duration({ "error.type": "ModelUnavailableError", ...server }), { count: 1 })
        assert.deepInclude(yield* duration({}), { count: 0 })
      })
    ))

  it.effect("records a stream that fails half-way", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const made = yield* service({
          stream: () => Stream.concat(Stream.make(delta("Hi")), Stream.fail(errors.ConnectionError))
        })
        yield* settled(Effect.flip(Stream.runDrain(made.stream(request))))
        assert.strictEqual(spans[0]?.attributes.get("error.type"), "StreamInterruptedError")
      })
    ))

  it.effect.each(ways)(
    "records %s as interrupted when its caller is",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(ask(yield* service()))
          yield* TestClock.adjust("4 seconds")
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(spans[0]?.status._tag, "Ended")
          assert.strictEqual(spans[0]?.attributes.get("error.type"), "interrupted")
          assert.deepInclude(yield* duration({ "error.type": "interrupted" }), { count: 1, sum: 4 })
        })
      )
  )

  it.effect.each(ways)("records a defect of %s", ([, ask]) =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        yield* settled(Effect.exit(ask(
          yield* service({ generate: () => Effect.die("bug"), stream: () => Stream.die("bug") })
        )))
        assert.strictEqual(spans[0]?.attributes.get("error.type"), "defect")
      })
    ))

  it.effect("records no error for a stream that its consumer leaves early", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const made = yield* service()
        yield* settled(Stream.runDrain(Stream.take(made.stream(request), 1)))
        assert.strictEqual(spans[0]?.status._tag, "Ended")
        assert.isFalse(spans[0]?.attributes.has("error.type"))
        assert.deepInclude(yield* duration({}), { count: 1, sum: 3 })
      })
    ))

  it.effect("records nothing for a request that was refused", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        yield* Effect.flip((yield* service()).generate({ messages: "" }))
        assert.deepStrictEqual(spans, [])
      })
    ))
})

const unwritable = [Message.user([{ type: "provider", provider: "test", value: 10n }])]

describe("Telemetry", () => {
  it("omits unknown attributes of a span", () => {
    const { name, options } = Telemetry.span(target, {
      "gen_ai.request.top_p": undefined,
      "gen_ai.request.max_tokens": 0
    })
    assert.strictEqual(name, "chat test-model")
    assert.deepStrictEqual(options, {
      kind: "client",
      captureStackTrace: false,
      attributes: { ...identity, "gen_ai.request.max_tokens": 0 }
    })
  })

  it("labels at most a thousand models of a provider in metrics, and all in spans", () => {
    const many = { ...target, provider: "many" }
    const named = (model: string) => Telemetry.attributes({ ...many, model })["gen_ai.request.model"]
    const labels = new Set(Array.from({ length: 3000 }, (_, index) => named(`m${index}`)))
    assert.strictEqual(labels.size, 1001)
    assert.deepStrictEqual([named("m0"), named("m2999")], ["m0", "_OTHER"])
    const { name, options } = Telemetry.span({ ...many, model: "m2999" }, {})
    assert.deepStrictEqual([name, options.attributes["gen_ai.request.model"]], ["chat m2999", "m2999"])
    assert.strictEqual(Telemetry.attributes({ ...target, model: "m2999" })["gen_ai.request.model"], "m2999")
  })

  it.effect("counts no tokens that the provider did not count", () =>
    watched(() =>
      Effect.gen(function*() {
        yield* Telemetry.recordTokens(target, "input", undefined)
        const counted = yield* Metric.value(
          Metric.withAttributes(Telemetry.tokenUsage, { ...identity, "gen_ai.token.type": "input" })
        )
        assert.strictEqual(counted.count, 0)
      })
    ))
})
