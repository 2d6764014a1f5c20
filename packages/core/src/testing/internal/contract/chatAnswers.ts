/** Why an answer ended, what it took, what was thought, and answers with a schema. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatResponse from "../../../chat/ChatResponse.ts"
import * as Message from "../../../chat/Message.ts"
import * as StructuredOutput from "../../../chat/StructuredOutput.ts"
import { type Model, type Test, test } from "./chatModel.ts"
import { Person } from "./chatRequests.ts"
import { failure, holds, same } from "./expect.ts"

type Reason = ChatResponse.FinishReason

const expected = ({ subject }: Model, reason: Reason): Reason => subject.finishReasons?.[reason] ?? reason

const ends = (reason: Reason): Test =>
  test(`ends with "${reason}"`, ["script", "finishReasons"], () => ({ content: "so far", finishReason: reason }), (
    chat,
    model
  ) =>
    Effect.gen(function*() {
      const request = {
        messages: "Hi",
        maxTokens: 100,
        stopSequences: reason === "stop-sequence" ? ["END"] : undefined
      }
      const whole = yield* chat.generate(request)
      yield* same(whole.finishReason, expected(model, reason), "the finish reason")
      yield* same(whole.text, "so far", "the text")
      const last = yield* Stream.runLast(chat.stream(request))
      const finish = last._tag === "Some" && last.value.type === "finish" ? last.value.finishReason : undefined
      yield* same(finish, expected(model, reason), "the finish reason of the stream")
    }))

const thought: Message.ReasoningPart = { type: "reasoning", text: "Let me see.", signature: "c2lnbmF0dXJl" }

const reasoned = { messages: "Hi", maxTokens: 4_000, reasoning: { effort: "low", display: "summarized" } } as const

export const tests: ReadonlyArray<Test> = [
  ends("stop"),
  ends("length"),
  ends("stop-sequence"),
  ends("content-filter"),
  ends("refusal"),

  test(
    "answers nothing as empty text",
    ["script"],
    [{ content: [], finishReason: "stop" }],
    (chat) =>
      Effect.flatMap(
        chat.generate({ messages: "Hi" }),
        ({ finishReason, text }) => same({ finishReason, text }, { finishReason: "stop", text: "" }, "the answer")
      )
  ),

  test("counts tokens as the model does", ["script", "usage"], () => ({
    content: "Hello",
    usage: { inputTokens: 11, outputTokens: 7 }
  }), (chat) =>
    Effect.gen(function*() {
      const { usage } = yield* chat.generate({ messages: "Hi" })
      const counted = { inputTokens: 11, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 7, totalTokens: 18 }
      yield* same(usage, counted, "the usage")
    })),

  test("counts tokens read from a cache apart", ["script", "usage", "cacheUsage"], () => ({
    content: "Hello",
    usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 100 }
  }), (chat) =>
    Effect.flatMap(chat.generate({ messages: "Hi" }), ({ usage }) =>
      same(
        [usage.inputTokens, usage.cacheReadTokens, usage.totalTokens],
        [11, 100, 118],
        "input, read from the cache, total"
      ))),

  test("shows reasoning apart from the text", ["script", "reasoning"], () => ({
    content: [thought, Message.text("Hello")]
  }), (chat) =>
    Effect.gen(function*() {
      const { message, text } = yield* chat.generate(reasoned)
      yield* same(text, "Hello", "the text")
      const [reasoning] = Message.parts(message).filter(({ type }) => type === "reasoning")
      yield* same(reasoning?.type === "reasoning" ? reasoning.text : "", "Let me see.", "the reasoning")
    })),

  test("sends signed reasoning back with the next turn", ["script", "reasoning", "signatures"], () => ({
    content: [thought, Message.text("Hello")]
  }), (chat, model) =>
    Effect.gen(function*() {
      const first = yield* chat.generate(reasoned)
      yield* chat.generate({ ...reasoned, messages: [Message.user("Hi"), first.message, Message.user("And?")] })
      const [, second] = yield* model.requests
      const parts = (second?.messages ?? []).flatMap(Message.parts).filter(({ type }) => type === "reasoning")
      const [reasoning] = parts
      yield* same(parts.length, 1, "the number of reasoning parts that reach the model")
      yield* same(reasoning?.type === "reasoning" ? reasoning.text : "", "Let me see.", "the reasoning")
    })),

  test(
    "decodes structured output",
    ["script", "structuredOutput"],
    ["{\"name\":\"Ada\",\"age\":36}"],
    (chat, model) =>
      Effect.gen(function*() {
        const { value } = yield* StructuredOutput.object(Person, "Who?")
        yield* same(value, { name: "Ada", age: 36 }, "the value")
        const { responseFormat, tools } = yield* model.only
        yield* holds(
          responseFormat?.type === "json" || (tools ?? []).length > 0,
          "the schema should reach the model, as a format or as a tool"
        )
      })
  ),

  test(
    "fails with StructuredOutputError for an answer that does not match, and keeps the text",
    [
      "script",
      "structuredOutput"
    ],
    () => "{\"name\":\"Ada\",\"age\":\"old\"}",
    () =>
      Effect.gen(function*() {
        const error = yield* failure(StructuredOutput.object(Person, "Who?"), "an answer of a wrong type")
        yield* same(error._tag, "StructuredOutputError", "the error")
        yield* holds(
          error._tag === "StructuredOutputError" && error.text.includes("old"),
          "the error should have the text of the model"
        )
      })
  )
]
