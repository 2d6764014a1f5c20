import { assert, describe, it } from "@effect/vitest"
import { EventStreamCodec } from "@smithy/eventstream-codec"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Frame from "../src/http/Frame.ts"

const codec = new EventStreamCodec(
  (input) => typeof input === "string" ? input : new TextDecoder().decode(input),
  (text) => new TextEncoder().encode(text)
)

const Payload = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))

const eventTypes = Schema.String.check(Schema.isPattern(/^[a-zA-Z]{1,40}$/))

const padding = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Frame.maxPadding }))

describe("Frame", () => {
  it.effect.prop(
    "decodes any event it encoded",
    { type: eventTypes, payload: Payload, padding },
    (given) =>
      Effect.sync(() => {
        const { body, headers } = codec.decode(Frame.event(given.type, given.payload, given.padding))
        assert.deepStrictEqual(headers, {
          ":event-type": { type: "string", value: given.type },
          ":content-type": { type: "string", value: "application/json" },
          ":message-type": { type: "string", value: "event" }
        })
        const { p, ...payload } = JSON.parse(new TextDecoder().decode(body))
        assert.strictEqual(p.length, given.padding)
        const { p: _, ...expected } = JSON.parse(JSON.stringify(given.payload))
        assert.deepStrictEqual(payload, expected)
      })
  )

  it.effect.prop("makes corrupted frames that do not decode", { payload: Payload }, ({ payload }) =>
    Effect.sync(() => {
      const frame = Frame.event("metadata", payload, 0)
      assert.throws(() => codec.decode(Frame.corrupted(frame, "message")), /message checksum/)
      assert.throws(() => codec.decode(Frame.corrupted(frame, "prelude")), /prelude checksum/)
    }))

  it("encodes the names of exceptions and errors in the headers", () => {
    const exception = codec.decode(Frame.exception("throttlingException", { message: "Slow down" }))
    assert.strictEqual(exception.headers[":message-type"]?.value, "exception")
    assert.strictEqual(exception.headers[":exception-type"]?.value, "throttlingException")
    assert.strictEqual(new TextDecoder().decode(exception.body), `{"message":"Slow down"}`)
    const error = codec.decode(Frame.error("Odd", "Something odd"))
    assert.strictEqual(error.headers[":message-type"]?.value, "error")
    assert.strictEqual(error.headers[":error-code"]?.value, "Odd")
    assert.strictEqual(error.headers[":error-message"]?.value, "Something odd")
  })
})
