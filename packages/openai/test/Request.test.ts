import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import { TestChat } from "@strata/core/testing"
import { OpenAi } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const read = Schema.decodeUnknownEffect(OpenAi.Request)
const write = Schema.encodeEffect(OpenAi.Request)

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }

const messages = [{ role: "user", content: "Hi" }] as const

const ours = { messages: [Message.user("Hi")] }

/** What is the same both ways, besides the messages. */
const rows: ReadonlyArray<{
  readonly name: string
  readonly openAi: Omit<OpenAi.EncodedRequest, "messages">
  readonly ours: Omit<ChatRequest.ChatRequest, "messages">
}> = [
  { name: "nothing but messages", openAi: {}, ours: {} },
  {
    name: "numbers and stops",
    openAi: { model: "gpt-5", max_completion_tokens: 256, temperature: 0, top_p: 0.9, stop: ["\n", "END"] },
    ours: { model: "gpt-5", maxTokens: 256, temperature: 0, topP: 0.9, stopSequences: ["\n", "END"] }
  },
  {
    name: "tools",
    openAi: {
      tools: [
        { type: "function", function: { name: "weather", description: "The weather", parameters, strict: true } },
        { type: "function", function: { name: "now", parameters: { type: "object", properties: {} }, strict: false } }
      ],
      tool_choice: { type: "function", function: { name: "weather" } }
    },
    ours: {
      tools: [
        { name: "weather", description: "The weather", inputSchema: parameters, strict: true },
        { name: "now", inputSchema: { type: "object", properties: {} }, strict: false }
      ],
      toolChoice: { name: "weather" }
    }
  },
  { name: "the choice to call none", openAi: { tool_choice: "none" }, ours: { toolChoice: "none" } },
  { name: "text", openAi: { response_format: { type: "text" } }, ours: { responseFormat: { type: "text" } } },
  {
    name: "JSON mode",
    openAi: { response_format: { type: "json_object" } },
    ours: { responseFormat: { type: "json", schema: { type: "object" } } }
  },
  {
    name: "a JSON Schema",
    openAi: {
      response_format: { type: "json_schema", json_schema: { name: "city", description: "A city", schema: parameters } }
    },
    ours: { responseFormat: { type: "json", name: "city", description: "A city", schema: parameters } }
  },
  {
    name: "a JSON Schema of any object with a name",
    openAi: { response_format: { type: "json_schema", json_schema: { name: "any", schema: { type: "object" } } } },
    ours: { responseFormat: { type: "json", name: "any", schema: { type: "object" } } }
  },
  { name: "one call at a time", openAi: { parallel_tool_calls: false }, ours: { parallelToolCalls: false } },
  { name: "an effort", openAi: { reasoning_effort: "xhigh" }, ours: { reasoning: { effort: "xhigh" } } },
  { name: "no reasoning", openAi: { reasoning_effort: "none" }, ours: { reasoning: false } }
]

/** What OpenAI can say in more than one way: read, but written differently. */
const readings: ReadonlyArray<{
  readonly name: string
  readonly openAi: object
  readonly ours: Omit<ChatRequest.ChatRequest, "messages">
}> = [
  { name: "`max_tokens`, as it was called before", openAi: { max_tokens: 64 }, ours: { maxTokens: 64 } },
  { name: "the newer of two limits", openAi: { max_tokens: 64, max_completion_tokens: 32 }, ours: { maxTokens: 32 } },
  { name: "one stop", openAi: { stop: "END" }, ours: { stopSequences: ["END"] } },
  {
    name: "a function without parameters",
    openAi: { tools: [{ type: "function", function: { name: "now", description: null, strict: null } }] },
    ours: { tools: [{ name: "now", inputSchema: { type: "object", properties: {} } }] }
  },
  {
    name: "functions, which came before tools",
    openAi: { functions: [{ name: "weather", parameters }], function_call: { name: "weather" } },
    ours: { tools: [{ name: "weather", inputSchema: parameters }], toolChoice: { name: "weather" } }
  },
  {
    name: "tools without a type, and with cache points",
    openAi: {
      tools: [
        { function: { name: "weather", parameters }, cache_control: { type: "ephemeral" } },
        { type: "function", function: { name: "now", parameters, cache_control: { type: "ephemeral", ttl: "5m" } } }
      ]
    },
    ours: {
      tools: [
        { name: "weather", inputSchema: parameters, cache: true },
        { name: "now", inputSchema: parameters, cache: { ttl: "5m" } }
      ]
    }
  },
  { name: "the least effort", openAi: { reasoning_effort: "minimal" }, ours: { reasoning: { effort: "low" } } },
  {
    name: "a strict format without a schema",
    openAi: { response_format: { type: "json_schema", json_schema: { name: "a", strict: true } } },
    ours: { responseFormat: { type: "json", name: "a", schema: { type: "object" } } }
  },
  {
    name: "fields without a place here, and nulls",
    openAi: {
      stream: true,
      stream_options: { include_usage: true },
      n: 1,
      seed: 7,
      user: "ada",
      model: null,
      max_tokens: null,
      max_completion_tokens: null,
      temperature: null,
      top_p: null,
      stop: null,
      tools: null,
      tool_choice: null,
      functions: null,
      function_call: null,
      response_format: null,
      parallel_tool_calls: null,
      reasoning_effort: null
    },
    ours: {}
  }
]

