import type { ContentBlockDelta, ContentBlockStart, ConverseStreamOutput } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Events from "../../src/converse/Events.ts"

const origin = { model: "amazon.nova-lite-v1:0", requestId: "req-1" }

const decode = (frames: ReadonlyArray<ConverseStreamOutput>) => Events.decode(Stream.fromIterable(frames), origin)

const collect = (frames: ReadonlyArray<ConverseStreamOutput>) => ChatEvent.collect(decode(frames))

const text = (index: number, delta: string): ConverseStreamOutput => ({
  contentBlockDelta: { contentBlockIndex: index, delta: { text: delta } }
})
const stop = (index: number): ConverseStreamOutput => ({ contentBlockStop: { contentBlockIndex: index } })
const toolStart = (index: number, toolUseId: string, name: string): ConverseStreamOutput => ({
  contentBlockStart: { contentBlockIndex: index, start: { toolUse: { toolUseId, name } } }
})
const toolDelta = (index: number, input: string): ConverseStreamOutput => ({
  contentBlockDelta: { contentBlockIndex: index, delta: { toolUse: { input } } }
})
const startOf = (contentBlockIndex: number, start: ContentBlockStart): ConverseStreamOutput => ({
  contentBlockStart: { contentBlockIndex, start }
})
const deltaOf = (contentBlockIndex: number, delta: ContentBlockDelta): ConverseStreamOutput => ({
  contentBlockDelta: { contentBlockIndex, delta }
})
const start: ConverseStreamOutput = { messageStart: { role: "assistant" } }
const end: ReadonlyArray<ConverseStreamOutput> = [
  { messageStop: { stopReason: "end_turn" } },
  { metadata: { usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 }, metrics: { latencyMs: 30 } } }
]

