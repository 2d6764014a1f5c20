import { assert, describe, it, vi } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Https from "node:https"
import type * as BedrockClient from "../src/BedrockClient.ts"
import type * as Transport from "../src/Transport.ts"
import { connect, request } from "./support/Client.ts"
import * as ProxyServer from "./support/ProxyServer.ts"
import * as WireServer from "./support/WireServer.ts"

const ca = WireServer.certificate

/** Calls at once that go over HTTP/1.1. */
const few = 32

/** Answers each burst of so many requests when all of it is there. */
const together = (count: number): WireServer.Handler => {
  let waiting: Array<() => void> = []
  return (received, answer) => {
    waiting.push(() =>
      (received.path.endsWith("-stream") ? WireServer.streaming([WireServer.delta("a"), end]) : WireServer.answering)(
        received,
        answer
      )
    )
    if (waiting.length < count) return
    for (const release of waiting) release()
    waiting = []
  }
}

const end = WireServer.event("messageStop", { stopReason: "end_turn" })

const burst = <A, E>(count: number, effect: Effect.Effect<A, E>) =>
  Effect.all(Array.from({ length: count }, () => effect), { concurrency: "unbounded" })

const stream = (client: BedrockClient.BedrockClient["Service"]) =>
  Effect.scoped(Effect.flatMap(client.converseStream(request), ({ events }) => Stream.runDrain(events)))

const versions = ({ received }: WireServer.WireServer) => {
  const of = (version: string) => received.filter(({ httpVersion }) => httpVersion === version).length
  return { http1: of("1.1"), http2: of("2.0") }
}

/** Chooses HTTP/1.1, and ends the handshake of a client that offers HTTP/2 as well. */
const strict = (handler: WireServer.Handler) =>
  WireServer.httpsBoth(handler, {
    ALPNCallback: ({ protocols }) => protocols.includes("h2") ? undefined : "http/1.1"
  })

