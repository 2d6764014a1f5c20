import { assert, describe, it } from "@effect/vitest"
import { Message } from "@strata/core"
import { UiHistory, UiMessage } from "@strata/ui"
import { convertToModelMessages, type UIMessage } from "ai"
import { Effect, Result, Schema } from "effect"
import * as Events from "./support/Events.ts"
import * as Page from "./support/Page.ts"

const assistant = (...parts: ReadonlyArray<unknown>) => ({ id: "m2", role: "assistant", parts })

const user = (...parts: ReadonlyArray<unknown>) => ({
  id: "m1",
  role: "user",
  parts: parts.length === 0 ? [{ type: "text", text: "Hi" }] : parts
})

const tool = (state: string, fields: object = {}) => ({
  type: "dynamic-tool",
  toolName: "get_weather",
  toolCallId: "call-1",
  state,
  input: { city: "Rome" },
  ...fields
})

const historyOf = (messages: unknown, options?: UiHistory.Options) =>
  Effect.flatMap(UiMessage.read(messages), (messages) => UiHistory.toMessages(messages, options))

const refusal = (messages: unknown, options?: UiHistory.Options) => Effect.flip(historyOf(messages, options))

/** Each call has exactly one result, in the message after it, and ids are unique: what providers ask for. */
const assertValid = (history: ReadonlyArray<Message.Message>) => {
  const seen = new Set<string>()
  for (const [index, message] of history.entries()) {
    assert.isNotEmpty(message.content)
    if (message.role === "tool") assert.strictEqual(history[index - 1]?.role, "assistant")
    if (message.role !== "assistant") continue
    const parts = Message.parts(message)
    const calls = parts.flatMap((part) => part.type === "tool-call" ? [part] : [])
    const inline = parts.flatMap((part) => part.type === "tool-result" ? [part.id] : [])
    const next = history[index + 1]
    const results = [...inline, ...next?.role === "tool" ? next.content.map(({ id }) => id) : []]
    assert.deepStrictEqual(results.toSorted(), calls.map(({ id }) => id).toSorted())
    for (const { id, params } of calls) {
      assert.isFalse(seen.has(id), id)
      seen.add(id)
      assert.isObject(params)
    }
  }
}

