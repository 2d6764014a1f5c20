import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
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
    { type: "document", mediaType: "text/plain", name: "b", source: { text: "b" }, context: "a note", citations: true },
    { type: "document", mediaType: "text/plain", name: "c", source: { pieces: ["c", ""] } },
    { type: "video", mediaType: "video/mp4", source: { uri: "s3://b/v" }, cache: true },
    { type: "audio", mediaType: "audio/wav", source: { bytes } },
    { type: "search-result", source: "https://a", title: "A", content: ["a", "b"], citations: false },
    { type: "text", text: "guarded", guard: { qualifiers: ["query", "guard_content"] } },
    { type: "provider", provider: "test", value: { video: { bytes }, list: [1, null, { deep: [bytes] }] } }
  ]),
  Message.assistant([
    { type: "reasoning", text: "Hm", signature: "c2VhbA==" },
    { type: "reasoning", text: "", redacted: bytes },
    { type: "tool-call", id: "1", name: "now", params: { zone: "UTC", list: [1, "a", null], nothing: {} } },
    { type: "tool-call", id: "2", name: "then", params: null, providerExecuted: true },
    {
      type: "text",
      text: "So it says",
      citations: [
        {
          title: "A",
          source: "a",
          passages: ["a"],
          location: { type: "document-page", documentIndex: 0, start: 1, end: 2 }
        },
        { location: { type: "web", url: "https://a", domain: "a" } },
        { location: { type: "search-result", searchResultIndex: 3 } }
      ]
    }
  ]),
  Message.system([{ type: "tool-addition", name: "now" }, { type: "tool-removal", name: "then", serverName: "s" }]),
  Message.tool([
    { type: "tool-result", id: "1", result: { at: 0 }, cache: true },
    { type: "tool-result", id: "2", result: "no such time", isFailure: true },
    {
      type: "tool-result",
      id: "3",
      result: null,
      parts: [{ type: "image", mediaType: "image/png", source: { bytes } }]
    },
    { type: "tool-result", id: "4", parts: [{ type: "json", value: { at: [0, null] } }, Message.text("later")] }
  ]),
  Message.assistant("Done")
]

describe("Message", () => {
  it("has every type of part in the conversation that goes through JSON", () => {
    const said = new Set(
      conversation.flatMap(Message.parts)
        .flatMap((part): ReadonlyArray<Message.Part> =>
          part.type === "tool-result" ? [part, ...part.parts ?? []] : [part]
        )
        .map((part) => part.type)
    )
    const all = Message.Part.members.map((member) => member.fields.type.schema.literal)
    assert.deepStrictEqual([...said].sort(), [...all].sort())
  })

  it.effect.each(conversation)("round-trips through JSON: %#", (message) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* throughJson(Message.Message, message), message)
    }))

  it.effect.prop(
    "round-trips through JSON with any text",
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

  it.effect("omits `undefined`", () =>
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

  it.effect("refuses a part of another role", () =>
    Effect.gen(function*() {
      const call = { type: "tool-call", id: "1", name: "now", params: {} }
      const decode = Schema.decodeUnknownEffect(Message.Message)
      assert.isTrue((yield* Effect.exit(decode({ role: "user", content: [call] })))._tag === "Failure")
      assert.isTrue((yield* Effect.exit(decode({ role: "assistant", content: [call] })))._tag === "Success")
    }))
})

describe("The schemas of messages and parts", () => {
  it("make plain objects with their role or type", () => {
    const message = Message.UserMessage.make({ content: [Message.TextPart.make({ text: "Hi" })] })
    assert.deepStrictEqual(message, { role: "user", content: [{ type: "text", text: "Hi" }] })
    assert.strictEqual(Object.getPrototypeOf(message), Object.prototype)
  })

  it.effect("have fields for the schemas of programs", () =>
    Effect.gen(function*() {
      const Kept = Schema.Struct({ ...Message.ToolCallPart.fields, keptAt: Schema.Finite })
      const kept = { type: "tool-call" as const, id: "1", name: "now", params: { bytes }, keptAt: 5 }
      assert.deepStrictEqual(yield* throughJson(Kept, kept), kept)
    }))
})

describe("Message.textOf", () => {
  it("joins the text parts only", () => {
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
  it("reads a string as one text part", () => {
    assert.deepStrictEqual(Message.parts(Message.user("Hi")), [{ type: "text", text: "Hi" }])
    assert.deepStrictEqual(Message.parts(Message.user([])), [])
  })
})

describe("Message.withoutReasoning", () => {
  it("removes reasoning, and messages of nothing else", () => {
    const thought: Message.ReasoningPart = { type: "reasoning", text: "Hm", signature: "s" }
    const question = Message.user("Q")
    const plain = Message.assistant("A")
    assert.deepStrictEqual(
      Message.withoutReasoning([
        question,
        { ...Message.assistant([thought, Message.text("A")]), cache: true },
        question,
        Message.assistant([thought, { type: "reasoning", text: "", redacted: bytes }]),
        plain
      ]),
      [question, { ...Message.assistant([Message.text("A")]), cache: true }, question, plain]
    )
  })

  it("leaves every other message the same object", () => {
    const messages = [Message.user("Q"), Message.assistant([Message.text("A")]), Message.tool([])]
    const kept = Message.withoutReasoning(messages)
    messages.forEach((message, index) => assert.strictEqual(kept[index], message))
  })
})