/** What is no request, and where the error says it goes wrong. */
const malformed: ReadonlyArray<readonly [name: string, openAi: unknown, path: string]> = [
  ["messages that are text", { messages: "Hi" }, "[\"messages\"]"],
  ["no messages", { model: "gpt-5" }, "[\"messages\"]"],
  [
    "a broken tool call",
    { messages: [...messages, ...messages, { role: "assistant", tool_calls: [{ id: 1, type: "function" }] }] },
    "[\"messages\"][2][\"tool_calls\"][0][\"id\"]"
  ],
  ["a tool of OpenAI", { messages, tools: [{ type: "web_search" }] }, "[\"tools\"][0][\"type\"]"],
  ["a choice OpenAI does not have", { messages, tool_choice: "any" }, "[\"tool_choice\"]"],
  ["a choice among some tools", { messages, tool_choice: { type: "allowed_tools" } }, "[\"tool_choice\"]"],
  ["a limit that is text", { messages, max_tokens: "64" }, "[\"max_tokens\"]"],
  ["an unknown format", { messages, response_format: { type: "grammar" } }, "[\"response_format\"]"],
  ["an unknown effort", { messages, reasoning_effort: "huge" }, "[\"reasoning_effort\"]"]
]

/** What OpenAI's format cannot represent, and where the error says it is. */
const unsayable: ReadonlyArray<readonly [name: string, ours: ChatRequest.ChatRequest, path: string, problem: string]> =
  [
    [
      "what a message cannot say",
      { messages: [Message.user("Hi"), Message.user([{ type: "text", text: "Hi", cache: true }])] },
      "[\"messages\"][1][\"content\"][0][\"cache\"]",
      "cache points"
    ],
    ["options of a provider", { ...ours, providerOptions: {} }, "[\"providerOptions\"]", "options of a provider"],
    [
      "a budget of reasoning",
      { ...ours, reasoning: { budgetTokens: 9 } },
      "[\"reasoning\"][\"budgetTokens\"]",
      "a budget"
    ],
    ["the effort max", { ...ours, reasoning: { effort: "max" } }, "[\"reasoning\"][\"effort\"]", "xhigh"],
    [
      "a tool of a provider",
      { ...ours, tools: [{ type: "provider", provider: "aws.bedrock", name: "nova_grounding" }] },
      "[\"tools\"][0][\"type\"]",
      "tools of a provider"
    ],
    [
      "a cache point after a tool",
      { ...ours, tools: [{ name: "f", inputSchema: {}, cache: true }] },
      "[\"tools\"][0][\"cache\"]",
      "cache points"
    ]
  ]

describe("OpenAi.Request", () => {
  it.effect.each(rows)("reads and writes $name", (row) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read({ messages, ...row.openAi }), { ...ours, ...row.ours })
      assert.deepStrictEqual(yield* write({ ...ours, ...row.ours }), { messages, ...row.openAi })
    }))

  it.effect.each(readings)("reads $name", (row) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read({ messages, ...row.openAi }), { ...ours, ...row.ours })
    }))

  it.effect.each(malformed)("refuses to read %s", ([, openAi, path]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read(openAi))
      assert.strictEqual(error._tag, "SchemaError")
      assert.isTrue(error.message.endsWith(`at ${path}`), error.message)
    }))

  it.effect.each(unsayable)("refuses to write %s", ([, request, path, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(write(request))
      assert.include(error.message, problem)
      assert.isTrue(error.message.endsWith(`at ${path}`), error.message)
    }))

  it.effect("writes a string as what the user says, and a schema without a name under one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* write({ messages: "Hi", responseFormat: { type: "json", schema: parameters } }), {
        messages,
        response_format: { type: "json_schema", json_schema: { name: "answer", schema: parameters } }
      })
    }))

  it.effect("hands the chat service what it reads", () =>
    Effect.gen(function*() {
      const body = JSON.stringify({ model: "gpt-5", messages, max_tokens: 64, stream: false })
      const request = yield* Schema.decodeEffect(Schema.fromJsonString(OpenAi.Request))(body)
      yield* ChatService.generate(request)
      const requests = yield* (yield* TestChat.TestChat).requests
      assert.deepStrictEqual(requests, [{ model: "gpt-5", ...ours, maxTokens: 64 }])
    }).pipe(Effect.provide(TestChat.layer(["Hello!"]))))
})

describe("OpenAi.Tools", () => {
  it.effect("reads and writes functions, and refuses tools of a provider", () =>
    Effect.gen(function*() {
      const openAi = [{ type: "function", function: { name: "weather", parameters } }] as const
      const tools: ReadonlyArray<ToolDefinition.RequestTool> = [{ name: "weather", inputSchema: parameters }]
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(OpenAi.Tools)(openAi), tools)
      assert.deepStrictEqual(yield* Schema.encodeEffect(OpenAi.Tools)(tools), openAi)
      const error = yield* Effect.flip(
        Schema.encodeEffect(OpenAi.Tools)([...tools, { type: "provider", provider: "a", name: "b" }])
      )
      assert.isTrue(error.message.endsWith("at [1][\"type\"]"), error.message)
    }))
})

describe("OpenAi.ToolChoice", () => {
  it.effect("reads and writes every choice", () =>
    Effect.gen(function*() {
      const choices: ReadonlyArray<readonly [OpenAi.EncodedToolChoice, ToolDefinition.ToolChoice]> = [
        ["auto", "auto"],
        ["none", "none"],
        ["required", "any"],
        [{ type: "function", function: { name: "weather" } }, { name: "weather" }]
      ]
      for (const [openAi, choice] of choices) {
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(OpenAi.ToolChoice)(openAi), choice)
        assert.deepStrictEqual(yield* Schema.encodeEffect(OpenAi.ToolChoice)(choice), openAi)
      }
    }))
})
