import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { NodeHttp2Handler, NodeHttpHandler } from "@smithy/node-http-handler"
import { Emulator } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import * as SelfSigned from "../src/http/SelfSigned.ts"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator({ tls: "self-signed" })

const connect = Effect.fnUntraced(function*(protocol: Fixture.Protocol) {
  const { certificate: ca } = yield* Emulator.Emulator
  return yield* Fixture.connect(protocol, {
    requestHandler: protocol === "2"
      ? new NodeHttp2Handler({ nodeHttp2ConnectOptions: { ca } })
      : new NodeHttpHandler({ httpsAgent: new Https.Agent({ ca, keepAlive: true }) })
  })
})

/** The result of a handshake: the negotiated protocol, or the error code. */
const handshake = Effect.fnUntraced(function*(options: NodeTls.ConnectionOptions) {
  const { certificate: ca, url } = yield* Emulator.Emulator
  return yield* Effect.callback<string | false | undefined>((resume) => {
    const socket = NodeTls.connect({ host: "127.0.0.1", port: Number(new URL(url).port), ca, ...options })
    socket.on("secureConnect", () => resume(Effect.succeed(socket.alpnProtocol ?? undefined)))
    socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
    return Effect.sync(() => socket.destroy())
  })
})

describe("Tls", () => {
  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    const whole = Effect.flatMap(
      connect(protocol),
      (client) =>
        Effect.exit(Fixture.attempt((abortSignal) => client.send(new ConverseCommand(Fixture.hello), { abortSignal })))
    )

    it.effect("answers the AWS SDK, and counts encrypted bytes", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        assert.match(emulator.url, /^https:/)
        const client = yield* connect(protocol)
        const answer = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        assert.deepStrictEqual(answer.output?.message?.content, [{ text: "Hello" }])
        const streamed = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
        assert.lengthOf(yield* Fixture.drain(streamed.stream), 6)
        assert.deepStrictEqual((yield* emulator.requests).map(({ protocol }) => protocol), [protocol, protocol])
        const { bytesIn, bytesOut } = yield* emulator.statistics
        assert.isAbove(bytesIn, 1000)
        assert.isAbove(bytesOut, 1000)
      }).pipe(Effect.provide(live)))

    it.effect("answers in clear text on the same port", () =>
      Effect.gen(function*() {
        const { client: { endpoint } } = yield* Emulator.Emulator
        const client = yield* Fixture.connect(protocol, { endpoint: endpoint.replace("https:", "http:") })
        const answer = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        assert.deepStrictEqual(answer.output?.message?.content, [{ text: "Hello" }])
      }).pipe(Effect.provide(live)))

    it.effect.each<readonly [string, Fault.Fault]>([
      ["refuses the connection", { type: "refuseConnection" }],
      ["resets the connection", { type: "reset" }],
      ["resets the connection in the body", { type: "reset", afterBytes: 20 }],
      ["resets the stream", { type: "resetStream", code: "REFUSED_STREAM" }],
      ["goes away", { type: "goaway", code: "ENHANCE_YOUR_CALM" }],
      ["ends in the middle", { type: "half" }]
    ])("%s", ([, fault]) =>
      Effect.gen(function*() {
        const { inject, statistics } = yield* Emulator.Emulator
        yield* inject(fault)
        assert.isTrue(Exit.isFailure(yield* whole))
        const { dropped } = yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
        assert.strictEqual(dropped, fault.type === "refuseConnection" ? 0 : 1)
        assert.isTrue(Exit.isSuccess(yield* whole), "the next request is answered")
      }).pipe(Effect.provide(live)))

    it.effect.each<readonly [string, Fault.Fault]>([
      ["stalls the connection", { type: "stallConnection" }],
      ["stalls", { type: "stall" }],
      ["goes silent", { type: "halfOpen" }]
    ])("%s", ([, fault]) =>
      Effect.gen(function*() {
        const { inject, statistics } = yield* Emulator.Emulator
        const { struck } = yield* inject(fault)
        const call = yield* Effect.forkChild(whole)
        yield* Fixture.eventually(struck, (count) => count === 1)
        assert.isUndefined(call.pollUnsafe())
        yield* Fiber.interrupt(call)
        const { aborted } = yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
        assert.strictEqual(aborted, fault.type === "stall" ? 1 : 0)
        assert.isTrue(Exit.isSuccess(yield* whole), "the next request is answered")
      }).pipe(Effect.provide(live)))

    it.effect("closes every connection and interrupts every request with its scope", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        const services = Layer.merge(
          Fixture.chat({
            generate: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
          }),
          Fixture.embedding()
        )
        const context = yield* Layer.buildWithScope(Fixture.emulator({ tls: "self-signed" }, services), scope)
        yield* Effect.gen(function*() {
          const { statistics } = yield* Emulator.Emulator
          const call = yield* Effect.forkChild(whole)
          yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 1)
          yield* Scope.close(scope, Exit.void)
          yield* Deferred.await(interrupted)
          assert.isTrue(Exit.isFailure(yield* Fiber.join(call)))
          yield* Fixture.eventually(statistics, ({ openConnections }) => openConnections === 0)
        }).pipe(Effect.provide(context))
      }))
  })

  it.effect("drops a TLS connection by a TCP reset", () =>
    Effect.gen(function*() {
      const { apiKey, certificate: ca, inject, url } = yield* Emulator.Emulator
      yield* inject({ type: "reset" })
      const code = yield* Effect.callback<string | undefined>((resume) => {
        const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
        socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
        socket.on("end", () => resume(Effect.succeed("end")))
        const secured = NodeTls.connect({ socket, ca, servername: "localhost" })
        secured.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
        secured.write(
          `POST /model/${Fixture.modelId}/converse HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${
            Redacted.value(apiKey)
          }\r\ncontent-length: 2\r\n\r\n{}`
        )
      })
      assert.strictEqual(code, "ECONNRESET")
    }).pipe(Effect.provide(live)))

  it.effect("sends GOAWAY with its code", () =>
    Effect.gen(function*() {
      const { apiKey, certificate: ca, inject, url } = yield* Emulator.Emulator
      yield* inject({ type: "goaway", code: "ENHANCE_YOUR_CALM" })
      const code = yield* Effect.callback<number>((resume) => {
        const session = Http2.connect(url, { ca })
        session.on("error", () => {})
        session.on("goaway", (code) => resume(Effect.succeed(code)))
        const stream = session.request({
          ":method": "POST",
          ":path": `/model/${Fixture.modelId}/converse`,
          authorization: `Bearer ${Redacted.value(apiKey)}`
        })
        stream.on("error", () => {})
        stream.end("{}")
        return Effect.sync(() => session.destroy())
      })
      assert.strictEqual(code, Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
    }).pipe(Effect.provide(live)))

  it.effect("negotiates only protocols the client offers", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* handshake({ ALPNProtocols: ["h2", "http/1.1"] }), "h2")
      assert.strictEqual(yield* handshake({ ALPNProtocols: ["http/1.1"] }), "http/1.1")
      assert.strictEqual(yield* handshake({}), false)
      assert.strictEqual(
        yield* handshake({ ALPNProtocols: ["h3"] }),
        "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
      )
    }).pipe(Effect.provide(live)))

  it.effect("keeps serving after untrusting clients and invalid handshakes", () =>
    Effect.gen(function*() {
      const { statistics, url } = yield* Emulator.Emulator
      assert.strictEqual(yield* handshake({ ca: [] }), "SELF_SIGNED_CERT_IN_CHAIN")
      assert.strictEqual(yield* handshake({ servername: "elsewhere.example" }), "ERR_TLS_CERT_ALTNAME_INVALID")
      for (
        const bytes of [[0x16], [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], [0x16, 3, 3, 0xff, 0xff, ...Array(100).fill(7)]]
      ) {
        yield* Effect.callback<void>((resume) => {
          const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
          socket.resume()
          socket.end(Uint8Array.from(bytes))
        })
      }
      yield* Fixture.eventually(statistics, ({ openConnections }) => openConnections === 0)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(handshake({}))))
    }).pipe(Effect.provide(live)))

  it.effect("closes a TLS connection where there is no certificate", () =>
    Effect.gen(function*() {
      assert.isUndefined((yield* Emulator.Emulator).certificate)
      assert.strictEqual(yield* handshake({}), "ECONNRESET")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("uses the given certificate", () =>
    Effect.gen(function*() {
      const { authority, certificate, key } = yield* TestClock.withLive(SelfSigned.make(["bedrock.test"]))
      const tls = { certificate, key }
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* Emulator.Emulator).certificate, certificate)
        assert.strictEqual(yield* handshake({ ca: authority, servername: "bedrock.test" }), false)
      }).pipe(Effect.provide(Fixture.emulator({ tls })))
      const other = yield* TestClock.withLive(SelfSigned.make(["bedrock.test"]))
      const error = yield* Effect.flip(Layer.build(Fixture.emulator({ tls: { certificate, key: other.key } })))
      assert.strictEqual(error._tag, "EmulatorError")
      assert.include(error.message, "Cannot use this certificate and key")
    }))
})
