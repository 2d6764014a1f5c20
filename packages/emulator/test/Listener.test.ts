import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as Exchange from "../src/http/Exchange.ts"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

/**
 * Sends each piece by itself, or waits so many milliseconds, says goodbye or not, and returns what came back until the
 * connection closed.
 */
const exchange = Effect.fnUntraced(function*(
  pieces: ReadonlyArray<string | Uint8Array | number>,
  goodbye: "end" | "destroy" | "wait"
) {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.callback<string>((resume) => {
    const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
    let received = ""
    const next = (index: number): void => {
      const piece = pieces[index]
      if (piece === undefined) {
        return goodbye === "wait"
          ? undefined
          : goodbye === "end"
          ? void socket.end()
          : void socket.destroy()
      }
      if (typeof piece === "number") return void setTimeout(() => next(index + 1), piece)
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
  it.effect("keeps serving after any sequence of bytes", () =>
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

  it.effect("detects the protocol from bytes that arrive one by one", () =>
    Effect.gen(function*() {
      const answer = yield* exchange([..."PUT / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"], "end")
      assert.match(answer, /^HTTP\/1\.1 404 /)
    }).pipe(Effect.provide(live)))

  it.effect("drops a connection by a TCP reset", () =>
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

  it.effect("answers 404 for an unknown operation", () =>
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

  it.effect.each<readonly [string, ReadonlyArray<string>, number]>([
    [
      "a head longer than 16 KB",
      [`POST / HTTP/1.1\r\nhost: a\r\nx-amz-security-token: ${"x".repeat(17_000)}\r\n\r\n`],
      431
    ],
    ["a head that does not end", [
      "POST / HTTP/1.1\r\n",
      ...Array.from({ length: 40 }, () => `a: ${"x".repeat(500)}\r\n`)
    ], 431],
    ["bytes that are not HTTP", ["hello\r\n\r\n"], 400],
    ["a wrong chunk length", ["POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"], 400],
    ["CONNECT", ["CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"], 405]
  ])("answers %s before it closes the connection", ([, pieces, status]) =>
    Effect.gen(function*() {
      const answer = yield* exchange(pieces, "wait")
      const [head = "", body = ""] = answer.split("\r\n\r\n")
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.match(head, /connection: close/)
      assert.isString(JSON.parse(body).message)
      const { statistics } = yield* Emulator.Emulator
      yield* Fixture.eventually(statistics, ({ inFlight, openConnections }) => inFlight + openConnections === 0)
    }).pipe(Effect.provide(live)))

  it.effect("answers 431 over HTTP/2, and keeps the connection", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (session) => Effect.sync(() => session.destroy())
      )
      const send = (headers: Http2.OutgoingHttpHeaders) =>
        Effect.callback<number | undefined>((resume) => {
          const stream = session.request({
            ":method": "POST",
            ":path": `/model/${Fixture.modelId}/converse`,
            ...headers
          })
          let status: number | undefined
          stream.on("response", (headers) => status = headers[":status"])
          stream.on("error", () => {})
          stream.on("close", () => resume(Effect.succeed(status)))
          stream.resume()
          stream.end("{}")
        })
      const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`x-${index}`, "12345678"]))
      const statuses = yield* Effect.forEach(
        [{ "x-amz-security-token": "x".repeat(17_000) }, { "x-amz-security-token": "x".repeat(60_000) }, many, {}],
        send
      )
      assert.deepStrictEqual(statuses, [431, 431, 431, 403])
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

  it.effect("counts a request as aborted when the client closes its HTTP/2 stream with NO_ERROR before the answer", () =>
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

  it.effect("answers concurrent HTTP/2 streams of a connection, and an aborted one does not affect the others", () =>
    Effect.gen(function*() {
      const { apiKey, inject, requests, statistics, url } = yield* Emulator.Emulator
      // a client may abort after its request: nothing must be answered
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

  describe("a client that is too slow", () => {
    const slow = Fixture.emulator({ requestTimeout: "150 millis", tls: "self-signed" })
    const begin = `POST /model/${Fixture.modelId}/converse HTTP/1.1\r\nhost: a\r\n`

    it.effect.each<readonly [string, string, RegExp]>([
      ["sends nothing", "", /^$/],
      ["sends a part of the HTTP/2 preface", "PR", /^HTTP\/1\.1 408 /],
      ["begins a handshake", "\x16\x03\x01", /^$/],
      ["sends half a head", begin, /^HTTP\/1\.1 408 /],
      ["sends half a body", `${begin}content-length: 100\r\n\r\n{`, /^HTTP\/1\.1 408 /],
      ["sends half a chunk", `${begin}transfer-encoding: chunked\r\n\r\n10\r\n{`, /^HTTP\/1\.1 408 /]
    ])("times out when it %s", ([, bytes, expected]) =>
      Effect.gen(function*() {
        const { statistics } = yield* Emulator.Emulator
        assert.match(yield* exchange(bytes === "" ? [] : [bytes], "wait"), expected)
        const { inFlight, openConnections } = yield* Fixture.eventually(
          statistics,
          ({ inFlight, openConnections }) => inFlight + openConnections === 0
        )
        assert.deepStrictEqual([inFlight, openConnections], [0, 0])
      }).pipe(Effect.provide(slow)))

    it.effect("times out in its second request too, but not between requests", () =>
      Effect.gen(function*() {
        const whole = `${begin}content-length: 2\r\n\r\n{}`
        const received = yield* exchange([whole, 400, whole, begin], "wait")
        assert.deepStrictEqual(received.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 403", "HTTP/1.1 403", "HTTP/1.1 408"])
      }).pipe(Effect.provide(slow)))

    it.effect("gets 408 for its HTTP/2 stream, and keeps its connection", () =>
      Effect.gen(function*() {
        const { statistics, url } = yield* Emulator.Emulator
        const session = yield* Effect.acquireRelease(
          Effect.sync(() => Http2.connect(url.replace("https", "http")).on("error", () => {})),
          (session) => Effect.sync(() => session.destroy())
        )
        const send = (body: string, end: boolean) =>
          Effect.callback<number | undefined>((resume) => {
            const stream = session.request({ ":method": "POST", ":path": `/model/${Fixture.modelId}/converse` })
            let status: number | undefined
            stream.on("response", (headers) => status = headers[":status"])
            stream.on("error", () => {})
            stream.on("close", () => resume(Effect.succeed(status)))
            stream.resume()
            if (end) stream.end(body)
            else stream.write(body)
          })
        assert.strictEqual(yield* send("{", false), 408)
        assert.strictEqual(yield* send("{}", true), 403)
        assert.include(yield* statistics, { aborted: 1, completed: 1, connections: 1 })
      }).pipe(Effect.provide(slow)))

    it.effect("is not one that waits longer for an answer", () =>
      Effect.gen(function*() {
        for (const protocol of Fixture.protocols) {
          const client = yield* Fixture.connect(protocol)
          yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        }
      }).pipe(Effect.provide(Fixture.emulator({ requestTimeout: "100 millis", latency: "400 millis" }))))
  })

  it.effect("closes a socket whose reset fails because it is ending", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer({ allowHalfOpen: true })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const closed = Effect.callback<void>((resume) => {
        server.on("connection", (socket) => {
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
          socket.end()
          // the system refuses a reset during a shutdown
          process.nextTick(() => process.nextTick(() => Exchange.drop(socket)))
        })
        const address = server.address()
        if (address !== null && typeof address === "object") {
          Net.connect(address.port, "127.0.0.1").on("error", () => {}).resume()
        }
      })
      yield* Effect.timeout(closed, "2 seconds").pipe(TestClock.withLive)
    }))

  it.effect("drops all requests of an HTTP/2 connection that becomes half-open, and sends nothing more", () =>
    Effect.gen(function*() {
      const { apiKey, inject, requests, statistics, url } = yield* Emulator.Emulator
      yield* inject({ type: "stall", times: 3 })
      yield* inject({ type: "halfOpen", skip: 3 })
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (session) => Effect.sync(() => session.destroy())
      )
      let closed = 0
      const send = Effect.sync(() => {
        const stream = session.request({
          ":method": "POST",
          ":path": `/model/${Fixture.modelId}/converse`,
          authorization: `Bearer ${Redacted.value(apiKey)}`
        })
        stream.on("error", () => {})
        stream.on("close", () => closed++)
        stream.end(JSON.stringify(Fixture.hello))
      })
      for (const count of [1, 2, 3]) {
        yield* send
        yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === count)
      }
      yield* send
      const { aborted, dropped, openConnections } = yield* Fixture.eventually(
        statistics,
        ({ dropped, inFlight }) => inFlight === 0 && dropped > 0
      )
      assert.deepStrictEqual({ aborted, dropped, openConnections }, { aborted: 0, dropped: 4, openConnections: 1 })
      assert.deepStrictEqual(
        (yield* requests).map(({ outcome }) => outcome),
        Array.from({ length: 4 }, () => "dropped")
      )
      assert.deepStrictEqual([closed, session.closed], [0, false], "nobody told the client")
    }).pipe(Effect.provide(live)))

  it.effect("counts the other requests of an HTTP/2 connection as dropped when a fault resets it", () =>
    Effect.gen(function*() {
      const { apiKey, inject, statistics, url } = yield* Emulator.Emulator
      yield* inject({ type: "stall", times: 2 })
      yield* inject({ type: "reset", skip: 2 })
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (session) => Effect.sync(() => session.destroy())
      )
      for (const _ of [1, 2, 3]) {
        const stream = session.request({
          ":method": "POST",
          ":path": `/model/${Fixture.modelId}/converse`,
          authorization: `Bearer ${Redacted.value(apiKey)}`
        })
        stream.on("error", () => {})
        stream.end(JSON.stringify(Fixture.hello))
      }
      const seen = yield* Fixture.eventually(
        statistics,
        ({ inFlight, openConnections, requests }) => requests === 3 && inFlight + openConnections === 0
      )
      assert.include(seen, { aborted: 0, dropped: 3 })
    }).pipe(Effect.provide(live)))
})
