import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as ProviderError from "@strata/core/ProviderError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { connect, request, transports } from "./support/Client.ts"
import * as LastingProgram from "./support/LastingProgram.ts"
import * as ProxyServer from "./support/ProxyServer.ts"
import * as WireServer from "./support/WireServer.ts"

/** Answers nobody until so many requests wait, then everybody. */
const together = (count: number): WireServer.Handler => {
  let waiting: Array<() => void> = []
  return (received, answer) => {
    waiting.push(() => WireServer.answering(received, answer))
    if (waiting.length < count) return
    for (const release of waiting) release()
    waiting = []
  }
}

const silent: WireServer.Handler = () => {}

/** Sends deltas for ever. */
const endless: WireServer.Handler = (_, answer) => {
  WireServer.streamHead(answer)
  const timer = setInterval(() => answer.write(WireServer.delta("x")), 1)
  answer.onClose(() => clearInterval(timer))
}

/** Sends one delta and then nothing. */
const pausing: WireServer.Handler = (_, answer) => {
  WireServer.streamHead(answer)
  answer.write(WireServer.delta("x"))
}

const times = <A, E>(count: number, effect: Effect.Effect<A, E>) =>
  Effect.all(Array.from({ length: count }, () => effect), { concurrency: "unbounded" })

describe("Transport", () => {
  describe("HTTP/1.1", () => {
    it.live("keeps one connection for calls that follow each other, streams too", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1((received, answer) =>
          (received.path.endsWith("-stream")
            ? WireServer.streaming([WireServer.delta("a"), WireServer.event("messageStop", { stopReason: "end_turn" })])
            : WireServer.answering)(received, answer)
        )
        const client = yield* connect(server)
        yield* client.converse(request)
        yield* client.converse(request)
        const events = yield* Effect.scoped(
          Effect.flatMap(client.converseStream(request), (response) => Stream.runCollect(response.events))
        )
        yield* client.converse(request)
        assert.lengthOf(events, 2)
        assert.strictEqual(server.received.length, 4)
        assert.strictEqual(server.connections(), 1)
      }))

    it.live("opens one connection per concurrent call, and none for the next burst", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(together(100))
        const client = yield* connect(server)
        yield* times(100, client.converse(request))
        assert.strictEqual(server.connections(), 100)
        yield* times(100, client.converse(request))
        assert.strictEqual(server.connections(), 100)
      }))

    it.live("keeps more free connections than the 256 Node would", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(together(300))
        const client = yield* connect(server)
        yield* times(300, client.converse(request))
        yield* times(300, client.converse(request))
        assert.strictEqual(server.connections(), 300)
      }))

    it.live("lets calls wait for one of maxSockets", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* connect(server, { transport: { maxSockets: 4 } })
        yield* times(40, client.converse(request))
        assert.strictEqual(server.received.length, 40)
        assert.strictEqual(server.connections(), 4)
      }))

    it.live("fails with a connect timeout", () =>
      Effect.gen(function*() {
        // a socket that stays connecting, since no address of this machine behaves like that
        const httpAgent = new Http.Agent()
        httpAgent.createConnection = () => Object.assign(new Net.Socket(), { connecting: true })
        const client = yield* connect({ url: "http://127.0.0.1:9" }, {
          transport: { connectTimeout: "30 millis", httpAgent }
        })
        const error = yield* Effect.flip(client.converse(request))
        assert(error._tag === "TimeoutError")
        assert.strictEqual(error.phase, "connect")
      }))

    it.live("fails with an idle timeout when a stream pauses longer than idleTimeout", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(pausing)
        const client = yield* connect(server, { transport: { idleTimeout: "50 millis" } })
        const { events } = yield* client.converseStream(request)
        const error = yield* Effect.flip(Stream.runDrain(events))
        assert(error._tag === "TimeoutError")
        assert.strictEqual(error.phase, "idle")
      }))

    it.live("calls a connection lost in mid-stream an error", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1((received, answer) => {
          pausing(received, answer)
          WireServer.soon(() => answer.cut())
        })
        const client = yield* connect(server)
        const { events } = yield* client.converseStream(request)
        const error = yield* Effect.flip(Stream.runDrain(events))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.strictEqual(error.requestId, "request-3")
        assert.isTrue(ProviderError.isTransient(error))
      }))

    it.live("refuses an untrusted certificate, and accepts it with an agent that trusts it", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.https(WireServer.answering)
        const untrusting = yield* connect(server)
        const error = yield* Effect.flip(untrusting.converse(request))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "endpoint")
        assert.include(error.message, "SELF_SIGNED")
        assert.isFalse(ProviderError.isTransient(error))

        const httpsAgent = new Https.Agent({ ca: WireServer.certificate, keepAlive: true })
        yield* Effect.addFinalizer(() => Effect.sync(() => httpsAgent.destroy()))
        const trusting = yield* connect(server, { transport: { httpsAgent } })
        yield* trusting.converse(request)
      }))

    it.live("closes a connection whose TLS handshake stalls when the call is interrupted", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") })
        const fiber = yield* Effect.forkChild(client.converse(request))
        yield* WireServer.eventually(() => server.open() === 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("reports an endpoint with HTTP/2 only", () =>
      Effect.gen(function*() {
        const client = yield* connect(yield* WireServer.http2(WireServer.answering))
        const error = yield* Effect.flip(client.converse(request))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, "http2: true")
      }))

    it.live("reports a refused connection", () =>
      Effect.gen(function*() {
        const client = yield* connect({ url: yield* WireServer.closedPort })
        const error = yield* Effect.flip(client.converse(request))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, "ECONNREFUSED")
      }))
  })

  describe("HTTP/2", () => {
    const transport = { http2: { maxConcurrentStreams: 10 } }

    it.live("shares sessions, with no more than maxConcurrentStreams on each", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http2(together(25))
        const client = yield* connect(server, { transport })
        yield* times(25, client.converse(request))
        yield* times(25, client.converse(request))
        assert.strictEqual(server.connections(), 3)
      }))

    it.live("has windows for large answers, on a session as well as on a stream", () =>
      Effect.gen(function*() {
        let windows = { stream: 0, connection: 0 }
        const server = yield* WireServer.http2((received, answer) => {
          windows = answer.windows()
          WireServer.answering(received, answer)
        })
        const client = yield* connect(server, { transport })
        yield* client.converse(request)
        assert.isAtLeast(windows.stream, 2 ** 20)
        assert.isAtLeast(windows.connection, 2 ** 24)
      }))

    it.live("fails calls on GOAWAY with a connection error, and continues with a new session", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http2((received, answer) => {
          answer.goaway()
          setTimeout(() => WireServer.answering(received, answer), 1)
        })
        const client = yield* connect(server, { transport })
        for (let round = 0; round < 10; round++) {
          const results = yield* times(10, Effect.result(client.converse(request)))
          for (const result of results) {
            if (result._tag === "Failure") assert.strictEqual(result.failure._tag, "ConnectionError")
          }
        }
        assert.isAbove(server.connections(), 1)
      }))

    it.live("calls a connection lost in mid-stream an error", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http2((received, answer) => {
          pausing(received, answer)
          WireServer.soon(() => answer.cut())
        })
        const client = yield* connect(server, { transport })
        const { events } = yield* client.converseStream(request)
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(events)))._tag, "ConnectionError")
      }))

    it.live("calls a stream the server gives up an error", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http2((received, answer) => {
          pausing(received, answer)
          WireServer.soon(() => answer.reset())
        })
        const client = yield* connect(server, { transport })
        const { events } = yield* client.converseStream(request)
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(events)))._tag, "ConnectionError")
      }))

    describe("when the network stops forwarding", () => {
      const stalling = { http2: { pingInterval: "250 millis" } } as const

      it.live("notices within two intervals of PINGs, and fails the calls with a connection error", () =>
        Effect.gen(function*() {
          const proxy = yield* ProxyServer.make()
          const server = yield* WireServer.https2((received, answer) =>
            (received.path.endsWith("-stream") ? pausing : silent)(received, answer)
          )
          const client = yield* connect(server, {
            transport: { ...stalling, ca: WireServer.certificate, proxy: proxy.url }
          })
          const call = yield* Effect.forkChild(Effect.flip(client.converse(request)))
          const { events } = yield* client.converseStream(request)
          const stream = yield* Effect.forkChild(Effect.flip(Stream.runDrain(events)))
          yield* WireServer.eventually(() => server.running() === 2)
          proxy.stall()
          const start = performance.now()
          for (const error of [yield* Fiber.join(call), yield* Fiber.join(stream)]) {
            assert.strictEqual(error._tag, "ConnectionError", error.message)
            assert.include(error.message, "PING")
            assert.isTrue(ProviderError.isTransient(error))
          }
          assert.isBelow(performance.now() - start, 10_000)
        }))

      it.live("sends the next call on another session", () =>
        Effect.gen(function*() {
          const proxy = yield* ProxyServer.make()
          const server = yield* WireServer.https2(WireServer.answering)
          const client = yield* connect(server, {
            transport: { ...stalling, ca: WireServer.certificate, proxy: proxy.url }
          })
          yield* client.converse(request)
          proxy.stall()
          assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "ConnectionError")
          assert.strictEqual(proxy.connections(), 1)
          proxy.resume()
          yield* client.converse(request)
          assert.strictEqual(proxy.connections(), 2)
        }))

      it.live("leaves a slow model alone, as its PINGs are answered", () =>
        Effect.gen(function*() {
          const server = yield* WireServer.http2((received, answer) =>
            void setTimeout(() => WireServer.answering(received, answer), 1000)
          )
          const client = yield* connect(server, { transport: stalling })
          yield* client.converse(request)
        }))
    })

    it.live("does not keep the process alive between calls", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http2(WireServer.answering)
        assert.strictEqual(yield* LastingProgram.run(server.url), 0)
        assert.lengthOf(server.received, 1)
      }))

    it.live("fails with a connect timeout, TLS included", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") }, {
          transport: { http2: true, connectTimeout: "50 millis" }
        })
        const error = yield* Effect.flip(client.converse(request))
        assert(error._tag === "TimeoutError", error.message)
        assert.strictEqual(error.phase, "connect")
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("closes a connection whose TLS handshake stalls when the call is interrupted", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.tcp((socket) => void socket.resume())
        const client = yield* connect({ url: server.url.replace("http:", "https:") }, { transport })
        const fiber = yield* Effect.forkChild(client.converse(request))
        yield* WireServer.eventually(() => server.open() === 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.open() === 0)
      }))

    it.live("refuses an untrusted certificate", () =>
      Effect.gen(function*() {
        const client = yield* connect(yield* WireServer.https(WireServer.answering), { transport })
        const error = yield* Effect.flip(client.converse(request))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "endpoint")
      }))

    it.live("reports an endpoint with HTTP/1.1 only", () =>
      Effect.gen(function*() {
        const client = yield* connect(yield* WireServer.http1(WireServer.answering), { transport })
        const error = yield* Effect.flip(client.converse(request))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, "http2")
      }))
  })

  describe.each(transports)("over $name", ({ name, transport }) => {
    const serve = name === "HTTP/2" ? WireServer.http2 : WireServer.http1

    it.live("calls an answer cut in half a connection error", () =>
      Effect.gen(function*() {
        const server = yield* serve((_, answer) => {
          answer.head(200, { "content-length": String(WireServer.converseBody.length) })
          answer.write(WireServer.converseBody.slice(0, 30))
          WireServer.soon(() => answer.cut())
        })
        const client = yield* connect(server, { transport })
        assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "ConnectionError")
      }))

    it.live("closes the request of a call that is interrupted", () =>
      Effect.gen(function*() {
        const server = yield* serve(silent)
        const client = yield* connect(server, { transport })
        const fiber = yield* Effect.forkChild(client.converse(request))
        yield* WireServer.eventually(() => server.running() === 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.running() === 0)
      }))

    it.live("closes the response of a stream that was left after three events", () =>
      Effect.gen(function*() {
        const server = yield* serve(endless)
        const client = yield* connect(server, { transport })
        const events = yield* Stream.unwrap(Effect.map(client.converseStream(request), (response) => response.events))
          .pipe(
            Stream.take(3),
            Stream.runCollect
          )
        assert.lengthOf(events, 3)
        yield* WireServer.eventually(() => server.running() === 0)
      }))

    it.live("closes the response of a stream that is interrupted while it waits", () =>
      Effect.gen(function*() {
        const server = yield* serve(pausing)
        const client = yield* connect(server, { transport })
        const first = yield* Deferred.make<void>()
        const fiber = yield* Stream.unwrap(Effect.map(client.converseStream(request), (response) => response.events))
          .pipe(
            Stream.runForEach(() => Deferred.succeed(first, undefined)),
            Effect.forkChild
          )
        yield* Deferred.await(first)
        const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
        assert.isTrue(Exit.hasInterrupts(exit))
        yield* WireServer.eventually(() => server.running() === 0)
      }))

    it.live("closes the response of an unread stream", () =>
      Effect.gen(function*() {
        const server = yield* serve(endless)
        const client = yield* connect(server, { transport })
        yield* Effect.scoped(client.converseStream(request))
        yield* WireServer.eventually(() => server.running() === 0)
      }))

    it.live("closes a stream before its first event", () =>
      Effect.gen(function*() {
        const server = yield* serve((_, answer) => WireServer.streamHead(answer))
        const client = yield* connect(server, { transport })
        const fiber = yield* Effect.forkChild(Effect.scoped(client.converseStream(request)))
        yield* WireServer.eventually(() => server.running() === 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.running() === 0)
      }))

    it.live("sends nothing when it is interrupted at once", () =>
      Effect.gen(function*() {
        const server = yield* serve(silent)
        const client = yield* connect(server, { transport })
        const fiber = yield* Effect.forkChild(client.converse(request), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep("30 millis")
        assert.lengthOf(server.received, 0)
      }))

    it.live("closes every connection with the client, and interrupts their calls", () =>
      Effect.gen(function*() {
        let answered = 0
        const server = yield* serve((received, answer) => {
          if (received.path.endsWith("-stream")) endless(received, answer)
          else if (answered++ < 3) WireServer.answering(received, answer)
        })
        const scope = yield* Scope.make()
        const client = yield* Scope.provide(connect(server, { transport }), scope)
        yield* times(3, client.converse(request))
        const call = yield* Effect.forkChild(client.converse(request))
        const stream = yield* Effect.forkChild(
          Effect.scoped(
            Effect.flatMap(client.converseStream(request), (response) => Stream.runDrain(response.events))
          )
        )
        yield* WireServer.eventually(() => server.running() === 2)
        yield* Scope.close(scope, Exit.void)
        yield* WireServer.eventually(() => server.open() === 0)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(call)))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(stream)))
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(client.converse(request))))
        assert.strictEqual(server.open(), 0)
      }))
  })

  it.live("uses a handler of the user's and leaves it open", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      let destroyed = false
      class Handler extends NodeHttpHandler {
        override destroy() {
          destroyed = true
          super.destroy()
        }
      }
      const requestHandler = new Handler()
      yield* Effect.scoped(
        Effect.flatMap(connect(server, { transport: { requestHandler } }), (client) => client.converse(request))
      )
      assert.lengthOf(server.received, 1)
      assert.isFalse(destroyed)
      requestHandler.destroy()
    }))

  it.live("builds the middleware of a command once", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server)
      const resolve = ConverseCommand.prototype.resolveMiddleware
      let built = 0
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          ConverseCommand.prototype.resolveMiddleware = function(...options) {
            built++
            return resolve.apply(this, options)
          }
        }),
        () => Effect.sync(() => ConverseCommand.prototype.resolveMiddleware = resolve)
      )
      yield* client.converse(request)
      yield* times(5, client.converse(request))
      assert.strictEqual(built, 1)
    }))
})
