import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

/** Sends each piece by itself, says goodbye or not, and returns what came back until the connection closed. */
const exchange = Effect.fnUntraced(function*(pieces: ReadonlyArray<string | Uint8Array>, goodbye: "end" | "destroy") {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.callback<string>((resume) => {
    const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
    let received = ""
    const next = (index: number): void => {
      const piece = pieces[index]
      if (piece === undefined) return goodbye === "end" ? void socket.end() : void socket.destroy()
      socket.write(piece, () => setImmediate(() => next(index + 1)))
    }
    socket.on("data", (chunk) => received += chunk.toString("latin1"))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    socket.once("connect", () => next(0))
  })
})

const random = (length: number, seed: number) => {
  let state = seed
  return Uint8Array.from({ length }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16)
}

describe("Listener", () => {
  it.effect("survives whatever bytes come", () =>
    Effect.gen(function*() {
      const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      const nonsense: ReadonlyArray<ReadonlyArray<string | Uint8Array>> = [
        [],
        ["P"],
        ["PR"],
        ["PRI"],
        ["PRIVATE"],
        [preface],
        [preface, random(200, 7)],
        [Uint8Array.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5)],
        ["POST /model/x/converse HTTP/1.1\r\n"],
        ["POST /model/x/converse HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"],
        ["POST /model/x/converse HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
        ["CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"],
        ["GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"],
        ...Array.from({ length: 20 }, (_, seed) => [random(50 + seed * 20, seed + 1)])
      ]
      for (const pieces of nonsense) {
        yield* exchange(pieces, "destroy")
        yield* exchange(pieces, "end")
      }
      const { status } = yield* Fixture.converse(Fixture.hello)
      assert.strictEqual(status, 200)
      const { statistics } = yield* Emulator.Emulator
      yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
    }).pipe(Effect.provide(live)))

  it.effect("recognises the protocol from bytes that come one by one", () =>
    Effect.gen(function*() {
      const answer = yield* exchange([..."PUT / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"], "end")
      assert.match(answer, /^HTTP\/1\.1 404 /)
    }).pipe(Effect.provide(live)))

  it.effect("drops a connection without a word as the network does, by a reset", () =>
    Effect.gen(function*() {
      const { apiKey, inject, url } = yield* Emulator.Emulator
      yield* inject({ type: "reset" })
      const code = yield* Effect.callback<string | undefined>((resume) => {
        const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
        socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
        socket.on("end", () => resume(Effect.succeed(undefined)))
        socket.resume()
        socket.write(
          `POST /model/${Fixture.modelId}/converse HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${
            Redacted.value(apiKey)
          }\r\ncontent-length: 2\r\n\r\n{}`
        )
      })
      assert.strictEqual(code, "ECONNRESET")
    }).pipe(Effect.provide(live)))

  it.effect("answers 404 for what is no operation", () =>
    Effect.gen(function*() {
      for (const path of ["/", "/guardrail/a/apply", "/model/a/invoke-with-bidirectional-stream", "/%E0%A4%A"]) {
        const { headers, status } = yield* Fixture.post(path, "{}")
        assert.strictEqual(status, 404)
        assert.include(headers["x-amzn-errortype"], "UnknownOperationException")
      }
    }).pipe(Effect.provide(live)))

  it.effect("answers 413 for a body that is too long", () =>
    Effect.gen(function*() {
      const { status } = yield* Fixture.post(`/model/${Fixture.modelId}/converse`, "x".repeat(25_000_001))
      assert.strictEqual(status, 413)
    }).pipe(Effect.provide(live)))

  it.effect("keeps an HTTP/1.1 connection for the next request", () =>
    Effect.gen(function*() {
      const { statistics } = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1")
      for (const _ of [1, 2, 3]) {
        yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
      }
      assert.strictEqual((yield* statistics).connections, 1)
    }).pipe(Effect.provide(live)))

  it.effect("notices a client that closes its HTTP/2 stream in peace, but before the answer", () =>
    Effect.gen(function*() {
      const { apiKey, inject, statistics, url } = yield* Emulator.Emulator
      yield* inject({ type: "stall" })
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (session) => Effect.sync(() => session.destroy())
      )
      const stream = session.request({
        ":method": "POST",
        ":path": `/model/${Fixture.modelId}/converse`,
        authorization: `Bearer ${Redacted.value(apiKey)}`
      })
      stream.end("{}")
      yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 1)
      stream.close(Http2.constants.NGHTTP2_NO_ERROR)
      const { aborted } = yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
      assert.strictEqual(aborted, 1)
    }).pipe(Effect.provide(live)))

  it.effect("answers many HTTP/2 streams of one connection, and one given up does not hurt the others", () =>
    Effect.gen(function*() {
      const { apiKey, inject, requests, statistics, url } = yield* Emulator.Emulator
      // a client that gives up may end its request before: nothing must be answered to it
      yield* inject({ type: "stall" })
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (session) => Effect.sync(() => session.destroy())
      )
      const send = (give: "up" | "through") =>
        Effect.callback<number | undefined>((resume) => {
          const stream = session.request({
            ":method": "POST",
            ":path": `/model/${Fixture.modelId}/converse`,
            ...(give === "up" ? { authorization: `Bearer ${Redacted.value(apiKey)}` } : undefined)
          })
          let status: number | undefined
          stream.on("response", (headers) => status = headers[":status"])
          stream.on("error", () => {})
          stream.on("close", () => resume(Effect.succeed(status)))
          stream.resume()
          if (give === "up") setImmediate(() => stream.close(Http2.constants.NGHTTP2_CANCEL))
          else stream.end("{}")
        })
      const statuses = yield* Effect.all([send("through"), send("up"), send("through"), send("through")], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(statuses, [403, undefined, 403, 403])
      const { aborted, completed, connections } = yield* Fixture.eventually(
        statistics,
        ({ inFlight }) => inFlight === 0
      )
      assert.deepStrictEqual({ aborted, completed, connections }, { aborted: 1, completed: 3, connections: 1 })
      assert.sameMembers((yield* requests).map(({ protocol }) => protocol), ["2", "2", "2", "2"])
    }).pipe(Effect.provide(live)))
})
