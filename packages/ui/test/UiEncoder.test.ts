import { assert, describe, it } from "@effect/vitest"
import { ChatService, ToolLoop } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { type UiChunk, type UiMessage, UiReader, UiStream } from "@strata/ui"
import type { UIMessage, UIMessageChunk } from "ai"
import { lastAssistantMessageIsCompleteWithToolCalls } from "ai"
import { Effect, Schema, Stream } from "effect"
import * as Events from "./support/Events.ts"
import * as Page from "./support/Page.ts"

// Every chunk is one of the client's.
const typed = (chunk: UiChunk.Chunk): unknown =>
  chunk as Exclude<UiChunk.Chunk, UIMessageChunk> extends never ? UIMessageChunk : never

const types = (chunks: ReadonlyArray<UiChunk.Chunk>) => chunks.map(({ type }) => type)

const rome = Events.call("call-1")

const fixtures: ReadonlyArray<readonly [string, ReadonlyArray<ToolLoop.Event>, ReadonlyArray<string>]> = [
  ["text", [Events.text(0, "Hel"), Events.text(0, "lo"), Events.finish()], ["step-start", "text"]],
  [
    "text, a tool, text again under the same index",
    [
      Events.text(0, "Let me look."),
      ...Events.called(1, rome),
      Events.finish("tool-calls"),
      Events.result(rome, { celsius: 31 }),
      Events.step(),
      Events.text(0, "31 degrees."),
      Events.finish(),
      Events.step(1),
      Events.ended("finished")
    ],
    ["step-start", "text", "dynamic-tool", "step-start", "text"]
  ],
  [
    "pieces of two blocks mixed",
    [Events.text(0, "a"), Events.text(1, "b"), Events.text(0, "c"), Events.finish()],
    ["step-start", "text", "text", "text"]
  ],
  [
    "reasoning, then text",
    [
      { type: "reasoning-delta", index: 0, delta: "Hmm" },
      { type: "reasoning-end", index: 0, signature: "sig" },
      Events.text(1, "Yes"),
      Events.finish()
    ],
    ["step-start", "reasoning", "text"]
  ],
  ["an answer without content", [Events.finish()], ["step-start"]]
]

