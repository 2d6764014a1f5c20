import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const inject = (fault: Fault.Fault) => Emulator.Emulator.use((emulator) => emulator.inject(fault))

const settled = Emulator.Emulator.use(({ statistics }) =>
  Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
)

const orSilence = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.timeoutOrElse({ duration: "500 millis", orElse: () => Effect.succeed("silence" as const) }),
    TestClock.withLive
  )

/** The first data of a new connection, or `silence` after a while without. */
const listen = (goodbye: boolean) =>
  Effect.flatMap(Emulator.Emulator, ({ apiKey, url }) =>
    Effect.callback<string>((resume) => {
      const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
      socket.on("data", (chunk) => resume(Effect.succeed(chunk.toString("latin1", 0, 12))))
      socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "error")))
      socket.on("end", () => resume(Effect.succeed("FIN")))
      socket.write(
        `POST /model/${Fixture.modelId}/converse HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${
          Redacted.value(apiKey)
        }\r\ncontent-length: 2\r\n\r\n{}`
      )
      if (goodbye) socket.end()
      return Effect.sync(() => socket.destroy())
    }).pipe(orSilence))

/** One HTTP/2 session, and the events it receives. */
const session = Effect.fnUntraced(function*() {
  const { apiKey, url } = yield* Emulator.Emulator
  const told: Array<string> = []
  const session = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Http2.connect(url)
        .on("error", () => {})
        .on("goaway", (code) => told.push(`GOAWAY ${code}`))
        .on("close", () => told.push("closed"))
    ),
    (session) => Effect.sync(() => session.destroy())
  )
  const request = Effect.callback<string>((resume) => {
    const stream = session.request({
      ":method": "POST",
      ":path": `/model/${Fixture.modelId}/converse`,
      authorization: `Bearer ${Redacted.value(apiKey)}`
    })
    let heard = "nothing"
    stream.on("response", (headers) => heard = String(headers[":status"]))
    stream.on("error", () => {})
    stream.on("close", () => resume(Effect.succeed(`${heard} ${stream.rstCode}`)))
    stream.resume()
    stream.end(JSON.stringify({ messages: Fixture.hello.messages }))
  })
  return { request, session, told }
})

