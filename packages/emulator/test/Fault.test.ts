import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import { Emulator } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const inject = (...faults: ReadonlyArray<Fault.Fault>) =>
  Emulator.Emulator.use((emulator) => Effect.forEach(faults, emulator.inject, { discard: true }))

const status = Effect.map(Fixture.converse(Fixture.hello), ({ status }) => status)

describe("Fault", () => {
  it.effect("strikes once unless told otherwise", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle" })
      assert.deepStrictEqual([yield* status, yield* status], [429, 200])
    }).pipe(Effect.provide(live)))

  it.effect("skips the first calls, and strikes `times` of the next", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", skip: 1, times: 2 })
      assert.deepStrictEqual([yield* status, yield* status, yield* status, yield* status], [200, 429, 429, 200])
    }).pipe(Effect.provide(live)))

  it.effect("strikes exactly `times` of concurrent requests", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", times: 7 })
      const statuses = yield* Effect.all(Array.from({ length: 30 }, () => status), { concurrency: "unbounded" })
      assert.lengthOf(statuses.filter((status) => status === 429), 7)
    }).pipe(Effect.provide(live)))

  it.effect("strikes in the order of injection, until cleared", () =>
    Effect.gen(function*() {
      yield* inject(
        { type: "exception", exception: "ServiceUnavailableException" },
        { type: "exception", exception: "InternalServerException", times: Infinity }
      )
      assert.deepStrictEqual([yield* status, yield* status, yield* status], [503, 500, 500])
      yield* Emulator.Emulator.use((emulator) => emulator.clearFaults)
      assert.strictEqual(yield* status, 200)
    }).pipe(Effect.provide(live)))

  it.effect("has the service's message by default", () =>
    Effect.gen(function*() {
      yield* inject(
        { type: "exception", exception: "ExpiredTokenException" },
        { type: "exception", exception: "ServiceUnavailableException" },
        { type: "exception", exception: "ServiceUnavailableException", message: "Not now" }
      )
      const texts = [1, 2, 3].map(() => Effect.map(Fixture.converse(Fixture.hello), ({ text }) => text))
      assert.deepStrictEqual(yield* Effect.all(texts), [
        `{"message":"The security token included in the request is expired"}`,
        `{"message":"Bedrock is unable to process your request."}`,
        `{"message":"Not now"}`
      ])
    }).pipe(Effect.provide(live)))

  it.effect("strikes only its operation and model", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", operation: "ConverseStream" }, {
        type: "throttle",
        model: "amazon.nova-pro-v1:0"
      })
      assert.strictEqual(yield* status, 200)
      const other = yield* Fixture.converse(Fixture.hello, "us.amazon.nova-pro-v1:0")
      assert.strictEqual(other.status, 429)
    }).pipe(Effect.provide(live)))

  it.effect("does not call the answering service for a discarded answer", () => {
    const asked: Array<ChatRequest.ChatRequest> = []
    return Effect.gen(function*() {
      yield* inject({ type: "throttle" }, { type: "garbage" }, { type: "emptyBody" }, { type: "reset" })
      for (const _ of [1, 2, 3, 4]) yield* Effect.ignore(status)
      assert.isEmpty(asked)
      yield* status
      assert.lengthOf(asked, 1)
    }).pipe(Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat({ asked }), Fixture.embedding()))))
  })

  it.effect("can be set when the emulator starts", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* status, 408)
    }).pipe(Effect.provide(Fixture.emulator({ faults: [{ type: "exception", exception: "ModelTimeoutException" }] }))))

  it.effect("throttles with the service's message", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle" }, { type: "throttle", unit: "tokens", retryAfter: "1500 millis" })
      const requests = yield* Fixture.converse(Fixture.hello)
      assert.strictEqual(requests.text, `{"message":"Too many requests, please wait before trying again."}`)
      assert.notProperty(requests.headers, "retry-after")
      const tokens = yield* Fixture.converse(Fixture.hello)
      assert.strictEqual(tokens.text, `{"message":"Too many tokens, please wait before trying again."}`)
      assert.strictEqual(tokens.headers["retry-after"], "1.5")
    }).pipe(Effect.provide(live)))

  it.live("delays an answer, and another fault strikes it too", () =>
    Effect.gen(function*() {
      yield* inject({ type: "latency", duration: "40 millis" }, { type: "throttle" })
      const [duration, answered] = yield* Effect.timed(status)
      assert.isAtLeast(Duration.toMillis(duration), 39)
      assert.strictEqual(answered, 429)
    }).pipe(Effect.provide(live)))

  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    const whole = Effect.gen(function*() {
      const client = yield* Fixture.connect(protocol)
      return yield* Effect.exit(
        Fixture.attempt((abortSignal) => client.send(new ConverseCommand(Fixture.hello), { abortSignal }))
      )
    })

    const streamed = Effect.gen(function*() {
      const client = yield* Fixture.connect(protocol)
      const texts: Array<string> = []
      const exit = yield* Effect.exit(Fixture.attempt(async (abortSignal) => {
        const { stream } = await client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal })
        for await (const event of stream ?? []) {
          texts.push(event.contentBlockDelta?.delta?.text ?? Object.keys(event)[0] ?? "")
        }
      }))
      const error = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      return { texts, error: error?._tag === "Fail" ? error.error : undefined }
    })

    const dropped = Emulator.Emulator.use(({ statistics }) =>
      Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
    )

    it.effect.each<readonly [string, Fault.Fault]>([
      ["drops the connection", { type: "reset" }],
      ["drops the connection in the body", { type: "reset", afterBytes: 10 }],
      ["sends half a body and drops the connection", { type: "half" }],
      ["sends half a body as if it were whole", { type: "half", framed: true, fraction: 0.3 }],
      ["sends something that is no answer", { type: "garbage" }]
    ])("%s", ([, fault]) =>
      Effect.gen(function*() {
        yield* inject(fault)
        assert.isTrue(Exit.isFailure(yield* whole))
        const cut = fault.type === "reset" || (fault.type === "half" && fault.framed !== true)
        assert.strictEqual((yield* dropped).dropped, cut ? 1 : 0)
        assert.isTrue(Exit.isSuccess(yield* whole), "the next request is answered")
      }).pipe(Effect.provide(live)))

    it.effect("sends an empty body", () =>
      Effect.gen(function*() {
        yield* inject({ type: "emptyBody" })
        const exit = yield* whole
        assert.isTrue(Exit.isSuccess(exit) && exit.value.output === undefined)
      }).pipe(Effect.provide(live)))

    it.effect("stalls a request until the client aborts it", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* inject({ type: "stall" })
        const call = yield* Effect.forkChild(whole)
        yield* Fixture.eventually(emulator.statistics, ({ inFlight }) => inFlight === 1)
        yield* Fiber.interrupt(call)
        assert.strictEqual((yield* dropped).aborted, 1)
      }).pipe(Effect.provide(live)))

    it.effect("truncates a stream", () =>
      Effect.gen(function*() {
        yield* inject({ type: "truncateStream", afterEvents: 2 })
        assert.deepStrictEqual(yield* streamed, { texts: ["messageStart", "Hel"], error: undefined })
      }).pipe(Effect.provide(live)))

    it.effect("ends a stream with an exception frame", () =>
      Effect.gen(function*() {
        yield* inject({
          type: "streamException",
          exception: "ModelStreamErrorException",
          message: "The model gave up",
          afterEvents: 3
        })
        const { error, texts } = yield* streamed
        assert.deepStrictEqual(texts, ["messageStart", "Hel", "lo"])
        assert.deepStrictEqual([error?.name, error?.message], ["ModelStreamErrorException", "The model gave up"])
      }).pipe(Effect.provide(live)))

    it.effect("ends a stream with an error frame", () =>
      Effect.gen(function*() {
        yield* inject({ type: "errorFrame", code: "Odd", message: "Something odd", afterEvents: 1 })
        const { error, texts } = yield* streamed
        assert.deepStrictEqual(texts, ["messageStart"])
        assert.deepStrictEqual([error?.name, error?.message], ["Odd", "Something odd"])
      }).pipe(Effect.provide(live)))

    it.effect("sends a frame with a wrong checksum", () =>
      Effect.gen(function*() {
        yield* inject({ type: "corruptFrame", afterEvents: 2 })
        const { error } = yield* streamed
        assert.match(error?.message ?? "", /checksum/)
      }).pipe(Effect.provide(live)))

    it.effect("drops the connection of a stream", () =>
      Effect.gen(function*() {
        yield* inject({ type: "reset", afterBytes: 300 })
        const { texts } = yield* streamed
        assert.notInclude(texts, "messageStop")
        assert.strictEqual((yield* dropped).dropped, 1)
      }).pipe(Effect.provide(live)))

    it.effect("stalls a stream after some events", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* inject({ type: "stall", afterEvents: 2 })
        const reading = yield* Effect.forkChild(streamed)
        yield* Fixture.eventually(emulator.requests, ([request]) => request?.status === 200)
        yield* Fiber.interrupt(reading)
        assert.strictEqual((yield* dropped).aborted, 1)
      }).pipe(Effect.provide(live)))
  })
})
