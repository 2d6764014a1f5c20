import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/Message"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { throughJson } from "./ChatFixture.ts"

const bytes = new Uint8Array([0, 1, 254, 255])

/** One message of every role, with every part and every option. */
const conversation: ReadonlyArray<Message.Message> = [
  Message.system("Be brief"),
  Message.system([Message.text("Be brief", { cache: { ttl: "1h" } })]),
  Message.user("Hi 👋 \u0000 \u2028"),
  Message.user([
    Message.text("What is this?", { cache: true }),
    { type: "image", mediaType: "image/png", source: { bytes }, cache: false },
    { type: "document", mediaType: "application/pdf", name: "a.pdf", source: { uri: "s3://b/k", bucketOwner: "1" } },
    { type: "document", mediaType: "text/plain", name: "empty", source: { bytes: new Uint8Array() } },
    { type: "provider", provider: "test", value: { video: { bytes }, list: [1, null, { deep: [bytes] }] } }
  ]),
  Message.assistant([
    { type: "reasoning", text: "Hm", signature: "c2VhbA==" },
    { type: "reasoning", text: "", redacted: bytes },
    { type: "tool-call", id: "1", name: "now", params: { zone: "UTC", list: [1, "a", null], nothing: {} } },
    { type: "tool-call", id: "2", name: "then", params: null }
  ]),
  Message.tool([
    { type: "tool-result", id: "1", result: { at: 0 }, cache: true },
    { type: "tool-result", id: "2", result: "no such time", isFailure: true }
  ]),
  Message.assistant("Done")
]

describe("Message", () => {
  it.effect.each(conversation)("goes through JSON unharmed: %#", (message) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* throughJson(Message.Message, message), message)
    }))

  it.effect.prop(
    "goes through JSON unharmed, whatever its text",
    [Schema.String, Schema.Uint8Array, Schema.Json],
    ([text, bytes, generated]) =>
      Effect.gen(function*() {
        // JSON text has no negative zero, so the value starts as one that JSON text can say.
        const value: unknown = JSON.parse(JSON.stringify(generated))
        const message = Message.user([
          Message.text(text),
          { type: "image", mediaType: text, source: { bytes } },
          { type: "provider", provider: text, value }
        ])
        assert.deepStrictEqual(yield* throughJson(Message.Message, message), message)
      })
  )

  it.effect("leaves out what JSON cannot say", () =>
    Effect.gen(function*() {
      const message = (result: unknown) => Message.tool([{ type: "tool-result", id: "1", result }])
      const given = message({ kept: [1, undefined], left: undefined })
      assert.deepStrictEqual(yield* throughJson(Message.Message, given), message({ kept: [1, null] }))
      assert.deepStrictEqual(yield* throughJson(Message.Message, message(undefined)), message(null))
    }))

  it.effect("refuses to encode what has no meaning in JSON", () =>
    Effect.gen(function*() {
      const cycle: { self?: unknown } = {}
      cycle.self = cycle
      for (const value of [cycle, () => 1, 10n, Number.NaN, { deep: [Symbol("s")] }]) {
        const message = Message.user([{ type: "provider", provider: "test", value }])
        const error = yield* Effect.flip(throughJson(Message.Message, message))
        assert.strictEqual(error._tag, "SchemaError")
      }
    }))

  it.effect("refuses a part in the mouth of the wrong speaker", () =>
    Effect.gen(function*() {
      const call = { type: "tool-call", id: "1", name: "now", params: {} }
      const decode = Schema.decodeUnknownEffect(Message.Message)
      assert.isTrue((yield* Effect.exit(decode({ role: "user", content: [call] })))._tag === "Failure")
      assert.isTrue((yield* Effect.exit(decode({ role: "assistant", content: [call] })))._tag === "Success")
    }))
})

describe("Message.textOf", () => {
  it("joins the text and leaves everything else out", () => {
    assert.strictEqual(Message.textOf(Message.user("Hi")), "Hi")
    assert.strictEqual(Message.textOf(Message.tool([])), "")
    assert.strictEqual(
      Message.textOf(Message.assistant([
        { type: "reasoning", text: "Hm" },
        Message.text("a"),
        { type: "tool-call", id: "1", name: "now", params: {} },
        Message.text("b")
      ])),
      "ab"
    )
  })
})

describe("Message.parts", () => {
  it("takes a string for one text part", () => {
    assert.deepStrictEqual(Message.parts(Message.user("Hi")), [{ type: "text", text: "Hi" }])
    assert.deepStrictEqual(Message.parts(Message.user([])), [])
  })
})
