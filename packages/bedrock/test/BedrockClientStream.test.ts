import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as ResponseEvents from "../src/internal/responseEvents.ts"
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

    it.live("gives the events in order, without those nobody knows, and the id of the request", () =>
      Effect.gen(function*() {
        const texts = Array.from({ length: 200 }, (_, index) => `${index}`)
        const { exit, requestId, texts: seen } = yield* read(
          WireServer.streaming([...texts.map(delta), event("somethingNew", { a: 1 }), stop])
        )
        assert.deepStrictEqual(seen, [...texts, "messageStop"])
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(requestId, "request-3")
      }))

    it.live.each<[string, ProviderError.ProviderError["_tag"], Uint8Array]>([
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

    it.live("is empty when the service says nothing", () =>
      Effect.gen(function*() {
        const { exit, texts } = yield* read(WireServer.streaming([]))
        assert.deepStrictEqual(texts, [])
        assert.isTrue(Exit.isSuccess(exit))
      }))
  })

  it.live("reads no further than 64 events while the consumer is slow", () =>
    Effect.gen(function*() {
      let pulled = 0
      const iterator: AsyncIterator<number> = { next: () => Promise.resolve({ value: pulled++, done: false }) }
      const [first] = yield* ResponseEvents.fromIterator(iterator, end).pipe(
        Stream.tap(() => Effect.sleep("20 millis")),
        Stream.take(1),
        Stream.runCollect
      )
      assert.strictEqual(first, 0)
      // what was handed over and what waits: one batch each
      assert.isAtMost(pulled, 130)
    }))

  it.live("hands over together what came together", () =>
    Effect.gen(function*() {
      let next = 0
      const iterator: AsyncIterator<number> = {
        next: () => Promise.resolve(next < 10 ? { value: next++, done: false } : { value: undefined, done: true })
      }
      const arrays = yield* Stream.runCollect(Stream.chunks(ResponseEvents.fromIterator(iterator, end)))
      assert.deepStrictEqual(arrays, [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    }))

  it.live("hands over the first event without waiting for the second", () =>
    Effect.gen(function*() {
      let next = 0
      const iterator: AsyncIterator<number> = {
        next: () => next === 0 ? Promise.resolve({ value: next++, done: false }) : new Promise(() => {})
      }
      const [first] = yield* Stream.runCollect(Stream.take(ResponseEvents.fromIterator(iterator, end), 1))
      assert.strictEqual(first, 0)
    }))
})

const end: ResponseEvents.End<never> = { done: Cause.done(), fail: Effect.die }
