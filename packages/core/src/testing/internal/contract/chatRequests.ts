/** What a request says reaches the model; what the model lacks is refused. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../../chat/ChatRequest.ts"
import * as Message from "../../../chat/Message.ts"
import { echo, outline, type Test, test } from "./chatModel.ts"
import type * as ChatSubject from "./chatSubject.ts"
import { holds, refusal as refused, same } from "./expect.ts"
import * as Media from "./media.ts"

const option = <Key extends "maxTokens" | "temperature" | "topP" | "stopSequences">(
  key: Key,
  value: ChatRequest.ChatRequest[Key]
): Test =>
  test(`sends ${key}`, ["script", key], echo, (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate({ messages: "Hi", [key]: value })
      yield* same((yield* model.only)[key], value, key)
    }))

export const tests: ReadonlyArray<Test> = [
  test("answers text with its model and provider", ["script"], ["Hello!"], (chat) =>
    Effect.gen(function*() {
      const response = yield* chat.generate({ messages: "Hi" })
      yield* same(response.text, "Hello!", "the text")
      yield* same(Message.textOf(response.message), "Hello!", "the text of the message")
      yield* same(response.message.role, "assistant", "the role of the message")
      yield* same(response.toolCalls, [], "the calls")
      yield* holds(response.model.length > 0, "the response should name its model")
      yield* holds((response.provider ?? "").length > 0, "the response should name its provider")
    })),

  test("answers any implementation's smallest request", [], echo, (chat) =>
    Effect.gen(function*() {
      const response = yield* chat.generate({ messages: "What is the capital of France? It is Paris." })
      yield* holds(response.text.length > 0, "there should be a text")
      yield* same(response.finishReason, "stop", "the finish reason")
      yield* holds(response.usage.outputTokens > 0, "the usage should count the answer")
    })),

  test("takes text and a list of messages as the same", ["script"], echo, (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate({ messages: "Hi" })
      yield* chat.generate({ messages: [Message.user("Hi")] })
      yield* chat.generate({ messages: [Message.user([Message.text("Hi")])] })
      const seen = (yield* model.requests).map(({ messages }) => outline(messages))
      yield* same(seen, Array.from({ length: 3 }, () => ["user: Hi"]), "what the model reads")
    })),

  test("sends every role, in order", ["script", "systemPrompts"], echo, (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate({
        messages: [
          Message.system("Be brief."),
          Message.user("One?"),
          Message.assistant("1"),
          Message.user("Two?"),
          Message.assistant("2"),
          Message.user("Three?")
        ]
      })
      const { messages } = yield* model.only
      const lines = ["system: Be brief.", "user: One?", "assistant: 1", "user: Two?", "assistant: 2", "user: Three?"]
      yield* same(outline(messages), lines, "what the model reads")
    })),

  test(
    "sends all system prompts of the start",
    ["script", "systemPrompts"],
    echo,
    (chat, model) =>
      Effect.gen(function*() {
        yield* chat.generate({
          messages: [Message.system("Be brief."), Message.system("Be kind."), Message.user("Hi")]
        })
        const [first] = outline((yield* model.only).messages)
        yield* same(first?.replace(/\s+/g, ""), "system:Bebrief.Bekind.", "the system prompt, without spaces")
      })
  ),

  option("maxTokens", 321),
  option("temperature", 0.25),
  option("topP", 0.5),
  option("stopSequences", ["END", "STOP"]),

  test("sends any text unchanged, and gets it back", ["script"], echo, (chat) =>
    Effect.forEach(
      [
        "Zürich 東京 🏔️ שלום",
        "line\nbreak\ttab \"quoted\" \\ back",
        "</s><|im_end|>[INST]",
        "\u2028 \u0085",
        "word ".repeat(20_000)
      ],
      (text) =>
        Effect.flatMap(chat.generate({ messages: `${text}.` }), (answer) => same(answer.text, `${text}.`, "the text"))
    )),

  test(
    "answers text with lone surrogates, which no JSON can carry",
    ["script"],
    echo,
    (chat) =>
      Effect.flatMap(
        chat.generate({ messages: "a\ud800b" }),
        (answer) => same(answer.text.replace(/[\ud800\ufffd]/gu, "?"), "a?b", "the text")
      )
  ),

  test("sends the bytes of an image", ["script", "images"], echo, (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate({ messages: [Message.user([Message.text("What is this?"), Media.image])] })
      yield* same(yield* sentOf(model.only, "image"), [Media.image], "the image")
    })),

  test("sends the bytes of a document", ["script", "documents"], echo, (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate({ messages: [Message.user([Message.text("What is this?"), Media.document])] })
      const [document] = yield* sentOf(model.only, "document")
      yield* same(document?.source, Media.document.source, "the document")
    })),

  test("answers calls that run at once, each its own", ["script"], echo, (chat) =>
    Effect.forEach(
      Array.from({ length: 16 }, (_, index) => `question ${index}`),
      (text) => Effect.flatMap(chat.generate({ messages: text }), (answer) => same(answer.text, text, "the answer")),
      { concurrency: "unbounded", discard: true }
    )),

  test(
    "refuses what is no request, with the place, and sends nothing",
    [],
    echo,
    (chat, model) =>
      Effect.gen(function*() {
        const before = (yield* model.requests).length
        for (const [what, request] of wrong) {
          // A wrong value stands for what a program without types may pass.
          yield* refused(chat.generate(request as never), what)
        }
        yield* same((yield* model.requests).length, before, "the number of requests that reach the model")
      })
  )
]

const sentOf = <E>(only: Effect.Effect<ChatRequest.Resolved, E>, type: "image" | "document") =>
  Effect.map(
    only,
    ({ messages }) =>
      messages.flatMap(Message.parts).flatMap((part) =>
        part.type === type && (part.type === "image" || part.type === "document")
          ? [{ type: part.type, mediaType: part.mediaType, source: part.source }]
          : []
      )
  )

const cyclic: Record<string, unknown> = {}
cyclic["self"] = cyclic

const wrong: ReadonlyArray<readonly [string, unknown]> = [
  ["no messages", { messages: [] }],
  ["a number for messages", { messages: 1 }],
  ["no value for messages", {}],
  ["an unknown role", { messages: [{ role: "robot", content: "Hi" }] }],
  ["a message without content", { messages: [{ role: "user" }] }],
  ["an unknown part", { messages: [{ role: "user", content: [{ type: "smell" }] }] }],
  ["text for maxTokens", { messages: "Hi", maxTokens: "many" }],
  ["no number for temperature", { messages: "Hi", temperature: Number.NaN }],
  ["a cycle for a tool's arguments", {
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool-call", id: "a", name: "b", params: cyclic }] },
      { role: "tool", content: [{ type: "tool-result", id: "a", result: "c" }] }
    ]
  }],
  ["null", null],
  ["nothing", undefined]
]

/** A request for each feature that a request can ask for. */
const asking: { readonly [F in ChatSubject.Feature]?: ChatRequest.ChatRequest } = {
  systemPrompts: { messages: [Message.system("Be brief."), Message.user("Hi")] },
  maxTokens: { messages: "Hi", maxTokens: 10 },
  temperature: { messages: "Hi", temperature: 0.5 },
  topP: { messages: "Hi", topP: 0.5 },
  stopSequences: { messages: "Hi", stopSequences: ["END"] },
  tools: { messages: "Hi", tools: [{ name: "a_tool", inputSchema: { type: "object", properties: {} } }] },
  toolChoice: {
    messages: "Hi",
    tools: [{ name: "a_tool", inputSchema: { type: "object", properties: {} } }],
    toolChoice: "any"
  },
  structuredOutput: {
    messages: "Hi",
    responseFormat: { type: "json", schema: { type: "object", properties: { n: { type: "number" } } } }
  },
  images: { messages: [Message.user([Message.text("What is this?"), Media.image])] },
  documents: { messages: [Message.user([Message.text("What is this?"), Media.document])] },
  toolImages: {
    messages: [
      Message.user("Look"),
      Message.assistant([{ type: "tool-call", id: "call_1", name: "a_tool", params: {} }]),
      Message.tool([{ type: "tool-result", id: "call_1", parts: [Media.image] }])
    ],
    tools: [{ name: "a_tool", inputSchema: { type: "object", properties: {} } }]
  },
  reasoning: { messages: "Hi", maxTokens: 4_000, reasoning: { effort: "low" } }
}

/** The test that a feature is refused. */
export const refusal = (feature: ChatSubject.Feature): Test | undefined => {
  const request = asking[feature]
  return request &&
    test(`refuses ${feature} before anything is sent`, [], echo, (chat, model) =>
      Effect.gen(function*() {
        yield* refused(chat.generate(request), feature)
        yield* same((yield* model.requests).length, 0, "the number of requests that reach the model")
      }))
}

/** A schema for structured output. */
export const Person = Schema.Struct({ name: Schema.String, age: Schema.Number, nick: Schema.optional(Schema.String) })