describe("The protocol of a call", () => {
  describe("to a server with both", () => {
    it.live("is HTTP/1.1 for few at a time", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(together(few))
        const client = yield* connect(server, { transport: { ca } })
        yield* burst(few, client.converse(request))
        yield* burst(few, client.converse(request))
        assert.deepStrictEqual(versions(server), { http1: 2 * few, http2: 0 })
        assert.strictEqual(server.connections(), few)
      }))

    it.live("is HTTP/2 beyond them: a burst of 300 makes 35 handshakes, and the next none", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(together(300))
        const client = yield* connect(server, { transport: { ca } })
        yield* burst(300, client.converse(request))
        assert.deepStrictEqual(versions(server), { http1: few, http2: 300 - few })
        assert.strictEqual(server.connections(), few + 3)
        yield* burst(300, client.converse(request))
        assert.strictEqual(server.connections(), few + 3)
        const { full, resumed } = server.handshakes
        assert.strictEqual(full + resumed, few + 3)
      }))

    it.live("carries a request signed for the host, whichever it is", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(together(few + 1))
        const client = yield* connect(server, { transport: { ca } })
        yield* burst(few + 1, client.converse(request))
        const { host } = new URL(server.url)
        for (const { headers, httpVersion } of server.received) {
          assert.strictEqual(headers[httpVersion === "2.0" ? ":authority" : "host"], host)
          assert.match(headers.authorization ?? "", /SignedHeaders=[^,]*\bhost\b/)
        }
      }))

    it.live("is HTTP/1.1 for streams, which resume TLS after the first ones", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(together(100))
        const client = yield* connect(server, { transport: { ca } })
        yield* burst(100, stream(client))
        assert.deepStrictEqual(versions(server), { http1: 100, http2: 0 })
        assert.deepStrictEqual(server.handshakes, { full: few, resumed: 100 - few })
      }))

    it.live.each<[name: string, transport: Transport.Options]>([
      ["http2: false", { ca, http2: false }],
      ["http2: false and maxSockets", { ca, http2: false, maxSockets: 100 }],
      ["maxSockets", { ca, maxSockets: 100 }],
      ["idleTimeout", { ca, idleTimeout: "1 minute" }],
      ["an agent", { httpsAgent: new Https.Agent({ ca, keepAlive: false }) }]
    ])("is HTTP/1.1 for a program that set %s", ([, transport]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(together(few + 8))
        const client = yield* connect(server, { transport })
        yield* burst(few + 8, client.converse(request))
        assert.deepStrictEqual(versions(server), { http1: few + 8, http2: 0 })
      }))

    it.live("is HTTP/1.1 again after a session that was lost before an answer", () =>
      Effect.gen(function*() {
        let waiting: Array<() => void> = []
        const server = yield* WireServer.httpsBoth((received, answer) => {
          if (received.httpVersion === "2.0") answer.cut()
          else waiting.push(() => WireServer.answering(received, answer))
        })
        const client = yield* connect(server, { transport: { ca } })
        const release = Effect.suspend(() => {
          const count = few + 8 - failed
          return WireServer.eventually(() => waiting.length === count)
        }).pipe(Effect.andThen(Effect.sync(() => {
          waiting.forEach((answer) => answer())
          waiting = []
        })))
        let failed = 8
        const first = yield* Effect.forkChild(burst(few + 8, Effect.result(client.converse(request))))
        yield* release
        const errors = (yield* Fiber.join(first)).flatMap((result) => result._tag === "Failure" ? [result.failure] : [])
        assert.lengthOf(errors, 8)
        for (const error of errors) {
          assert.strictEqual(error._tag, "ConnectionError", error.message)
          assert.isTrue(ProviderError.isTransient(error))
        }
        failed = 0
        const second = yield* Effect.forkChild(burst(few + 8, client.converse(request)))
        yield* release
        yield* Fiber.join(second)
      }))
  })

  describe("to a server with HTTP/1.1 only", () => {
    it.live.each([["that says so", WireServer.https], ["that ends the handshake", strict]] as const)(
      "%s, is HTTP/1.1, and handshakes resume after the first ones",
      ([, serve]) =>
        Effect.gen(function*() {
          const server = yield* serve(together(200))
          const client = yield* connect(server, { transport: { ca } })
          yield* burst(200, client.converse(request))
          assert.deepStrictEqual(versions(server), { http1: 200, http2: 0 })
          // Two sessions were to be opened for the calls beyond the first ones.
          assert.isAtMost(server.handshakes.full, few + 2)
          assert.isAtLeast(server.handshakes.resumed, 200 - few)
          const connections = server.connections()
          yield* burst(200, client.converse(request))
          assert.strictEqual(server.connections(), connections)
        })
    )
  })

  describe("to a server that does not connect", () => {
    it.live("is a connect timeout for all", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") }, {
          transport: { connectTimeout: "50 millis" }
        })
        const errors = yield* burst(few + 8, Effect.flip(client.converse(request)))
        for (const error of errors) {
          assert(error._tag === "TimeoutError", error.message)
          assert.strictEqual(error.phase, "connect")
        }
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("closes a connection whose TLS handshake stalls when the calls are interrupted", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") })
        const fiber = yield* Effect.forkChild(burst(few + 8, client.converse(request)))
        yield* WireServer.eventually(() => server.open() === few + 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("has streams go on by themselves when no handshake ends that they could resume", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") }, {
          transport: { connectTimeout: "1 minute" }
        })
        const fiber = yield* Effect.forkChild(burst(few + 8, stream(client)))
        yield* WireServer.eventually(() => server.open() === few + 8)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("has streams go on by themselves when all handshakes failed that they could resume", () =>
      Effect.gen(function*() {
        // So that none of them waits out its time.
        vi.useFakeTimers({ toFake: ["setTimeout"] })
        yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
        let refused = 0
        const server = yield* WireServer.tcp((socket) => {
          socket.once("data", () => socket.resetAndDestroy())
          refused++
        })
        const client = yield* connect({ url: server.url.replace("http:", "https:") })
        const errors = yield* burst(few + 8, Effect.flip(stream(client)))
        for (const error of errors) assert.strictEqual(error._tag, "ConnectionError", error.message)
        assert.strictEqual(refused, few + 8)
      }))

    it.live("opens no connection for a stream that was interrupted while it waited for a ticket", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make()
        const server = yield* WireServer.httpsBoth(WireServer.answering)
        const client = yield* connect(server, { transport: { ca, proxy: proxy.url } })
        proxy.stall()
        const fiber = yield* Effect.forkChild(burst(few + 8, stream(client)))
        yield* WireServer.eventually(() => proxy.asked.length === few)
        yield* Fiber.interrupt(fiber)
        proxy.resume()
        yield* client.converse(request)
        yield* client.converse(request)
        assert.strictEqual(proxy.connections(), few + 1)
      }))

    it.live("is the same error for all", () =>
      Effect.gen(function*() {
        const client = yield* connect({ url: (yield* WireServer.closedPort).replace("http:", "https:") })
        const errors = yield* burst(few + 8, Effect.flip(client.converse(request)))
        for (const error of errors) {
          assert.strictEqual(error._tag, "ConnectionError")
          assert.include(error.message, "ECONNREFUSED")
        }
      }))

    it.live("is the same error for all when its certificate is not trusted", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.httpsBoth(WireServer.answering)
        const client = yield* connect(server)
        const errors = yield* burst(few + 8, Effect.flip(client.converse(request)))
        for (const error of errors) {
          assert(error._tag === "InvalidRequestError", error.message)
          assert.strictEqual(error.field, "endpoint")
        }
        assert.lengthOf(server.received, 0)
      }))
  })
})
