import { ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator, Fault } from "@strata/emulator"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const embedding = Fixture.post(
  "/model/amazon.titan-embed-text-v1/invoke",
  JSON.stringify({ inputText: "a" })
)

const stream = Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(Fixture.hello))

const refused = Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify({ messages: [] }))

const whole = Fixture.converse(Fixture.hello)

/** Invalid faults of every kind, and the invalid field. */
const nonsense: ReadonlyArray<readonly [field: string, fault: object]> = [
  ["times", { type: "throttle", times: -1 }],
  ["times", { type: "throttle", times: 0 }],
  ["times", { type: "throttle", times: 1.5 }],
  ["times", { type: "throttle", times: NaN }],
  ["skip", { type: "throttle", skip: -1 }],
  ["attempt", { type: "throttle", attempt: 0 }],
  ["probability", { type: "throttle", probability: 1.1 }],
  ["after", { type: "throttle", after: "-1 seconds" }],
  ["lasting", { type: "throttle", lasting: -5 }],
  ["bursts.every", { type: "throttle", bursts: { every: 0, lasting: 1 } }],
  ["bursts.lasting", { type: "throttle", bursts: { every: "1 second", lasting: "0 seconds" } }],
  ["retryAfter", { type: "throttle", retryAfter: -1 }],
  ["operation", { type: "throttle", operation: "Chat" }],
  ["tims", { type: "throttle", tims: 3 }],
  ["exception", { type: "exception", exception: "Oops" }],
  ["originalStatusCode", { type: "exception", exception: "ModelErrorException", originalStatusCode: 7 }],
  ["status", { type: "garbage", status: 99 }],
  ["status", { type: "garbage", status: 600 }],
  ["contentType", { type: "garbage", contentType: "text/html\r\nx: y" }],
  ["contentType", { type: "contentType", contentType: "" }],
  ["fraction", { type: "half", fraction: -3 }],
  ["afterBytes", { type: "reset", afterBytes: -5 }],
  ["afterBytes", { type: "halfOpen", afterBytes: 0.5 }],
  ["afterEvents", { type: "truncateStream", afterEvents: -1 }],
  ["megabytes", { type: "huge", megabytes: 1e9 }],
  ["megabytes", { type: "huge", megabytes: 0 }],
  ["duration", { type: "latency", duration: "-1 seconds" }],
  ["duration", { type: "latency" }],
  ["upTo", { type: "slow", pause: "2 seconds", upTo: "1 second" }],
  ["code", { type: "goaway", code: "TIRED" }],
  ["name", { type: "streamException", exception: "ThrottlingException", name: "x".repeat(5000) }],
  ["message", { type: "errorFrame", message: "x".repeat(5000) }],
  ["model", { type: "refuseConnection", model: "a" }],
  ["type", { type: "meltdown" }],
  ["type", {}]
]

describe("An invalid fault", () => {
  it.effect("is refused over HTTP, with the name of the field", () =>
    Effect.gen(function*() {
      for (const [field, fault] of nonsense) {
        // JSON has no other way to say it
        const json = JSON.stringify(fault, (_, value: unknown) =>
          typeof value === "number" && isNaN(value) ? "NaN" : value)
        for (const body of [json, `[{"type":"throttle"},${json}]`]) {
          const { status, text } = yield* Fixture.post("/_strata/faults", body, { authorization: "" })
          assert.deepStrictEqual(
            [status, JSON.parse(text).message.includes(`: ${field}: `)],
            [400, true],
            `${body} ${text}`
          )
        }
      }
      assert.deepStrictEqual(
        yield* Emulator.Emulator.use(({ faults }) =>
          faults
        ),
        []
      )
    }).pipe(Effect.provide(live)))

  it.effect("is refused by inject, with the name of the field", () =>
    Effect.gen(function*() {
      const { faults, inject } = yield* Emulator.Emulator
      for (const [field, fault] of nonsense) {
        // as injected by an untyped program
        const error = yield* Effect.flip(inject(fault as Fault.Fault))
        assert.include(error.message, `fault: ${field}: `)
      }
      assert.deepStrictEqual(yield* faults, [])
    }).pipe(Effect.provide(live)))

  it.effect("prevents the start of an emulator", () =>
    Effect.gen(function*() {
      const faults: ReadonlyArray<Fault.Fault> = [{ type: "throttle" }, { type: "throttle", times: -1 }]
      const error = yield* Effect.flip(Layer.build(Fixture.emulator({ faults })))
      assert.strictEqual(error.message, "faults[1]: times: Expected a value greater than or equal to 1, got -1")
    }))

  it("accepts every field at its limits", () => {
    const limits: ReadonlyArray<Fault.Fault> = [
      { type: "throttle", times: Infinity, skip: 0, retryAfter: 0, lasting: Duration.infinity, after: Duration.zero },
      { type: "garbage", status: 200, contentType: "a/b; charset=\"x\"" },
      { type: "half", fraction: 0 },
      { type: "half", fraction: 1 },
      { type: "huge", megabytes: 100 },
      { type: "latency", duration: 5, upTo: 5 },
      { type: "stall", afterEvents: 0 }
    ]
    for (const fault of limits) assert.deepStrictEqual(Fault.check(fault), Result.succeed(fault))
  })
})