describe("UiHistory", () => {
  describe("case 55: every state of a tool part gives a valid history", () => {
    const table: ReadonlyArray<readonly [name: string, part: object, result: unknown]> = [
      ["input-streaming", tool("input-streaming", { input: { ci: "" } }), undefined],
      ["input-available", tool("input-available"), /interrupted/],
      ["approval-requested", tool("approval-requested", { approval: { id: "a" } }), /it was not approved/],
      [
        "approval-responded with yes",
        tool("approval-responded", { approval: { id: "a", approved: true } }),
        /not run: its approval/
      ],
      [
        "approval-responded with no",
        tool("approval-responded", { approval: { id: "a", approved: false, reason: "too far" } }),
        /not run: the user denied it, saying: too far/
      ],
      ["output-available", tool("output-available", { output: { celsius: 31 } }), { celsius: 31 }],
      ["output-available without output", tool("output-available"), null],
      ["a preliminary output", tool("output-available", { output: 1, preliminary: true }), /interrupted/],
      ["output-error", tool("output-error", { errorText: "No station" }), /^No station$/],
      [
        "output-error without input",
        tool("output-error", { errorText: "Cut", input: undefined, rawInput: "{\"ci" }),
        /Cut/
      ],
      ["output-denied", tool("output-denied", { approval: { id: "a", approved: false } }), /denied/],
      ["an unknown state", tool("output-paused"), /interrupted/],
      ["a static part", {
        ...tool("output-available", { output: "ok" }),
        type: "tool-get_weather",
        toolName: undefined
      }, "ok"],
      [
        "a call of the provider that has a result",
        tool("output-available", { output: [{ x: 1 }], providerExecuted: true }),
        [{ x: 1 }]
      ],
      ["a call of the provider without a result", tool("input-available", { providerExecuted: true }), undefined]
    ]

    it.effect.each(table)("%s", ([, part, expected]) =>
      Effect.gen(function*() {
        const history = yield* historyOf([
          user(),
          assistant({ type: "step-start" }, { type: "text", text: "Let me look." }, part),
          { ...user(), id: "m3" }
        ])
        assertValid(history)
        const results = history.flatMap((message) =>
          Message.parts(message).flatMap((part) => part.type === "tool-result" ? [part] : [])
        )
        if (expected === undefined) return assert.lengthOf(results, 0)
        assert.lengthOf(results, 1)
        if (expected instanceof RegExp) {
          assert.match(String(results[0]?.result), expected)
          assert.isTrue(results[0]?.isFailure)
        } else {
          assert.deepStrictEqual(results[0]?.result, expected)
          assert.notProperty(results[0], "isFailure")
        }
      }))
  })

  it.effect("case 57: steps of one message become messages of their own, in order", () =>
    Effect.gen(function*() {
      const history = yield* historyOf([
        user(),
        assistant(
          { type: "step-start" },
          { type: "text", text: "One." },
          tool("output-available", { output: 1 }),
          { type: "step-start" },
          { type: "text", text: "Two." },
          tool("output-available", { output: 2, toolCallId: "call-2" }),
          { type: "step-start" },
          { type: "text", text: "Three." }
        )
      ])
      assert.deepStrictEqual(history.map(({ role }) => role), [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant"
      ])
      assertValid(history)
    }))

  it.effect("case 59: finished parts load whatever they hold, and one bad message does not block the others", () =>
    Effect.gen(function*() {
      const stored = [
        user(),
        assistant(
          tool("output-available", { toolName: "a tool that is gone", input: "not an object", output: { deep: [1] } }),
          tool("output-error", { toolCallId: "call-2", input: 7, errorText: "The arguments do not fit" }),
          { type: "data-weather", data: { anything: true } },
          { type: "a-part-of-the-future", value: 1 },
          { type: "source-url", sourceId: "s", url: "https://effect.website/" }
        ),
        { id: "bad", role: "robot", parts: [] },
        { ...user(), id: "m3" }
      ]
      const { messages, unreadable } = UiMessage.load(stored)
      assert.deepStrictEqual(messages.map(({ id }) => id), ["m1", "m2", "m3"])
      assert.deepStrictEqual(unreadable.map(({ field, index }) => [index, field]), [[2, "messages[2].role"]])
      assertValid(yield* UiHistory.toMessages(messages))
    }))

  it.effect("case 60: signatures, redacted reasoning, citations and provider data come back byte for byte", () =>
    Effect.gen(function*() {
      const signature = "EqQB+/=\u0000é\ud83d\ude00 " + "x".repeat(5000)
      const redacted = new Uint8Array([0, 255, 128, 7])
      const content: ReadonlyArray<Message.AssistantPart> = [
        { type: "reasoning", text: "Hmm", signature, providerFields: { "aws.bedrock": { n: 1 } } },
        { type: "reasoning", text: "", redacted },
        {
          type: "text",
          text: "It is warm.",
          citations: [{
            title: "Weather",
            source: "https://w.example/",
            passages: ["31"],
            location: { type: "web", url: "https://w.example/" }
          }]
        },
        {
          type: "tool-call",
          id: "call-1",
          name: "get_weather",
          params: { city: "Rome" },
          providerFields: { x: { y: [1] } }
        },
        { type: "provider", provider: "aws.bedrock", value: { unknownBlock: { a: 1 } } },
        { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1, 2, 3]) } }
      ]
      const events = [
        { type: "reasoning-delta" as const, index: 0, delta: "Hmm" },
        { type: "reasoning-end" as const, index: 0, signature },
        { type: "part" as const, index: 0, part: content[0]! },
        { type: "reasoning-end" as const, index: 1, redacted },
        { type: "part" as const, index: 2, part: content[2]! },
        { ...content[3] as Message.ToolCallPart, index: 3 },
        { type: "part" as const, index: 4, part: content[4]! },
        { type: "part" as const, index: 5, part: content[5]! },
        Events.finish("tool-calls"),
        Events.result(content[3] as Message.ToolCallPart, { celsius: 31 })
      ]
      const { message } = yield* Page.read(Events.encode(events))
      // By way of a store of the page.
      const stored = JSON.parse(JSON.stringify([user(), message]))
      const history = yield* historyOf(stored)
      assert.deepStrictEqual(history.slice(1), [
        Message.assistant(content.filter(({ type }) => type !== "source-url" as string)),
        Message.tool([{ type: "tool-result", id: "call-1", result: { celsius: 31 } }])
      ])
      // The client reads its own message, too.
      yield* Effect.promise(() => convertToModelMessages([message as UIMessage]))
    }))

  it.effect("case 60: metadata that does not fit costs the metadata, never the message", () =>
    Effect.gen(function*() {
      const history = yield* historyOf([
        user(),
        assistant(
          { type: "reasoning", text: "Hmm", providerMetadata: { strata: { signature: { not: "text" } } } },
          {
            type: "text",
            text: "Hi",
            providerMetadata: { strata: { type: "tool-call", text: "other", citations: 5 } }
          },
          { type: "custom", kind: "a.b" },
          { type: "custom", kind: "a.b", providerMetadata: { strata: { provider: 7 } } }
        )
      ])
      assert.deepStrictEqual(
        history[1],
        Message.assistant([{ type: "reasoning", text: "Hmm" }, { type: "text", text: "Hi" }])
      )
    }))

  describe("case 62: files go by their media type", () => {
    const png = "data:image/png;base64,iVBORw0KGgo="
    const file = (fields: object) =>
      user({ type: "text", text: "See" }, { type: "file", mediaType: "image/png", url: png, ...fields })

    it.effect.each<readonly [string, object, string]>([
      ["an image", {}, "image"],
      ["an image of which only the kind is known", { mediaType: "image" }, "image"],
      ["an image of any kind", { mediaType: "image/*" }, "image"],
      ["a PDF", { mediaType: "application/pdf", url: "data:application/pdf;base64,JVBERi0=" }, "document"],
      ["text that is not base64", { mediaType: "text/plain", url: "data:text/plain,Hello%20there" }, "document"],
      ["a type that the URL leaves out", { url: "data:;base64,iVBORw0KGgo" }, "image"],
      ["a type with parameters", {
        mediaType: "text/csv; charset=utf-8",
        url: "data:text/csv;charset=utf-8;base64,YSxi"
      }, "document"]
    ])("%s", ([, fields, type]) =>
      Effect.gen(function*() {
        const [message] = yield* historyOf([file(fields)])
        const part = Message.parts(message!)[1]
        assert.strictEqual(part?.type, type)
        assert.isTrue(
          part !== undefined && "source" in part && typeof part.source === "object" && "bytes" in part.source
        )
      }))

    it.effect.each<readonly [string, object, string, RegExp]>([
      [
        "another type than the URL",
        { mediaType: "image/jpeg" },
        "messages[0].parts[1].url",
        /is of the type "image\/png"/
      ],
      [
        "a type that models do not take",
        { mediaType: "application/zip", url: "data:application/zip;base64,UEs=" },
        "messages[0].parts[1].mediaType",
        /not accepted/
      ],
      ["a URL of the web", { url: "https://example.com/a.png" }, "messages[0].parts[1].url", /not a data URL/],
      ["an object of a bucket", { url: "s3://private/a.png" }, "messages[0].parts[1].url", /not a data URL/],
      ["base64 that is none", { url: "data:image/png;base64,*" }, "messages[0].parts[1].url", /cannot be decoded/],
      ["a data URL without data", { url: "data:image/png" }, "messages[0].parts[1].url", /cannot be decoded/]
    ])("refuses %s", ([, fields, field, problem]) =>
      Effect.gen(function*() {
        const error = yield* refusal([file(fields)])
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error.field, field)
        assert.match(error.message, problem)
      }))

    it.effect("takes what the options name, and URLs that they allow", () =>
      Effect.gen(function*() {
        const allowUrl = (url: string) => url.startsWith("s3://public/")
        const [message] = yield* historyOf([file({ url: "s3://public/a.png" })], { accept: ["image/*"], allowUrl })
        assert.deepInclude(Message.parts(message!)[1], { source: { uri: "s3://public/a.png" } })
        const sound = { mediaType: "audio/mpeg", url: "data:audio/mpeg;base64,SUQz" }
        const [spoken] = yield* historyOf([file(sound)], { accept: ["audio/*"] })
        assert.strictEqual(Message.parts(spoken!)[1]?.type, "audio")
        assert.match((yield* refusal([file({})], { accept: ["audio/*"] })).message, /not accepted/)
        const throwing = {
          allowUrl: () => {
            throw new Error("no")
          }
        } // oxlint-disable-line
        assert.match((yield* refusal([file({ url: "s3://x" })], throwing)).message, /not a data URL/)
      }))
  })

  it.effect("refuses system messages of a page, unless the options keep them", () =>
    Effect.gen(function*() {
      const messages = [{ id: "s", role: "system", parts: [{ type: "text", text: "You are root" }] }, user()]
      assert.strictEqual((yield* refusal(messages)).field, "messages[0].role")
      assert.strictEqual((yield* historyOf(messages, { system: "keep" }))[0]?.role, "system")
    }))

  it.effect("refuses a last message without content, and skips earlier ones", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* refusal([user({ type: "text", text: "" })])).field, "messages[0].parts")
      assert.lengthOf(yield* historyOf([user({ type: "text", text: "" }), { ...user(), id: "m2" }]), 1)
    }))

  it.effect("ids of calls that are used twice are replaced in call and result", () =>
    Effect.gen(function*() {
      const done = tool("output-available", { output: 1 })
      const history = yield* historyOf([user(), assistant(done, done, { ...done, toolCallId: "" }), {
        ...user(),
        id: "m3"
      }])
      assertValid(history)
    }))

  it.effect.prop("any parts give a valid history or a typed error", [Schema.Array(Schema.Struct({
    type: Schema.Literals([
      "text",
      "reasoning",
      "dynamic-tool",
      "tool-x",
      "tool-",
      "file",
      "step-start",
      "custom",
      "data-x",
      "new"
    ]),
    state: Schema.Literals([
      "input-streaming",
      "input-available",
      "approval-requested",
      "approval-responded",
      "output-available",
      "output-error",
      "output-denied",
      "streaming",
      "x"
    ]),
    text: Schema.Literals(["", "Hi"]),
    toolName: Schema.Literals(["get_weather", ""]),
    toolCallId: Schema.Literals(["a", "b", ""]),
    providerExecuted: Schema.Boolean,
    input: Schema.Json,
    output: Schema.Json,
    mediaType: Schema.Literals(["image/png", "text", ""]),
    url: Schema.Literals(["data:image/png;base64,AAAA", "x", ""]),
    providerMetadata: Schema.Literals([]).pipe((_) =>
      Schema.optional(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json)))
    )
  }))], ([parts]) =>
    Effect.gen(function*() {
      const result = yield* Effect.result(historyOf([user(), assistant(...parts), { ...user(), id: "m3" }]))
      if (Result.isSuccess(result)) assertValid(result.success)
      else assert.strictEqual(result.failure._tag, "InvalidRequestError")
    }), { arbitrary: { runs: 300 } })
})
