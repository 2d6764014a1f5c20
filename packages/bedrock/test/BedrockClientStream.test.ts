import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Http2 from "node:http2"
import { crc32 } from "node:zlib"
import { connect, request, transports } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const { delta, errorFrame, event, exception } = WireServer

const stop = event("messageStop", { stopReason: "end_turn" })

const corrupt = (frame: Uint8Array): Uint8Array =>
  frame.map((byte, index) => index === frame.length - 6 ? byte ^ 1 : byte)

describe("BedrockClient.converseStream", () => {
  describe.each(transports)("over $name", ({ name, transport }) => {
    const serve = name === "HTTP/2" ? WireServer.http2 : WireServer.http1

    /** The texts that came, and how the stream ended. */
    const read = (handler: WireServer.Handler) =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* serve(handler)
        const client = yield* connect(server, { transport })
        const texts: Array<string | undefined> = []
        const { events, requestId } = yield* client.converseStream(request)
        const exit = yield* Effect.exit(
          Stream.runForEach(events, (event) =>
            Effect.sync(() => texts.push(event.contentBlockDelta?.delta?.text ?? Object.keys(event)[0])))
        )
        return { texts, exit, requestId }
      }))

    it.live("returns the events in order, without unknown ones, and the request id", () =>
      Effect.gen(function*() {
        const texts = Array.from({ length: 200 }, (_, index) => `${index}`)
        const { exit, requestId, texts: seen } = yield* read(
          WireServer.streaming([...texts.map(delta), event("somethingNew", { a: 1 }), stop])
        )
        assert.deepStrictEqual(seen, [...texts, "messageStop"])
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(requestId, "request-3")
      }))

    it.live.each<[string, ProviderError.CallError["_tag"], Uint8Array]>([
      ["throttlingException", "RateLimitError", exception("throttlingException", { message: "slow down" })],
      ["validationException", "InvalidRequestError", exception("validationException", { message: "no" })],
      ["internalServerException", "ProviderInternalError", exception("internalServerException", { message: "oops" })],
      [
        "serviceUnavailableException",
        "ModelUnavailableError",
        exception("serviceUnavailableException", { message: "no" })
      ],
      [
        "modelStreamErrorException",
        "ProviderInternalError",
        exception("modelStreamErrorException", {
          message: "no",
          originalStatusCode: 500,
          originalMessage: "no"
        })
      ],
      [
        "modelTimeoutException, which the service model lacks",
        "TimeoutError",
        exception("modelTimeoutException", {
          message: "no"
        })
      ],
      ["an exception nobody knows", "ProviderInternalError", exception("somethingNewException", { message: "no" })],
      ["an error frame", "RateLimitError", errorFrame("ThrottlingException", "slow down")],
      ["a frame with a wrong checksum", "MalformedResponseError", corrupt(delta("b"))],
      ["a frame that is cut", "ConnectionError", delta("b").subarray(0, 20)]
    ])("fails after the events before %s", ([_, tag, frame]) =>
      Effect.gen(function*() {
        const { exit, texts } = yield* read(WireServer.streaming([delta("a"), frame]))
        assert.deepStrictEqual(texts, ["a"])
        assert(Exit.isFailure(exit))
        const [reason] = exit.cause.reasons
        assert(reason !== undefined && Cause.isFailReason(reason))
        assert.strictEqual(reason.error._tag, tag)
        assert.strictEqual(reason.error.requestId, "request-3")
        assert.strictEqual(reason.error.model, request.modelId)
      }))

    it.live("fails at once when the first event is an exception", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          read(WireServer.streaming([exception("throttlingException", { message: "slow down" })]))
        )
        assert.strictEqual(error._tag, "RateLimitError")
        assert.strictEqual(error.requestId, "request-3")
      }))

    it.live("is empty for an empty response", () =>
      Effect.gen(function*() {
        const { exit, texts } = yield* read(WireServer.streaming([]))
        assert.deepStrictEqual(texts, [])
        assert.isTrue(Exit.isSuccess(exit))
      }))
  })
  it.live("refuses a frame of more than 16 MB as soon as it is declared, and closes the connection", () =>
    Effect.gen(function*() {
      const huge = Buffer.from(delta("b"))
      huge.writeUInt32BE(0xffffffff, 0)
      huge.writeUInt32BE(crc32(huge.subarray(0, 8)), 8)
      const server = yield* WireServer.http1((_, answer) => {
        WireServer.streamHead(answer)
        answer.write(Buffer.concat([delta("a"), huge]))
      })
      const client = yield* connect(server)
      const texts: Array<string | undefined> = []
      const error = yield* Effect.scoped(Effect.gen(function*() {
        const { events } = yield* client.converseStream(request)
        return yield* Effect.flip(
          Stream.runForEach(events, (event) => Effect.sync(() => texts.push(event.contentBlockDelta?.delta?.text)))
        )
      }))
      assert.deepStrictEqual(texts, ["a"])
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.include(error.message, "a frame of 4294967295 bytes")
      assert.strictEqual(error.requestId, "request-3")
      yield* WireServer.eventually(() => server.running() === 0)
    }))

  it.live("calls a stream that the server cancels over HTTP/2 an error", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http2((_, answer) => {
        WireServer.streamHead(answer)
        answer.write(delta("a"))
        WireServer.soon(() => answer.reset(Http2.constants.NGHTTP2_CANCEL))
      })
      const client = yield* connect(server, { transport: { http2: true } })
      const { events } = yield* client.converseStream(request)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(events)))._tag, "ConnectionError")
    }))

  it.live("applies back-pressure while the stream is not read", () =>
    Effect.gen(function*() {
      let sent = 0
      const server = yield* WireServer.tcp((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\r\n")
          const frame = delta("x".repeat(10_000))
          const write = () => {
            sent += frame.length
            // as long as the kernel takes them
            if (socket.write(frame)) setImmediate(write)
            else socket.once("drain", write)
          }
          write()
        })
      })
      const client = yield* connect(server)
      const { events } = yield* client.converseStream(request)
      let before = -1
      yield* Effect.repeat(Effect.sleep("100 millis"), { until: () => before === (before = sent), times: 100 })
      assert.strictEqual(before, sent)
      yield* Stream.runDrain(Stream.take(events, 1000))
      yield* WireServer.eventually(() => sent > before)
    }))

  describe.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])("with fibers that yield after %i operations", (operations) => {
    it.live("ends every stream", () =>
      Effect.gen(function*() {
        const texts = Array.from({ length: 10 }, (_, index) => `${index}`)
        const server = yield* WireServer.http1((_, answer) => {
          WireServer.streamHead(answer)
          const send = (index: number): void => {
            if (index === texts.length) return answer.end(stop)
            answer.write(delta(texts[index]!))
            setImmediate(() => send(index + 1))
          }
          send(0)
        })
        const client = yield* connect(server)
        const streams = yield* Effect.forEach(
          Array.from({ length: 8 }),
          () =>
            Effect.scoped(Effect.flatMap(client.converseStream(request), ({ events }) => Stream.runCollect(events))),
          { concurrency: 4 }
        ).pipe(Effect.provideService(References.MaxOpsBeforeYield, operations))
        assert.deepStrictEqual(streams.map((events) => events.length), Array.from({ length: 8 }, () => 11))
      }))
  })
})