describe("A fault", () => {
  it.effect.each<readonly [string, Fault.Fault]>([
    ["streamException", { type: "streamException", exception: "ThrottlingException" }],
    ["errorFrame", { type: "errorFrame" }],
    ["corruptFrame", { type: "corruptFrame" }],
    ["truncateStream", { type: "truncateStream" }],
    ["stall in a stream", { type: "stall", afterEvents: 1 }],
    ["slow", { type: "slow", pause: "1 milli" }]
  ])("inside a stream is not spent on a whole response: %s", ([, fault]) =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      const { struck } = yield* inject(fault)
      assert.deepStrictEqual([(yield* whole).status, (yield* embedding).status, yield* struck], [200, 200, 0])
      const client = yield* Fixture.connect("1.1")
      yield* Effect.forkChild(Effect.exit(Fixture.attempt((abortSignal) =>
        client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal })
      )))
      yield* Fixture.eventually(struck, (times) =>
        times === 1)
    }).pipe(Effect.provide(live)))

  it.effect.each<readonly [string, Fault.Fault]>([
    ["streamException", { type: "streamException", exception: "ThrottlingException", afterEvents: 0 }],
    ["half", { type: "half", framed: true }],
    ["contentType", { type: "contentType", contentType: "text/plain" }],
    ["reset in the body", { type: "reset", afterBytes: 10 }],
    ["slow", { type: "slow", pause: "1 milli" }]
  ])("of a response is not spent on a request that is refused: %s", ([, fault]) =>
    Effect.gen(function*() {
      const { faults, inject, requests } = yield* Emulator.Emulator
      const { struck } = yield* inject(fault)
      assert.strictEqual((yield* refused).status, 400)
      assert.strictEqual(yield* struck, 0)
      assert.deepStrictEqual((yield* requests).map(({ faults }) => faults), [[]])
      assert.lengthOf(yield* faults, 1, "it waits again")
      yield* Effect.exit(stream)
      assert.deepStrictEqual([yield* struck, yield* faults], [1, []])
    }).pipe(Effect.provide(live)))

  it.effect("that was spared keeps its position", () =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      yield* inject({ type: "half", framed: true, fraction: 0 })
      yield* inject({ type: "throttle", skip: 1 })
      assert.strictEqual((yield* refused).status, 400)
      const { status, text } = yield* whole
      assert.deepStrictEqual([status, text], [200, ""])
    }).pipe(Effect.provide(live)))

  it.effect("that was cleared is not restored when it is spared", () => {
    const asked = Deferred.makeUnsafe<void>()
    const refused = Deferred.makeUnsafe<void>()
    const services = Layer.merge(
      Fixture.chat({
        generate: () =>
          Deferred.succeed(asked, undefined).pipe(
            Effect.andThen(Deferred.await(refused)),
            Effect.andThen(new ProviderError.RateLimitError({ provider: "double", message: "No" }))
          )
      }),
      Fixture.embedding()
    )
    return Effect.gen(function*() {
      const { clearFaults, faults, inject } = yield* Emulator.Emulator
      const { struck } = yield* inject({ type: "half", framed: true })
      const call = yield* Effect.forkChild(whole)
      yield* Deferred.await(asked)
      yield* clearFaults
      yield* Deferred.succeed(refused, undefined)
      assert.strictEqual((yield* Fiber.join(call)).status, 429)
      assert.deepStrictEqual([yield* struck, yield* faults], [0, []])
    }).pipe(Effect.provide(Fixture.emulator({}, services)))
  })

  it.effect("of chat models is not spent on other models", () =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      const { struck } = yield* inject({ type: "huge", megabytes: 0.01 })
      yield* embedding
      assert.strictEqual(yield* struck, 0)
      assert.isAbove((yield* whole).text.length, 10_000)
    }).pipe(Effect.provide(live)))

  it.effect("that enlarges an answer keeps its tool calls", () => {
    const call: Message.ToolCallPart = { type: "tool-call", id: "t1", name: "get", params: { a: 1 } }
    const response = Fixture.response([Message.text("So"), call], { finishReason: "tool-calls" })
    const stage = Fixture.stage()
    const request = {
      ...Fixture.hello,
      toolConfig: {
        tools: [{ toolSpec: { name: "get", inputSchema: { json: { type: "object" } } } }],
        toolChoice: { any: {} }
      }
    }
    return Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      yield* stage.says(response)
      yield* inject({ type: "huge", megabytes: 0.02, times: 2 })
      const { output, stopReason } = JSON.parse((yield* Fixture.converse(request)).text)
      assert.deepStrictEqual([stopReason, output.message.content.length], ["tool_use", 2])
      assert.deepInclude(output.message.content[1].toolUse, { toolUseId: "t1", name: "get", input: { a: 1 } })
      const client = yield* Fixture.connect("1.1")
      const { stream } = yield* Fixture.attempt(() =>
        client.send(
          new ConverseStreamCommand({
            ...request,
            toolConfig: { tools: request.toolConfig.tools, toolChoice: { any: {} } }
          })
        )
      )
      const events = yield* Fixture.drain(stream)
      const start = events.find((event) => event.contentBlockStart !== undefined)?.contentBlockStart
      assert.deepStrictEqual([start?.contentBlockIndex, start?.start?.toolUse?.name], [1, "get"])
      const input = events.map(({ contentBlockDelta }) => contentBlockDelta?.delta?.toolUse?.input ?? "").join("")
      assert.strictEqual(input, "{\"a\":1}")
      assert.strictEqual(events.find((event) => event.messageStop !== undefined)?.messageStop?.stopReason, "tool_use")
    }).pipe(Effect.provide(Fixture.emulator({}, stage.layer)))
  })
})