describe("Fault on the wire", () => {
  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    const whole = Effect.flatMap(
      Fixture.connect(protocol),
      (client) =>
        Effect.exit(Fixture.attempt((abortSignal) => client.send(new ConverseCommand(Fixture.hello), { abortSignal })))
    )

    const streamed = Effect.gen(function*() {
      const client = yield* Fixture.connect(protocol)
      const events: Array<string> = []
      const exit = yield* Effect.exit(Fixture.attempt(async (abortSignal) => {
        const { stream } = await client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal })
        for await (const event of stream ?? []) events.push(Object.keys(event)[0] ?? "")
      }))
      const error = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      return { events, error: error?._tag === "Fail" ? error.error : undefined }
    })

    it.effect.each<readonly [string, Fault.Fault]>([
      ["resets the stream before its head", { type: "resetStream", code: "REFUSED_STREAM" }],
      ["resets the stream in its body", { type: "resetStream", afterBytes: 10 }],
      ["goes away without an answer", { type: "goaway", code: "ENHANCE_YOUR_CALM" }],
      ["refuses the connection", { type: "refuseConnection" }],
      ["answers with the page of a proxy", { type: "garbage", status: 502, contentType: "text/html" }]
    ])("%s", ([, fault]) =>
      Effect.gen(function*() {
        yield* inject(fault)
        assert.isTrue(Exit.isFailure(yield* whole))
        const { dropped } = yield* settled
        assert.strictEqual(dropped, fault.type === "resetStream" || fault.type === "goaway" ? 1 : 0)
        assert.isTrue(Exit.isSuccess(yield* whole), "the next request is answered")
      }).pipe(Effect.provide(live)))

    it.effect.each<readonly [string, Fault.Fault]>([
      ["stalls the connection", { type: "stallConnection" }],
      ["goes silent before the answer", { type: "halfOpen" }],
      ["goes silent in the answer", { type: "halfOpen", afterBytes: 20 }]
    ])("%s", ([, fault]) =>
      Effect.gen(function*() {
        const { struck } = yield* inject(fault)
        const call = yield* Effect.forkChild(whole)
        yield* Fixture.eventually(struck, (count) => count === 1)
        assert.isUndefined(call.pollUnsafe())
        yield* Fiber.interrupt(call)
        const { aborted, dropped } = yield* settled
        assert.deepStrictEqual({ aborted, dropped }, { aborted: 0, dropped: fault.type === "halfOpen" ? 1 : 0 })
        assert.isTrue(Exit.isSuccess(yield* whole), "the next connection is served")
      }).pipe(Effect.provide(live)))

    it.effect("responds, and closes the connection for further requests", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        yield* inject({ type: "goaway", skip: 1 })
        for (const _ of [1, 2, 3]) yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        const { completed, connections } = yield* settled
        assert.strictEqual(completed, 3)
        // the SDK opens a session for each HTTP/2 request anyway
        assert.strictEqual(connections, protocol === "1.1" ? 2 : 3)
      }).pipe(Effect.provide(live)))

    it.effect("enlarges an answer to megabytes", () =>
      Effect.gen(function*() {
        yield* inject({ type: "huge", megabytes: 2, times: 2 })
        const exit = yield* whole
        const text = Exit.isSuccess(exit) ? exit.value.output?.message?.content?.[0]?.text : undefined
        assert.isAtLeast(text?.length ?? 0, 2_000_000)
        const { error, events } = yield* streamed
        assert.isUndefined(error)
        assert.isAbove(events.length, 100)
        assert.strictEqual(events.at(-1), "metadata")
      }).pipe(Effect.provide(live)))

    it.effect("cuts a stream in the middle of a frame", () =>
      Effect.gen(function*() {
        yield* inject({ type: "truncateStream", afterBytes: 230 })
        const { events } = yield* streamed
        assert.notInclude(events, "metadata")
        assert.strictEqual((yield* settled).dropped, 0)
      }).pipe(Effect.provide(live)))

    it.effect("corrupts the checksum of a prelude", () =>
      Effect.gen(function*() {
        yield* inject({ type: "corruptFrame", checksum: "prelude" })
        const { error } = yield* streamed
        assert.match(error?.message ?? "", /prelude checksum/)
      }).pipe(Effect.provide(live)))

    it.live("pauses before each event of a stream but the first", () =>
      Effect.gen(function*() {
        yield* inject({ type: "slow", pause: "15 millis", upTo: "20 millis" })
        const [duration, { error, events }] = yield* Effect.timed(streamed)
        assert.isUndefined(error)
        assert.isAtLeast(Duration.toMillis(duration), 15 * (events.length - 1) - 1)
      }).pipe(Effect.provide(live)))

    it.effect.each<readonly [Extract<Fault.Fault, { type: "streamException" }>["exception"], string]>([
      ["InternalServerException", "InternalServerException"],
      ["ModelStreamErrorException", "ModelStreamErrorException"],
      ["ValidationException", "ValidationException"],
      ["ThrottlingException", "ThrottlingException"],
      ["ServiceUnavailableException", "ServiceUnavailableException"]
    ])("fails a stream with %s, before or after its first frame", ([exception, name]) =>
      Effect.gen(function*() {
        yield* inject({ type: "streamException", exception, originalStatusCode: 529, originalMessage: "Overloaded" })
        const inside = yield* streamed
        assert.deepStrictEqual([inside.events, inside.error?.name], [["messageStart"], name])
        const { originalMessage, originalStatusCode } = { ...inside.error?.error as object } as Record<string, unknown>
        if (exception === "ModelStreamErrorException") {
          assert.deepStrictEqual([originalStatusCode, originalMessage], [529, "Overloaded"])
        }
        yield* inject({ type: "exception", exception })
        const before = yield* streamed
        assert.deepStrictEqual([before.events, before.error?.name], [[], name])
      }).pipe(Effect.provide(live)))

    it.effect("maps an exception that the stream does not have", () =>
      Effect.gen(function*() {
        yield* inject({ type: "streamException", exception: "ModelTimeoutException", name: "modelTimeoutException" })
        const { error, events } = yield* streamed
        assert.deepStrictEqual(events, ["messageStart"])
        assert.strictEqual(error?.name, "modelTimeoutException")
      }).pipe(Effect.provide(live)))
  })

  it.effect("changes the content type", () =>
    Effect.gen(function*() {
      yield* inject({ type: "contentType", contentType: "text/plain" })
      const { headers, text } = yield* Fixture.converse(Fixture.hello)
      assert.strictEqual(headers["content-type"], "text/plain")
      assert.include(text, "Hello")
    }).pipe(Effect.provide(live)))

  it.effect("refuses a number of connections, or those in a period", () =>
    Effect.gen(function*() {
      yield* inject({ type: "refuseConnection", times: 2 })
      const heard: Array<string> = []
      for (const _ of [1, 2, 3]) heard.push(yield* listen(false))
      assert.deepStrictEqual(heard, ["ECONNRESET", "ECONNRESET", "HTTP/1.1 400"])
      assert.strictEqual((yield* settled).requests, 1)
    }).pipe(Effect.provide(live)))

  it.effect.each(["stallConnection", "halfOpen"] as const)(
    "does not answer a goodbye: %s",
    (type) =>
      Effect.gen(function*() {
        yield* inject({ type })
        assert.strictEqual(yield* listen(true), "silence")
        assert.strictEqual(yield* listen(true), "HTTP/1.1 400")
      }).pipe(Effect.provide(live))
  )

  it.effect("sends RST_STREAM and leaves the other streams of the session alone", () =>
    Effect.gen(function*() {
      const { request, told } = yield* session()
      yield* inject({ type: "resetStream", code: "REFUSED_STREAM" })
      assert.deepStrictEqual([yield* request, yield* request], [
        `nothing ${Http2.constants.NGHTTP2_REFUSED_STREAM}`,
        `200 ${Http2.constants.NGHTTP2_NO_ERROR}`
      ])
      assert.isEmpty(told)
    }).pipe(Effect.provide(live)))

  it.effect("sends GOAWAY with and without an error", () =>
    Effect.gen(function*() {
      const graceful = yield* session()
      yield* inject({ type: "goaway" })
      assert.strictEqual(yield* graceful.request, "200 0")
      yield* Fixture.eventually(Effect.sync(() => graceful.told), (told) => told.includes("closed"))
      assert.strictEqual(graceful.told[0], "GOAWAY 0")
      const rude = yield* session()
      yield* inject({ type: "goaway", code: "ENHANCE_YOUR_CALM" })
      assert.match(yield* rude.request, /^nothing/)
      yield* Fixture.eventually(Effect.sync(() => rude.told), (told) => told.includes("closed"))
      assert.strictEqual(rude.told[0], `GOAWAY ${Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM}`)
    }).pipe(Effect.provide(live)))

  it.effect("leaves a half-open connection open, without answering PING or FIN", () =>
    Effect.gen(function*() {
      const { statistics } = yield* Emulator.Emulator
      const { request, session: connection } = yield* session()
      yield* inject({ type: "halfOpen" })
      const hanging = yield* Effect.forkChild(request)
      yield* Fixture.eventually(statistics, ({ dropped }) => dropped === 1)
      const pinged = yield* Effect.callback<boolean>((resume) => {
        connection.ping((error) => resume(Effect.succeed(error === null)))
      }).pipe(orSilence)
      assert.strictEqual(pinged, "silence")
      assert.isUndefined(hanging.pollUnsafe())
      assert.strictEqual((yield* statistics).openConnections, 1)
    }).pipe(Effect.provide(live)))
})
