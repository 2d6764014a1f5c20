import { assert, describe, it } from "@effect/vitest"
import { HttpRequest } from "@smithy/core/protocols"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as Https from "node:https"
import { Readable } from "node:stream"
import * as Http1Requests from "../src/network/http1Requests.ts"
import { connect, request } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

describe("A request over HTTP/1.1", () => {
  it.live("fails with a connect timeout, TLS included", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.tcp((socket) => void socket.resume())
      const client = yield* connect({ url: server.url.replace("http:", "https:") }, {
        transport: { connectTimeout: "50 millis" }
      })
      const error = yield* Effect.flip(client.converse(request))
      assert(error._tag === "TimeoutError", error.message)
      assert.strictEqual(error.phase, "connect")
      yield* WireServer.eventually(() => server.open() === 0)
    }))

  it.live("may wait longer than that for one of maxSockets", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1((received, answer) =>
        void setTimeout(() => WireServer.answering(received, answer), 400)
      )
      const client = yield* connect(server, { transport: { connectTimeout: "1 second", maxSockets: 1 } })
      yield* Effect.all(Array.from({ length: 4 }, () => client.converse(request)), { concurrency: "unbounded" })
      assert.strictEqual(server.connections(), 1)
    }))

  it.live("is taken back from those that wait for one of maxSockets when it is interrupted", () =>
    Effect.gen(function*() {
      let waiting = 0
      const server = yield* WireServer.http1((received, answer) =>
        waiting++ === 0 ? undefined : WireServer.answering(received, answer)
      )
      const client = yield* connect(server, { transport: { maxSockets: 1 } })
      const first = yield* Effect.forkChild(client.converse(request))
      yield* WireServer.eventually(() => waiting === 1)
      yield* Effect.ignore(Effect.timeout(client.converse(request), "50 millis"))
      first.interruptUnsafe()
      yield* client.converse(request)
      assert.strictEqual(server.received.length, 2)
    }))

  it.live("fails when the server answers with another protocol", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.tcp((socket) =>
        void socket.on("data", () =>
          socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
      )
      const client = yield* connect(server)
      const error = yield* Effect.flip(client.converse(request))
      assert.strictEqual(error._tag, "ConnectionError")
    }))

  it.live("is aborted by the SDK's handler where that sends it", () =>
    Effect.gen(function*() {
      let isCancelled = false
      const handle = Http1Requests.make({
        httpAgent: Http.globalAgent,
        httpsAgent: Https.globalAgent,
        connectTimeout: Duration.seconds(1),
        idleTimeout: undefined,
        others: (_, { abortSignal } = {}) =>
          new Promise((_, reject) => {
            if (abortSignal instanceof AbortSignal) {
              abortSignal.addEventListener("abort", () => reject(new Error("aborted")))
            }
          })
      })
      let cancel = () => {}
      const options: Http1Requests.Options = {
        onCancel: (given) => {
          cancel = given
        }
      }
      const body = Readable.from(["a stream"])
      const sent = handle(new HttpRequest({ method: "POST", hostname: "127.0.0.1", body }), options as {}) // more than the SDK's
        .catch(() => {
          isCancelled = true
        })
      cancel()
      yield* Effect.promise(() => sent)
      assert.isTrue(isCancelled)
    }))
})