describe("converse/Events", () => {
  it.effect("emits text without a start event", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(decode([start, text(0, "Hel"), text(0, "lo"), stop(0), ...end]))
      assert.deepStrictEqual(events.map((event) => event.type), ["text-delta", "text-delta", "finish"])
      const response = yield* collect([start, text(0, "Hel"), text(0, "lo"), stop(0), ...end])
      assert.strictEqual(response.text, "Hello")
      assert.strictEqual(response.finishReason, "stop")
      assert.strictEqual(response.usage.totalTokens, 7)
      assert.strictEqual(response.requestId, "req-1")
      assert.strictEqual(response.providerMetadata.bedrock?.latencyMs, 30)
    }))

  it.effect("gives a tool call as deltas and then as one decoded call", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(
        decode([start, toolStart(0, "t1", "add"), toolDelta(0, "{\"a\""), toolDelta(0, ":1}"), stop(0), ...end])
      )
      assert.deepStrictEqual(events.slice(0, 4), [
        { type: "tool-params-start", index: 0, id: "t1", name: "add" },
        { type: "tool-params-delta", index: 0, id: "t1", delta: "{\"a\"" },
        { type: "tool-params-delta", index: 0, id: "t1", delta: ":1}" },
        { type: "tool-call", index: 0, id: "t1", name: "add", params: { a: 1 } }
      ])
    }))

  it.effect("decodes a call without arguments to an empty object, and a cut one to its text", () =>
    Effect.gen(function*() {
      const response = yield* collect([
        toolStart(0, "t1", "now"),
        stop(0),
        toolStart(1, "t2", "add"),
        toolDelta(1, "{\"a\":"),
        ...end
      ])
      assert.deepStrictEqual(response.toolCalls.map((call) => call.params), [{}, "{\"a\":"])
    }))

  it.effect("joins signatures of reasoning", () =>
    Effect.gen(function*() {
      const reasoning = (index: number, delta: Record<string, unknown>) =>
        ({
          contentBlockDelta: { contentBlockIndex: index, delta: { reasoningContent: delta } }
        }) as ConverseStreamOutput // one member at a time
      const response = yield* collect([
        reasoning(0, { text: "Let me " }),
        reasoning(0, { text: "think." }),
        reasoning(0, { signature: "si" }),
        reasoning(0, { signature: "g=" }),
        stop(0),
        reasoning(1, { redactedContent: new Uint8Array([1]) }),
        reasoning(1, { redactedContent: new Uint8Array([2, 3]) }),
        stop(1),
        reasoning(2, { signature: "only" }),
        stop(2),
        text(3, "4"),
        stop(3),
        ...end
      ])
      assert.deepStrictEqual(response.message.content, [
        { type: "reasoning", text: "Let me think.", signature: "sig=" },
        { type: "reasoning", text: "", redacted: new Uint8Array([1, 2, 3]) },
        { type: "reasoning", text: "", signature: "only" },
        { type: "text", text: "4" }
      ])
    }))

  it.effect("marks tools run by the service, and keeps their results", () =>
    Effect.gen(function*() {
      const response = yield* collect([
        {
          contentBlockStart: {
            contentBlockIndex: 0,
            start: { toolUse: { toolUseId: "s1", name: "search", type: "server_tool_use" } }
          }
        },
        toolDelta(0, "{\"q\":1}"),
        stop(0),
        { contentBlockStart: { contentBlockIndex: 1, start: { toolResult: { toolUseId: "s1", type: "found" } } } },
        { contentBlockDelta: { contentBlockIndex: 1, delta: { toolResult: [{ text: "here" }] } } },
        stop(1),
        ...end
      ])
      assert.deepStrictEqual(response.toolCalls, [])
      assert.deepStrictEqual<ReadonlyArray<unknown>>(Message.parts(response.message), [
        { type: "tool-call", id: "s1", name: "search", params: { q: 1 }, providerExecuted: true },
        { type: "tool-result", id: "s1", result: [{ text: "here" }], providerExecuted: true, providerType: "found" }
      ])
    }))

  it.effect("gives citations with the text they belong to", () =>
    Effect.gen(function*() {
      const citation = { title: "Report", location: { documentPage: { documentIndex: 0, start: 1, end: 2 } } }
      const response = yield* collect([
        text(0, "It grew."),
        { contentBlockDelta: { contentBlockIndex: 0, delta: { citation } } },
        stop(0),
        ...end
      ])
      assert.strictEqual(response.text, "It grew.")
      assert.deepStrictEqual(response.message.content, [{
        type: "text",
        text: "It grew.",
        citations: [{ title: "Report", location: { type: "document-page", documentIndex: 0, start: 1, end: 2 } }]
      }])
    }))

  it.effect("puts an image together", () =>
    Effect.gen(function*() {
      const response = yield* collect([
        { contentBlockStart: { contentBlockIndex: 0, start: { image: { format: "png" } } } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { image: { source: { bytes: new Uint8Array([1]) } } } } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { image: { source: { bytes: new Uint8Array([2]) } } } } },
        stop(0),
        ...end
      ])
      assert.deepStrictEqual(response.message.content, [
        { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1, 2]) } }
      ])
    }))

  it.effect("treats a call of any other type as a call of the program, and keeps its type", () =>
    Effect.gen(function*() {
      for (const type of ["tool_use", "a_new_type"]) {
        const response = yield* collect([
          startOf(0, { toolUse: { toolUseId: "t1", name: "add", type: type as never } }), // the SDK knows one type
          toolDelta(0, "{\"a\":1}"),
          stop(0),
          ...end
        ])
        assert.deepStrictEqual(response.toolCalls, [
          { type: "tool-call", id: "t1", name: "add", params: { a: 1 }, providerType: type }
        ])
      }
    }))

  it.effect("keeps integers that a number cannot hold as their text", () =>
    Effect.gen(function*() {
      const json = "{\"id\":2512292042121000001,\"of\":[{\"id\":-9007199254740993}]}"
      const response = yield* collect([
        toolStart(0, "t1", "lookup"),
        ...json.split("").map((piece) => toolDelta(0, piece)),
        stop(0),
        ...end
      ])
      const params = { id: "2512292042121000001", of: [{ id: "-9007199254740993" }] }
      assert.deepStrictEqual(response.toolCalls.map((call) => call.params), [params])
    }))

  describe("tells blocks apart by their starts and stops, not by the service's index", () => {
    const call = (id: string) => ({ type: "tool-call" as const, id, name: "add", params: { id } })
    const called = (index: number, id: string) => [toolStart(index, id, "add"), toolDelta(index, `{"id":"${id}"}`)]
    const said = (value: string) => ({ type: "text" as const, text: value })
    const thought = (index: number, delta: Record<string, unknown>) =>
      deltaOf(index, { reasoningContent: delta as never }) // one member at a time
    const cases: ReadonlyArray<
      readonly [name: string, frames: ReadonlyArray<ConverseStreamOutput>, content: ReadonlyArray<unknown>]
    > = [
      [
        "two calls in a row",
        [...called(0, "a"), stop(0), ...called(0, "b"), stop(0)],
        [call("a"), call("b")]
      ],
      ["two calls without a stop", [...called(0, "a"), ...called(0, "b")], [call("a"), call("b")]],
      ["text and a call", [text(0, "Hm"), stop(0), ...called(0, "a"), stop(0)], [said("Hm"), call("a")]],
      ["text and a call without a stop", [text(0, "Hm"), ...called(0, "a"), stop(0)], [said("Hm"), call("a")]],
      ["a call and text without a stop", [...called(0, "a"), text(0, "Hm"), stop(0)], [call("a"), said("Hm")]],
      ["text twice", [text(0, "a"), stop(0), text(0, "b"), stop(0)], [said("a"), said("b")]],
      [
        "thoughts, text and a call",
        [thought(0, { text: "Hm" }), thought(0, { signature: "s" }), text(0, "So"), ...called(0, "a"), stop(0)],
        [{ type: "reasoning", text: "Hm", signature: "s" }, said("So"), call("a")]
      ],
      [
        "thoughts that follow each other",
        [
          thought(0, { text: "a" }),
          thought(0, { signature: "s1" }),
          thought(0, { text: "b" }),
          thought(0, { signature: "s2" }),
          thought(0, { redactedContent: new Uint8Array([1]) })
        ],
        [
          { type: "reasoning", text: "a", signature: "s1" },
          { type: "reasoning", text: "b", signature: "s2" },
          { type: "reasoning", text: "", redacted: new Uint8Array([1]) }
        ]
      ],
      [
        "blocks at the same time",
        [
          toolStart(1, "a", "add"),
          text(0, "H"),
          toolDelta(1, "{\"id\":"),
          text(0, "m"),
          toolDelta(1, "\"a\"}"),
          stop(1)
        ],
        [call("a"), said("Hm")]
      ],
      ["stops of nothing, and two of one block", [stop(3), text(0, "a"), stop(0), stop(0), stop(1)], [said("a")]],
      ["one start twice", [toolStart(0, "a", "add"), ...called(0, "a")], [{ ...call("a"), params: {} }, call("a")]]
    ]

    it.effect.each(cases)("%s", ([, frames, content]) =>
      Effect.gen(function*() {
        const response = yield* collect([...frames, ...end])
        assert.deepStrictEqual<unknown>(response.message.content, content)
        const events = yield* Stream.runCollect(decode([...frames, ...end]))
        const indexes = new Set(events.flatMap((event) => "index" in event ? [event.index] : []))
        assert.deepStrictEqual([...indexes].sort(), content.map((_, index) => index))
      }))

    it.effect("where the service gives none", () =>
      Effect.gen(function*() {
        const bare = [text(0, "Hm"), stop(0), ...called(0, "a"), stop(0), ...called(0, "b"), stop(0)].map((frame) =>
          JSON.parse(
            JSON.stringify(frame).replace("\"contentBlockIndex\":0,", "").replace("\"contentBlockIndex\":0", "")
          )
        )
        const response = yield* collect([...bare, ...end])
        assert.deepStrictEqual<unknown>(response.message.content, [said("Hm"), call("a"), call("b")])
      }))
  })

  it.effect("keeps empty text, which signed reasoning may need", () =>
    Effect.gen(function*() {
      const sealed = (index: number, signature: string) => deltaOf(index, { reasoningContent: { signature } })
      const response = yield* collect([sealed(0, "a"), stop(0), text(1, ""), stop(1), sealed(2, "b"), stop(2), ...end])
      assert.deepStrictEqual(response.message.content, [
        { type: "reasoning", text: "", signature: "a" },
        { type: "text", text: "" },
        { type: "reasoning", text: "", signature: "b" }
      ])
    }))

  it.effect("keeps sources that belong to no text, and places this version does not know", () =>
    Effect.gen(function*() {
      const web = { web: { url: "https://example.com", domain: "example.com" } }
      const video = { $unknown: ["video", { second: 3 }] as [string, unknown] }
      const response = yield* collect([
        deltaOf(0, { citation: { location: web } }),
        stop(0),
        text(1, "So it is"),
        deltaOf(1, { citation: { title: "T", location: video } }),
        stop(1),
        ...end
      ])
      assert.deepStrictEqual(response.message.content, [
        { type: "text", text: "", citations: [{ location: { type: "web", ...web.web } }] },
        {
          type: "text",
          text: "So it is",
          citations: [{ title: "T" }],
          providerFields: { "aws.bedrock": { citationsContent: { citations: [{ location: video }] } } }
        }
      ])
    }))

  it.effect("joins an unknown block in the service's own format", () =>
    Effect.gen(function*() {
      const unknown = (piece: unknown): ContentBlockDelta => ({ $unknown: ["hologram", piece] })
      const response = yield* collect([
        startOf(0, { $unknown: ["hologram", { depth: 3, text: "a" }] }),
        deltaOf(0, unknown({ text: "b", points: [1] })),
        deltaOf(0, unknown({ text: "c", points: [2, 3] })),
        stop(0),
        ...end
      ])
      assert.deepStrictEqual(response.message.content, [{
        type: "provider",
        provider: "aws.bedrock",
        value: { $unknown: ["hologram", { depth: 3, text: "abc", points: [1, 2, 3] }] }
      }])
    }))

  it.effect("reports a refusal", () =>
    Effect.gen(function*() {
      const stopReason = "refusal" as never // the SDK does not know it
      const response = yield* collect([text(0, "No"), stop(0), { messageStop: { stopReason } }, end[1]!])
      assert.strictEqual(response.finishReason, "refusal")
    }))

  it.effect("fails when the frames end before the stop or before the usage", () =>
    Effect.gen(function*() {
      for (const frames of [[], [start], [start, text(0, "Hel")], [text(0, "Hello"), stop(0), end[0]!]]) {
        const error = yield* Effect.flip(Stream.runDrain(decode(frames)))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.strictEqual(error.requestId, "req-1")
      }
    }))

  it.effect("ignores failures after the end", () =>
    Effect.gen(function*() {
      const frames = Stream.concat(Stream.fromIterable([text(0, "Hello"), ...end]), Stream.fail("reset"))
      const events = yield* Stream.runCollect(Events.decode(frames, origin))
      assert.deepStrictEqual(events.map((event) => event.type), ["text-delta", "finish"])
    }))

  it.effect("fails when a tool call continues that never started", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(decode([toolDelta(0, "{}"), ...end])))
      assert.strictEqual(error._tag, "MalformedResponseError")
    }))

  it.effect("accepts usage before the stop, and ignores events after the end", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(decode([text(0, "a"), end[1]!, end[0]!, text(0, "b"), ...end]))
      assert.deepStrictEqual(events.map((event) => event.type), ["text-delta", "finish"])
    }))

  const Frame = Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  const frameOf = (kind: number, index: number): ConverseStreamOutput => {
    switch (kind) {
      case 0:
        return start
      case 1:
        return text(index, "x")
      case 2:
        return stop(index)
      case 3:
        return toolStart(index, "t", "add")
      case 4:
        return toolDelta(index, "{")
      case 5:
        return end[0]!
      case 6:
        return end[1]!
      case 7:
        return { contentBlockDelta: { contentBlockIndex: index, delta: { reasoningContent: { text: "r" } } } }
      case 8:
        return { contentBlockDelta: {} } as ConverseStreamOutput // not what the types promise
      case 9:
        return { $unknown: ["novelty", { a: 1 }] }
      default:
        return {} as ConverseStreamOutput // not what the types promise
    }
  }

  it.effect.prop(
    "never throws, and ends with exactly one finish or a typed error, whatever the frames",
    [Schema.Array(Schema.Tuple([Frame, Schema.Literals([0, 1, 2])]))],
    ([kinds]) =>
      Effect.gen(function*() {
        const frames = kinds.map(([kind, index]) => frameOf(kind, index))
        const events: Array<ChatEvent.ChatEvent> = []
        const exit = yield* Effect.result(
          Stream.runForEach(decode(frames), (event) => Effect.sync(() => events.push(event)))
        )
        const finishes = events.filter((event) => event.type === "finish").length
        const complete = exit._tag === "Success"
        assert.strictEqual(finishes, complete ? 1 : 0)
        if (complete) assert.strictEqual(events[events.length - 1]?.type, "finish")
      })
  )
})