describe("UiEncoder", () => {
  describe("case 53: the client reads every stream, and parts are closed before any other kind", () => {
    it.effect.each(fixtures)("%s", ([, events, expected]) =>
      Effect.gen(function*() {
        const chunks = Events.encode(events)
        typed(chunks[0]!)
        const { errors, message } = yield* Page.read(chunks)
        assert.deepStrictEqual(errors, [])
        assert.deepStrictEqual(message?.parts.map(({ type }) => type), expected)
        for (const part of message?.parts ?? []) if ("state" in part) assert.notInclude(part.state, "streaming")
        const starts = chunks.flatMap((chunk) =>
          chunk.type === "text-start" || chunk.type === "reasoning-start" ? [chunk.id] : []
        )
        assert.strictEqual(new Set(starts).size, starts.length)
      }))

    it.effect("a failure before the first token", () =>
      Effect.gen(function*() {
        const chunks = Events.encode([], { type: "failed", errorText: "Too busy" })
        assert.deepStrictEqual(types(chunks), ["start", "error"])
        const { errors } = yield* Page.read(chunks)
        assert.match(String(errors[0]), /Too busy/)
      }))

    it.effect("a failure in the middle closes what is open, so that nothing keeps streaming", () =>
      Effect.gen(function*() {
        const chunks = Events.encode(
          [Events.text(0, "Once upon"), ...Events.called(1, rome).slice(0, 2)],
          { type: "failed", errorText: "Cut" }
        )
        const { errors, message } = yield* Page.read(chunks)
        assert.match(String(errors[0]), /Cut/)
        assert.strictEqual(Page.textOf(message), "Once upon")
        assert.deepStrictEqual(message?.parts.map((part) => "state" in part ? part.state : ""), [
          "",
          "done",
          "output-error"
        ])
      }))

    it.effect.prop("any sequence of events, legal or not", [
      Schema.Array(Events.AnyEvent),
      Schema.Literals(["complete", "failed", "aborted"])
    ], ([actions, type]) =>
      Effect.gen(function*() {
        const events = actions.map(Events.toEvent)
        const chunks = Events.encode(events, type === "failed" ? { type, errorText: "no" } : { type })
        const { errors, message } = yield* Page.read(chunks)
        // Only what the server said went wrong; no error of the client itself.
        assert.deepStrictEqual(
          errors.map(String),
          chunks.flatMap((chunk) => chunk.type === "error" ? [`Error: ${chunk.errorText}`] : [])
        )
        for (const part of message?.parts ?? []) if ("state" in part) assert.notInclude(part.state ?? "", "streaming")
        // Our own reader builds the same message.
        const reader = UiReader.make()
        chunks.forEach(reader.add)
        if (message !== undefined) assert.deepStrictEqual(plain(reader.message()), plain(message))
      }), { arbitrary: { runs: 300 } })

    it.effect.prop(
      "a replay of any message gives the client the same message",
      [Schema.Array(Events.AnyEvent)],
      ([actions]) =>
        Effect.gen(function*() {
          const { message } = yield* Page.read(Events.encode(actions.map(Events.toEvent), { type: "aborted" }))
          if (message === undefined) return
          const start: UiChunk.Chunk = { type: "start", messageId: "m1", messageMetadata: message.metadata }
          const replayed = yield* Page.read([start, ...UiReader.replay(message as UiMessage.UiMessage)])
          assert.deepStrictEqual(plain(replayed.message), plain(message))
        }),
      { arbitrary: { runs: 200 } }
    )
  })

  it.effect("case 54: parts are closed before `finish-step`, and each answer has a step of its own", () =>
    Effect.sync(() => {
      const chunks = types(Events.encode(fixtures[1]![1]))
      assert.deepStrictEqual(chunks, [
        "start",
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        "tool-input-start",
        "tool-input-delta",
        "tool-input-available",
        "tool-output-available",
        "finish-step",
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        "finish-step",
        "finish"
      ])
    }))

  it.effect("case 51: denied, expired, superseded and failed calls look different on the page", () =>
    Effect.gen(function*() {
      const outcomes = ["success", "failed", "denied", "expired", "superseded", "unknown"] as const
      const calls = outcomes.map((outcome) => Events.call(outcome))
      const { errors, message } = yield* Page.read(Events.encode([
        ...calls.flatMap((call, index) => Events.called(index, call)),
        Events.finish("tool-calls"),
        ...calls.map((call, index) => Events.result(call, `text of ${call.id}`, outcomes[index]!)),
        Events.step(),
        Events.ended("finished")
      ]))
      assert.deepStrictEqual(errors, [])
      const states = message?.parts.flatMap((part) =>
        part.type === "dynamic-tool" ? [[part.state, part.errorText]] : []
      )
      assert.deepStrictEqual(states, [
        ["output-available", undefined],
        ["output-error", "text of failed"],
        ["output-denied", undefined],
        ["output-error", "text of expired"],
        ["output-error", "text of superseded"],
        ["output-error", "text of unknown"]
      ])
    }))

  it.effect("case 55: `finish` leaves no call open but those that wait, and a page does not send again by itself", () =>
    Effect.gen(function*() {
      const called = [
        ...Events.called(0, rome),
        ...Events.called(1, Events.call("call-2")),
        Events.finish("tool-calls")
      ]
      const max = yield* Page.read(Events.encode([...called, Events.ended("max-steps")]))
      assert.deepStrictEqual(statesOf(max.message), ["output-error", "output-error"])
      assert.isFalse(lastAssistantMessageIsCompleteWithToolCalls({ messages: [max.message!] }))
      const waiting = yield* Page.read(Events.encode([
        ...called,
        Events.ended("pending", [{ call: rome, kind: "approval" }, { call: Events.call("call-2"), kind: "result" }])
      ]))
      assert.deepStrictEqual(statesOf(waiting.message), ["approval-requested", "input-available"])
      const stopped = yield* Page.read(Events.encode(called, { type: "aborted" }))
      assert.deepStrictEqual(statesOf(stopped.message), ["output-error", "output-error"])
    }))

  it.effect("says what the message cost, also when it failed", () =>
    Effect.gen(function*() {
      const { message } = yield* Page.read(Events.encode([Events.text(0, "Hi"), Events.finish("length")]))
      assert.deepStrictEqual(message?.metadata, {
        model: "test-model",
        finishReason: "length",
        usage: { inputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 2, totalTokens: 5 }
      })
      const failed = yield* Page.read(
        Events.encode([Events.finish(), Events.step()], { type: "failed", errorText: "no" })
      )
      assert.property(failed.message?.metadata, "usage")
      const none = Events.encode([Events.finish()], undefined, { metadata: () => undefined })
      assert.notProperty(none.at(-1), "messageMetadata")
    }))

  it.effect("sources become links only to the web, once each", () =>
    Effect.gen(function*() {
      const cite = (source: string, title?: string): ToolLoop.Event => ({
        type: "citation",
        index: 0,
        citation: { source, ...(title !== undefined && { title }) }
      })
      const { message } = yield* Page.read(Events.encode([
        Events.text(0, "See there."),
        cite("https://effect.website/", "Effect"),
        cite("https://effect.website/", "Effect"),
        cite("javascript:alert(1)", "Not a link"),
        cite("handbook.pdf"),
        Events.finish()
      ]))
      assert.deepStrictEqual(
        message?.parts.flatMap((part) =>
          part.type === "source-url" ? [[part.url, part.title]] : part.type === "source-document" ? [[part.title]] : []
        ),
        [["https://effect.website/", "Effect"], ["Not a link"], ["handbook.pdf"]]
      )
    }))

  it.effect("keeps reasoning on the server when it is told to", () =>
    Effect.sync(() => {
      const chunks = Events.encode(
        [
          { type: "reasoning-delta", index: 0, delta: "secret" },
          { type: "reasoning-end", index: 0, signature: "s" },
          { type: "part", index: 0, part: { type: "reasoning", text: "secret" } },
          Events.text(1, "Hi"),
          Events.finish()
        ],
        undefined,
        { reasoning: false }
      )
      assert.notInclude(JSON.stringify(chunks), "secret")
    }))

  it.effect("a stream that ends without `finish` is an error that the user sees", () =>
    Effect.sync(() => {
      assert.strictEqual(Events.encode([Events.text(0, "Half")]).at(-1)?.type, "error")
    }))
})

describe("UiStream", () => {
  it.effect("encodes a chat, and its failure as text that says nothing of the cause", () =>
    Effect.gen(function*() {
      const stream = ChatService.stream("Hi").pipe(
        UiStream.fromEvents({ messageId: "m1" }, () => Effect.succeed("Sorry"))
      )
      const chunks = yield* Stream.runCollect(stream)
      assert.strictEqual(chunks.at(-1)?.type, "finish")
      const failed = yield* Stream.runCollect(stream)
      assert.deepStrictEqual(failed.at(-1), { type: "error", errorText: "Sorry" })
    }).pipe(Effect.provide(TestChat.layer(["Hello"]))))
})

const statesOf = (message: UIMessage | undefined) =>
  message?.parts.flatMap((part) => part.type === "dynamic-tool" ? [part.state] : [])

/** Without the fields that have no value. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
