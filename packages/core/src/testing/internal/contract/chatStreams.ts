/** A stream gives what `generate` gives, in pieces, and ends with one `finish`. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../../../chat/ChatEvent.ts"
import type * as ChatRequest from "../../../chat/ChatRequest.ts"
import type * as ChatResponse from "../../../chat/ChatResponse.ts"
import * as Message from "../../../chat/Message.ts"
import type * as TestChat from "../../TestChat.ts"
import { echo, type Test, test } from "./chatModel.ts"
import type * as ChatSubject from "./chatSubject.ts"
import { holds, same } from "./expect.ts"

/** What must be equal; ids of requests and measured times differ. */
const comparable = ({ finishReason, message, model, text, toolCalls, usage }: ChatResponse.ChatResponse) => ({
  content: Message.parts(message),
  text,
  toolCalls,
  finishReason,
  usage,
  model
})

const equal = (
  name: string,
  needs: ReadonlyArray<ChatSubject.Feature>,
  reply: TestChat.Reply,
  request: ChatRequest.ChatRequest = { messages: "Hi" }
): Test =>
  test(`streams what it generates: ${name}`, needs, () => reply, (chat) =>
    Effect.gen(function*() {
      const whole = yield* chat.generate(request)
      const events = yield* Stream.runCollect(chat.stream(request))
      const streamed = yield* ChatEvent.collect(Stream.fromIterable(events))
      yield* same(comparable(streamed), comparable(whole), "what the events come to")
      yield* finishes(events)
    }))

const finishes = (events: ReadonlyArray<ChatEvent.ChatEvent>) =>
  Effect.andThen(
    same(events.filter(({ type }) => type === "finish").length, 1, "the number of `finish` events"),
    same(events.at(-1)?.type, "finish", "the last event")
  )

const tools = [{
  name: "get_weather",
  inputSchema: { type: "object", properties: { city: { type: "string" } } }
}]

const asked = (id: string, city: string): Message.ToolCallPart => ({
  type: "tool-call",
  id,
  name: "get_weather",
  params: { city, at: [1.5, null, "\u00e9\n\""] }
})

export const tests: ReadonlyArray<Test> = [
  test("streams the smallest request", [], echo, (chat) =>
    Effect.gen(function*() {
      const request = { messages: "What is the capital of France? It is Paris." }
      const whole = yield* chat.generate(request)
      const events = yield* Stream.runCollect(chat.stream(request))
      const text = events.map((event) => event.type === "text-delta" ? event.delta : "").join("")
      yield* same(text, whole.text, "the text of the stream")
      yield* finishes(events)
    })),

  equal("text", ["script"], "Hello, you there. How are you?"),
  equal("text of any script", ["script"], "東京 🏔️ \"quoted\"\n\tשלום\u2028."),
  equal("no text", ["script"], { content: [], finishReason: "stop" }),
  equal("cut text", ["script", "finishReasons"], { content: "so f", finishReason: "length" }),
  equal("a call", ["script", "tools"], { content: [asked("call_1", "Oslo")] }, { messages: "Hi", tools }),
  equal("text and a call", ["script", "tools"], { content: [Message.text("Let me look."), asked("call_1", "Oslo")] }, {
    messages: "Hi",
    tools
  }),
  equal("several calls", ["script", "tools", "parallelTools"], {
    content: [asked("call_1", "Oslo"), asked("call_2", "Rome"), asked("call_3", "Lima")]
  }, { messages: "Hi", tools }),
  equal("a call without arguments", ["script", "tools"], {
    content: [{ type: "tool-call", id: "call_1", name: "get_weather", params: {} }]
  }, { messages: "Hi", tools }),
  equal("reasoning and text", ["script", "reasoning"], {
    content: [{ type: "reasoning", text: "Let me see.", signature: "c2lnbmF0dXJl" }, Message.text("Hello")]
  }, { messages: "Hi", maxTokens: 4_000, reasoning: { effort: "low", display: "summarized" } }),
  equal("usage", ["script", "usage"], { content: "Hello", usage: { inputTokens: 11, outputTokens: 7 } }),

  test(
    "streams text in pieces while the model writes",
    ["script"],
    [{ chunks: ["one ", "two ", "three"] }],
    (chat) =>
      Effect.gen(function*() {
        const events = yield* Stream.runCollect(chat.stream({ messages: "Hi" }))
        const deltas = events.flatMap((event) => event.type === "text-delta" && event.delta !== "" ? [event.delta] : [])
        yield* same(deltas.join(""), "one two three", "the text")
        yield* holds(deltas.length > 1, "the text should come in more than one piece")
      })
  ),

  test("announces a call before its arguments, and ends with the whole", ["script", "tools"], [
    { content: [asked("call_1", "Oslo")] }
  ], (chat) =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(chat.stream({ messages: "Hi", tools }))
      const kinds = events.map(({ type }) => type).filter((type) => type.startsWith("tool"))
      yield* same(
        [kinds[0], kinds.at(-1)],
        ["tool-params-start", "tool-call"],
        "the first and the last event of the call"
      )
      const pieces = events.flatMap((event) => event.type === "tool-params-delta" ? [event.delta] : []).join("")
      const call = events.find((event) => event.type === "tool-call")
      yield* same(
        yield* Effect.try(() => JSON.parse(pieces)),
        call?.type === "tool-call" ? call.params : undefined,
        "the pieces of the arguments"
      )
    })),

  test("streams calls that run at once, each its own", ["script"], echo, (chat) =>
    Effect.forEach(
      Array.from({ length: 8 }, (_, index) => `question ${index}`),
      (text) =>
        Effect.flatMap(ChatEvent.collect(chat.stream({ messages: text })), (answer) =>
          same(answer.text, text, "the answer")),
      { concurrency: "unbounded", discard: true }
    )),

  test(
    "leaves a stream that is not read to its end",
    ["script"],
    () => "one two three four five",
    (chat) =>
      Effect.gen(function*() {
        const [first] = yield* Stream.runCollect(Stream.take(chat.stream({ messages: "Hi" }), 1))
        yield* holds(first !== undefined, "there should be an event")
        yield* same((yield* chat.generate({ messages: "Hi" })).text, "one two three four five", "the next answer")
      })
  )
]
