import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AnswerTool from "../../src/converse/format/AnswerTool.ts"

const call = (name: string, params: unknown = { age: 36 }): Message.ToolCallPart => ({
  type: "tool-call",
  id: `${name}-1`,
  name,
  params
})

const answered = (
  content: ReadonlyArray<Message.AssistantPart>,
  finishReason: ChatResponse.FinishReason = "tool-calls"
) =>
  ChatResponse.make(content, {
    finishReason,
    usage: Usage.make({ inputTokens: 1, outputTokens: 2 }),
    model: "some.model",
    providerMetadata: { bedrock: { stopReason: "tool_use" } }
  })

const restore = (...content: ReadonlyArray<Message.AssistantPart>) => {
  const { finishReason, message, text, toolCalls } = AnswerTool.inResponse(answered(content), "answer")
  return { finishReason, content: message.content, text, toolCalls }
}

const json = `{"age":36}`

describe("converse/AnswerTool", () => {
  it("makes text of the call, and a stop of its reason", () => {
    assert.deepStrictEqual(restore(call("answer")), {
      finishReason: "stop",
      content: [Message.text(json)],
      text: json,
      toolCalls: []
    })
  })

  it("keeps provider metadata and the finish reason", () => {
    const cut = answered([call("answer", `{"ag`)], "length")
    const restored = AnswerTool.inResponse(cut, "answer")
    assert.strictEqual(restored.text, `{"ag`)
    assert.strictEqual(restored.finishReason, "length")
    assert.deepStrictEqual(restored.usage, cut.usage)
    assert.deepStrictEqual(restored.providerMetadata, cut.providerMetadata)
  })

  it("leaves an answer alone that has no tool, or did not call it", () => {
    const response = answered([Message.text("Hello"), call("weather")])
    assert.strictEqual(AnswerTool.inResponse(response, undefined), response)
    assert.deepStrictEqual(AnswerTool.inResponse(response, "answer"), response)
    const said = answered([Message.text("Hello")])
    assert.deepStrictEqual(AnswerTool.inResponse(said, "answer"), said)
    assert.deepStrictEqual(AnswerTool.inResponse({ ...said, message: Message.assistant("Hello") }, "answer"), said)
    const events = Stream.fromIterable(ChatEvent.fromResponse(response))
    assert.strictEqual(AnswerTool.inStream(events, undefined), events)
  })

  it("drops text beside the call, but keeps reasoning", () => {
    const thought = { type: "reasoning" as const, text: "Hm.", signature: "s" }
    assert.deepStrictEqual(
      restore(thought, Message.text("I will answer."), call("answer"), Message.text("Done.")).content,
      [thought, Message.text(json)]
    )
  })

  it("accepts JSON written as text as the answer", () => {
    for (const text of [json, `\n${json}`, `\`\`\`json\n${json}\n\`\`\``]) {
      const restored = restore(Message.text(text), call("answer", { age: 1 }))
      assert.strictEqual(restored.text, text)
      assert.lengthOf(restored.toolCalls, 0)
      assert.strictEqual(restored.finishReason, "stop")
    }
  })

  it("counts the first call only", () => {
    assert.strictEqual(restore(call("answer"), call("answer", { age: 1 })).text, json)
  })

  it("leaves calls of other tools to the program", () => {
    const restored = restore(Message.text("Let me see."), call("weather"), call("answer"))
    assert.deepStrictEqual(restored.toolCalls, [call("weather")])
    assert.strictEqual(restored.finishReason, "tool-calls")
  })

  it.effect("streams the parameters as text", () =>
    Effect.gen(function*() {
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        { type: "text-delta", index: 0, delta: "I will" },
        { type: "text-delta", index: 0, delta: " answer {so}." },
        { type: "tool-params-start", index: 1, id: "a", name: "answer" },
        { type: "tool-params-delta", index: 1, id: "a", delta: `{"age"` },
        { type: "tool-params-delta", index: 1, id: "a", delta: `:36}` },
        { ...call("answer"), index: 1 },
        { type: "finish", ...answered([]) }
      ]
      const restored = yield* Stream.runCollect(AnswerTool.inStream(Stream.fromIterable(events), "answer"))
      assert.deepStrictEqual(restored.slice(0, -1), [
        { type: "text-delta", index: 1, delta: `{"age"` },
        { type: "text-delta", index: 1, delta: `:36}` }
      ])
      const last = restored.at(-1)
      assert(last?.type === "finish")
      assert.strictEqual(last.finishReason, "stop")
    }))

  it.effect("leaves out the whole of a text beside the call, and keeps that of an answer", () =>
    Effect.gen(function*() {
      const collect = (...content: ReadonlyArray<Message.AssistantPart>) =>
        ChatEvent.collect(
          AnswerTool.inStream(Stream.fromIterable(ChatEvent.fromResponse(answered(content))), "answer")
        )
      const marked = (text: string) => ({ ...Message.text(text), providerFields: { "aws.bedrock": { a: 1 } } })
      assert.deepStrictEqual((yield* collect(marked("I will."), call("answer"))).message.content, [Message.text(json)])
      assert.deepStrictEqual((yield* collect(marked(json))).message.content, [marked(json)])
    }))

  it.effect("streams a call without parameters as an empty object", () =>
    Effect.gen(function*() {
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        { type: "tool-params-start", index: 0, id: "a", name: "answer" },
        { ...call("answer", {}), index: 0 },
        { type: "finish", ...answered([]) }
      ]
      const response = yield* ChatEvent.collect(AnswerTool.inStream(Stream.fromIterable(events), "answer"))
      assert.strictEqual(response.text, "{}")
    }))

  it.effect("hands text out at once when it begins like JSON, else at the end", () =>
    Effect.gen(function*() {
      const say = (text: string) =>
        Effect.gen(function*() {
          const deltas: ReadonlyArray<ChatEvent.ChatEvent> = text.split("").map((delta) => ({
            type: "text-delta",
            index: 0,
            delta
          }))
          const early = yield* Stream.runCollect(AnswerTool.inStream(Stream.fromIterable(deltas), "answer"))
          const whole = AnswerTool.inStream(
            Stream.make(...deltas, ChatEvent.fromResponse(answered([], "stop"))[0]!),
            "answer"
          )
          return { early: early.length, text: (yield* ChatEvent.collect(whole)).text }
        })
      assert.deepStrictEqual(yield* say(` ${json}`), { early: json.length + 1, text: ` ${json}` })
      assert.deepStrictEqual(yield* say("I cannot {yet}."), { early: 0, text: "I cannot {yet}." })
    }))

  const Content = Schema.Array(Schema.Literals(["prose", "json", "blank", "thought", "answer", "weather"]))
  const partOf = (kind: (typeof Content)["Type"][number]): Message.AssistantPart => {
    switch (kind) {
      case "prose":
        return Message.text("Well, {then}.")
      case "json":
        return Message.text(json)
      case "blank":
        return Message.text(" ")
      case "thought":
        return { type: "reasoning", text: "Hm." }
      default:
        return call(kind)
    }
  }

  it.effect.prop("gives the same answer whole and streamed", [Content], ([kinds]) =>
    Effect.gen(function*() {
      const response = answered(kinds.map(partOf))
      const streamed = AnswerTool.inStream(Stream.fromIterable(ChatEvent.fromResponse(response)), "answer")
      const collected = yield* ChatEvent.collect(streamed)
      const whole = AnswerTool.inResponse(response, "answer")
      assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(collected)), JSON.parse(JSON.stringify(whole)))
      assert.isFalse(whole.toolCalls.some(({ name }) => name === "answer"))
    }))

  it("takes no call for the answer that the provider ran", () => {
    const ran = { ...call("answer"), providerExecuted: true }
    assert.deepStrictEqual(restore(ran, call("answer")), {
      finishReason: "stop",
      content: [ran, Message.text(json)],
      text: json,
      toolCalls: []
    })
  })

  it("is an empty object where the call has no parameters at all", () => {
    assert.strictEqual(restore(call("answer", () => 1)).text, "{}")
  })

  it.effect("streams calls of others and parts of other kinds unchanged, and no citation beside the call", () =>
    Effect.gen(function*() {
      const image: ChatEvent.ChatEvent = {
        type: "part",
        index: 3,
        part: { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }
      }
      const others: ReadonlyArray<ChatEvent.ChatEvent> = [
        { type: "tool-params-start", index: 2, id: "w", name: "weather" },
        { type: "tool-params-delta", index: 2, id: "w", delta: json },
        { ...call("weather"), index: 2 }
      ]
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        { type: "tool-params-start", index: 0, id: "a", name: "answer" },
        { type: "tool-params-delta", index: 0, id: "a", delta: json },
        { ...call("answer"), index: 0 },
        { type: "citation", index: 1, citation: { title: "t" } },
        { type: "tool-params-start", index: 4, id: "b", name: "answer" },
        { type: "tool-params-delta", index: 4, id: "b", delta: "{}" },
        { ...call("answer"), index: 4 },
        ...others,
        image
      ]
      const streamed = yield* Stream.runCollect(AnswerTool.inStream(Stream.fromIterable(events), "answer"))
      assert.deepStrictEqual<ReadonlyArray<ChatEvent.ChatEvent>>(streamed, [
        { type: "text-delta", index: 0, delta: json },
        ...others,
        image
      ])
    }))
})
