import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import { TestChat } from "@strata/core/testing"
import { OpenAi } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const read = Schema.decodeUnknownEffect(OpenAi.Messages)
const write = Schema.encodeEffect(OpenAi.Messages)

const bytes = new Uint8Array([137, 80, 78, 71])
const base64 = "iVBORw=="

const text = (value: string) => ({ type: "text", text: value } as const)

const call = (id: string, name: string, params: string) => ({
  id,
  type: "function",
  function: { name, arguments: params }
} as const)

const toolCall = (id: string, name: string, params: unknown) => ({ type: "tool-call", id, name, params } as const)

const result = (id: string, value: unknown) => ({ type: "tool-result", id, result: value } as const)

interface Row {
  readonly name: string
  readonly openAi: ReadonlyArray<OpenAi.EncodedMessage>
  readonly ours: ReadonlyArray<Message.Message>
}

/** What is the same both ways. */
const rows: ReadonlyArray<Row> = [
  { name: "no messages", openAi: [], ours: [] },
  {
    name: "plain text",
    openAi: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: "Hello! 👋" },
      { role: "assistant", content: "Hello! How can I help?" },
      { role: "user", content: "" }
    ],
    ours: [
      Message.system("You are a helpful assistant."),
      Message.user("Hello! 👋"),
      Message.assistant("Hello! How can I help?"),
      Message.user("")
    ]
  },
  {
    name: "text in parts",
    openAi: [
      { role: "system", content: [text("Be brief."), text("Be kind.")] },
      { role: "user", content: [text("Hi")] },
      { role: "assistant", content: [text("Hi")] },
      { role: "user", content: [] }
    ],
    ours: [
      Message.system([text("Be brief."), text("Be kind.")]),
      Message.user([text("Hi")]),
      Message.assistant([text("Hi")]),
      Message.user([])
    ]
  },
  {
    name: "images, recordings and documents",
    openAi: [{
      role: "user",
      content: [
        text("What are these?"),
        { type: "image_url", image_url: { url: `data:image/png;base64,${base64}` } },
        { type: "image_url", image_url: { url: "https://upload.example.org/a.b/Bridge.JPG?w=200#top" } },
        { type: "image_url", image_url: { url: "s3://bucket/cat.webp" } },
        { type: "image_url", image_url: { url: "https://example.org/image?id=7" } },
        { type: "input_audio", input_audio: { data: base64, format: "wav" } },
        { type: "input_audio", input_audio: { data: base64, format: "mp3" } },
        { type: "file", file: { filename: "draft.pdf", file_data: `data:application/pdf;base64,${base64}` } },
        { type: "file", file: { filename: "a.txt", file_data: "data:text/plain;charset=utf-8;base64," } }
      ]
    }],
    ours: [Message.user([
      text("What are these?"),
      { type: "image", mediaType: "image/png", source: { bytes } },
      {
        type: "image",
        mediaType: "image/jpeg",
        source: { uri: "https://upload.example.org/a.b/Bridge.JPG?w=200#top" }
      },
      { type: "image", mediaType: "image/webp", source: { uri: "s3://bucket/cat.webp" } },
      { type: "image", mediaType: "image/*", source: { uri: "https://example.org/image?id=7" } },
      { type: "audio", mediaType: "audio/wav", source: { bytes } },
      { type: "audio", mediaType: "audio/mpeg", source: { bytes } },
      { type: "document", mediaType: "application/pdf", name: "draft.pdf", source: { bytes } },
      { type: "document", mediaType: "text/plain;charset=utf-8", name: "a.txt", source: { bytes: new Uint8Array() } }
    ])]
  },
  {
    name: "parallel tool calls and their results",
    openAi: [
      { role: "user", content: "The weather in Paris and Rome?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          call("call_1", "get_weather", "{\"city\":\"Paris\",\"days\":[1,2]}"),
          call("call_2", "get_weather", "{\"city\":\"Rome\"}")
        ]
      },
      { role: "tool", tool_call_id: "call_1", content: "{\"celsius\": 14}" },
      { role: "tool", tool_call_id: "call_2", content: [text("warm"), text(", dry")] },
      { role: "assistant", content: "14 °C in Paris; warm and dry in Rome." }
    ],
    ours: [
      Message.user("The weather in Paris and Rome?"),
      Message.assistant([
        toolCall("call_1", "get_weather", { city: "Paris", days: [1, 2] }),
        toolCall("call_2", "get_weather", { city: "Rome" })
      ]),
      Message.tool([
        result("call_1", "{\"celsius\": 14}"),
        { ...result("call_2", "warm, dry"), parts: [text("warm"), text(", dry")] }
      ]),
      Message.assistant("14 °C in Paris; warm and dry in Rome.")
    ]
  },
  {
    name: "two rounds of tools",
    openAi: [
      { role: "assistant", content: "Let me look.", tool_calls: [call("1", "now", "{}")] },
      { role: "tool", tool_call_id: "1", content: "12:00" },
      { role: "assistant", content: "", tool_calls: [call("2", "now", "{}")] },
      { role: "tool", tool_call_id: "2", content: "12:01" }
    ],
    ours: [
      Message.assistant([text("Let me look."), toolCall("1", "now", {})]),
      Message.tool([result("1", "12:00")]),
      Message.assistant([text(""), toolCall("2", "now", {})]),
      Message.tool([result("2", "12:01")])
    ]
  },
  {
    name: "arguments that are cut, no JSON, or JSON but no object",
    openAi: [{
      role: "assistant",
      content: null,
      tool_calls: [
        call("1", "f", "{\"city\":\"Par"),
        call("2", "f", "Paris"),
        call("3", "f", "\"7\""),
        call("4", "f", "\"\""),
        call("5", "f", "null"),
        call("6", "f", "[1]")
      ]
    }],
    ours: [Message.assistant([
      toolCall("1", "f", "{\"city\":\"Par"),
      toolCall("2", "f", "Paris"),
      toolCall("3", "f", "7"),
      toolCall("4", "f", ""),
      toolCall("5", "f", null),
      toolCall("6", "f", [1])
    ])]
  },
  {
    name: "reasoning of an OpenAI-compatible server",
    openAi: [
      { role: "assistant", content: "4", reasoning_content: "2 and 2" },
      {
        role: "assistant",
        content: [text("4"), text("!")],
        reasoning_content: "2 and 2",
        tool_calls: [call("1", "f", "{}")]
      },
      { role: "assistant", content: null, reasoning_content: "2 and 2" }
    ],
    ours: [
      Message.assistant([{ type: "reasoning", text: "2 and 2" }, text("4")]),
      Message.assistant([{ type: "reasoning", text: "2 and 2" }, text("4"), text("!"), toolCall("1", "f", {})]),
      Message.assistant([{ type: "reasoning", text: "2 and 2" }])
    ]
  },
  {
    name: "an assistant that said nothing",
    openAi: [{ role: "assistant", content: null }],
    ours: [Message.assistant([])]
  }
]

const openAiCall = { id: "1", type: "function", function: { name: "now", arguments: "{}" } }

const ourCall = { type: "tool-call", id: "1", name: "now", params: {} } as const

/** What OpenAI can say in more than one way: read, but written differently. */
const readings: ReadonlyArray<{
  readonly name: string
  readonly openAi: ReadonlyArray<unknown>
  readonly ours: ReadonlyArray<Message.Message>
}> = [
  { name: "a developer", openAi: [{ role: "developer", content: "Be brief" }], ours: [Message.system("Be brief")] },
  {
    name: "fields without a place here",
    openAi: [{
      role: "user",
      name: "ada",
      content: [
        { type: "image_url", image_url: { url: "https://example.org/a.gif", detail: "low" }, new_field: {} },
        { ...text("Hi"), cache_control: null }
      ],
      new_field: 1
    }],
    ours: [Message.user([
      { type: "image", mediaType: "image/gif", source: { uri: "https://example.org/a.gif" } },
      text("Hi")
    ])]
  },
  {
    name: "calls without a type, and without arguments",
    openAi: [{
      role: "assistant",
      content: null,
      tool_calls: [
        { id: "1", function: { name: "now" } },
        { id: "2", type: null, function: { name: "now", arguments: null } },
        { id: "3", function: { name: "now", arguments: "" } }
      ]
    }],
    ours: [Message.assistant(["1", "2", "3"].map((id) => ({ ...ourCall, id })))]
  },
  {
    name: "a URL in place of the object that holds it, and media types by other names",
    openAi: [{
      role: "user",
      content: [
        { type: "image_url", image_url: "data:image/jpg;base64,iVBORw==" },
        { type: "image_url", image_url: "https://example.org/a.png" },
        { type: "image_url", image_url: { url: "data:IMAGE/PNG;charset=binary;base64,iVBORw==" } }
      ]
    }],
    ours: [Message.user([
      { type: "image", mediaType: "image/jpeg", source: { bytes } },
      { type: "image", mediaType: "image/png", source: { uri: "https://example.org/a.png" } },
      { type: "image", mediaType: "image/png", source: { bytes } }
    ])]
  },
  {
    name: "base64 without padding, with the letters of URLs, and broken into lines",
    openAi: [{
      role: "user",
      content: [
        { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw" } },
        { type: "image_url", image_url: { url: "data:image/png;base64,iVBO\r\n  Rw==\n" } },
        { type: "image_url", image_url: { url: "data:image/png;base64,-_-_" } },
        { type: "input_audio", input_audio: { data: "iVBORw", format: "wav" } },
        { type: "input_audio", input_audio: { data: "data:audio/mpeg;base64,iVBORw==", format: "mp3" } }
      ]
    }],
    ours: [Message.user([
      { type: "image", mediaType: "image/png", source: { bytes } },
      { type: "image", mediaType: "image/png", source: { bytes } },
      { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([251, 255, 191]) } },
      { type: "audio", mediaType: "audio/wav", source: { bytes } },
      { type: "audio", mediaType: "audio/mpeg", source: { bytes } }
    ])]
  },
  {
    name: "nothing for content",
    openAi: [
      { role: "developer", content: null },
      { role: "user", content: null },
      { role: "assistant", content: null, tool_calls: [openAiCall] },
      { role: "tool", tool_call_id: "1", content: null },
      { role: "tool", tool_call_id: "1" }
    ],
    ours: [
      Message.system(""),
      Message.user(""),
      Message.assistant([ourCall]),
      Message.tool([{ type: "tool-result", id: "1", result: "" }, { type: "tool-result", id: "1", result: "" }])
    ]
  },
  {
    name: "a part that refuses",
    openAi: [{ role: "assistant", content: [text("No:"), { type: "refusal", refusal: "I will not" }] }],
    ours: [Message.assistant([text("No:"), text("I will not")])]
  },
  {
    name: "the message of an answer, with all its nulls",
    openAi: [{
      role: "assistant",
      content: "Hi",
      refusal: null,
      annotations: [],
      audio: null,
      function_call: null,
      tool_calls: null,
      reasoning_content: null
    }],
    ours: [Message.assistant("Hi")]
  },
  {
    name: "blank reasoning",
    openAi: [{ role: "assistant", content: "Hi", reasoning_content: "" }],
    ours: [Message.assistant("Hi")]
  },
  {
    name: "a refusal",
    openAi: [
      { role: "assistant", content: null, refusal: "I cannot help with that." },
      { role: "assistant", content: [text("Well."), { type: "refusal", refusal: "No." }] }
    ],
    ours: [Message.assistant([text("I cannot help with that.")]), Message.assistant([text("Well."), text("No.")])]
  },
  {
    name: "arguments with spaces, and none at all",
    openAi: [{
      role: "assistant",
      tool_calls: [call("1", "f", "{ \"a\": [1, 2] }"), call("2", "f", ""), call("3", "f", " ")]
    }],
    ours: [Message.assistant([toolCall("1", "f", { a: [1, 2] }), toolCall("2", "f", {}), toolCall("3", "f", {})])]
  },
  {
    name: "arguments that are a JSON string, written as the text they are",
    openAi: [{ role: "assistant", tool_calls: [call("1", "f", "\"Paris\"")] }],
    ours: [Message.assistant([toolCall("1", "f", "Paris")])]
  },
  {
    name: "a file without a name, and data URIs in capitals",
    openAi: [{
      role: "user",
      content: [
        { type: "file", file: { file_data: `DATA:application/pdf;BASE64,${base64}` } },
        { type: "image_url", image_url: { url: `Data:image/png;base64,${base64}` } }
      ]
    }],
    ours: [Message.user([
      { type: "document", mediaType: "application/pdf", name: "document", source: { bytes } },
      { type: "image", mediaType: "image/png", source: { bytes } }
    ])]
  },
  {
    name: "functions, which came before tools, with an id for each call",
    openAi: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: null, function_call: { name: "now", arguments: "{}" } },
      { role: "function", name: "now", content: "12:00" },
      { role: "assistant", content: "Again", function_call: { name: "now", arguments: "{\"zone\":" } },
      { role: "function", name: "now", content: null }
    ],
    ours: [
      Message.user("Hi"),
      Message.assistant([toolCall("function_call_1", "now", {})]),
      Message.tool([result("function_call_1", "12:00")]),
      Message.assistant([text("Again"), toolCall("function_call_3", "now", "{\"zone\":")]),
      Message.tool([result("function_call_3", "")])
    ]
  },
  {
    name: "integers that a number cannot hold as their text",
    openAi: [{
      role: "assistant",
      content: null,
      tool_calls: [call("1", "f", "{\"id\":2512292042121000001,\"a\":[1e999,-9007199254740993]}")]
    }],
    ours: [Message.assistant([toolCall("1", "f", { id: "2512292042121000001", a: ["1e999", "-9007199254740993"] })])]
  }
]

/** What servers that are compatible with OpenAI take, and OpenAI does not: read, and refused when written. */
const extensions: typeof readings = [
  {
    name: "cache points of parts, messages and results of tools",
    openAi: [
      { role: "system", content: [{ ...text("Be brief"), cache_control: { type: "ephemeral", ttl: "1h" } }] },
      { role: "user", content: "Hi", cache_control: { type: "ephemeral" } },
      { role: "assistant", content: [{ ...text("Let me look"), cache_control: {} }], tool_calls: [openAiCall] },
      { role: "tool", tool_call_id: "1", content: "noon", cache_control: { type: "ephemeral" } }
    ],
    ours: [
      Message.system([{ ...text("Be brief"), cache: { ttl: "1h" } }]),
      { role: "user", content: "Hi", cache: true },
      Message.assistant([{ ...text("Let me look"), cache: true }, ourCall]),
      Message.tool([{ type: "tool-result", id: "1", result: "noon", cache: true }])
    ]
  },
  {
    name: "images, videos and files from a tool",
    openAi: [{
      role: "tool",
      tool_call_id: "1",
      content: [
        text("Here:"),
        { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw==" } },
        { type: "video_url", video_url: { url: "s3://bucket/a.mp4" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,iVBORw==" } }
      ]
    }],
    ours: [Message.tool([{
      type: "tool-result",
      id: "1",
      result: "Here:",
      parts: [
        text("Here:"),
        { type: "image", mediaType: "image/png", source: { bytes } },
        { type: "video", mediaType: "video/mp4", source: { uri: "s3://bucket/a.mp4" } },
        { type: "document", mediaType: "application/pdf", name: "a.pdf", source: { bytes } }
      ]
    }])]
  },
  {
    name: "videos of a user",
    openAi: [{
      role: "user",
      content: [
        { type: "video_url", video_url: { url: "data:video/mp4;base64,iVBORw==" } },
        { type: "video_url", video_url: "https://example.org/a.MOV?b" },
        { type: "video_url", video_url: "https://example.org/a" }
      ]
    }],
    ours: [Message.user([
      { type: "video", mediaType: "video/mp4", source: { bytes } },
      { type: "video", mediaType: "video/quicktime", source: { uri: "https://example.org/a.MOV?b" } },
      { type: "video", mediaType: "video/*", source: { uri: "https://example.org/a" } }
    ])]
  },
  {
    name: "recordings in other formats",
    openAi: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "iVBORw==", format: "ogg" } }] }],
    ours: [Message.user([{ type: "audio", mediaType: "audio/ogg", source: { bytes } }])]
  }
]

describe("OpenAi.Messages", () => {
  it.effect.each(rows)("reads and writes $name", ({ openAi, ours }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(openAi), ours)
      assert.deepStrictEqual(yield* write(ours), openAi)
    }))

  it.effect.each(extensions)("reads $name, and refuses to write them", ({ openAi, ours }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(openAi), ours)
      assert.include((yield* Effect.flip(write(ours))).message, "OpenAI")
    }))

  it.effect.each(readings)("reads $name", ({ openAi, ours }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(openAi), ours)
      assert.deepStrictEqual(yield* read(yield* write(ours)), ours)
    }))

  it.effect("writes what means the same as nothing as nothing", () =>
    Effect.gen(function*() {
      const ours = [
        Message.user([{ ...text("a"), cache: false, guard: false, citations: undefined }]),
        Message.tool([{ ...result("1", "b"), isFailure: false, providerExecuted: false, parts: undefined }])
      ]
      assert.deepStrictEqual(yield* write(ours), [
        { role: "user", content: [text("a")] },
        { role: "tool", tool_call_id: "1", content: "b" }
      ])
    }))

  it.effect("writes a call without the word that another provider has for such calls", () =>
    Effect.gen(function*() {
      const ours = [Message.assistant([{ ...toolCall("1", "f", {}), providerType: "tool_use" }])]
      assert.deepStrictEqual(yield* write(ours), [{
        role: "assistant",
        content: null,
        tool_calls: [call("1", "f", "{}")]
      }])
    }))

  it.effect("writes results that are JSON as their text", () =>
    Effect.gen(function*() {
      const ours = [Message.tool([result("1", { celsius: [14, null] }), result("2", 7), result("3", null)])]
      const contents = (yield* write(ours)).map(({ content }) => content)
      assert.deepStrictEqual(contents, ["{\"celsius\":[14,null]}", "7", "null"])
    }))

  it.effect("hands the chat service what it reads", () =>
    Effect.gen(function*() {
      const messages = yield* read(JSON.parse("[{\"role\":\"user\",\"content\":\"Hi\"}]"))
      const { message, text } = yield* ChatService.generate(messages)
      assert.strictEqual(text, "Hello!")
      assert.deepStrictEqual(yield* write([...messages, message]), [
        { role: "user", content: "Hi" },
        { role: "assistant", content: [{ type: "text", text: "Hello!" }] }
      ])
    }).pipe(Effect.provide(TestChat.layer(["Hello!"]))))

  it.effect("goes through JSON text", () =>
    Effect.gen(function*() {
      const schema = Schema.fromJsonString(OpenAi.Messages)
      for (const { ours } of rows) {
        assert.deepStrictEqual(yield* Schema.decodeEffect(schema)(yield* Schema.encodeEffect(schema)(ours)), ours)
      }
    }))
})

describe("OpenAi.Message", () => {
  it.effect("reads the message of an answer", () =>
    Effect.gen(function*() {
      const message = yield* Schema.decodeUnknownEffect(OpenAi.Message)({
        role: "assistant",
        content: null,
        refusal: null,
        tool_calls: [call("call_1", "now", "{}")]
      })
      assert.deepStrictEqual(message, Message.assistant([toolCall("call_1", "now", {})]))
    }))

  it.effect("writes one result, and refuses to write more or fewer", () =>
    Effect.gen(function*() {
      const one = Schema.encodeEffect(OpenAi.Message)
      assert.deepStrictEqual(yield* one(Message.tool([result("1", "a")])), {
        role: "tool",
        tool_call_id: "1",
        content: "a"
      })
      for (const results of [[], [result("1", "a"), result("2", "b")]]) {
        const error = yield* Effect.flip(one(Message.tool(results)))
        assert.include(error.message, "OpenAi.Messages")
        assert.isTrue(error.message.endsWith("at [\"content\"]"), error.message)
      }
    }))
})

describe("OpenAi.withoutMarks", () => {
  it.effect("takes off what only marks the content, so that it can be written", () =>
    Effect.gen(function*() {
      const ours: ReadonlyArray<Message.Message> = [
        { ...Message.system("a"), cache: true },
        Message.system([{ ...text("b"), cache: { ttl: "5m" } }]),
        Message.user([
          { ...text("c"), guard: { qualifiers: ["query"] }, citations: [{}] },
          { type: "image", mediaType: "image/png", source: { bytes }, cache: true, guard: true },
          { type: "document", mediaType: "text/plain", name: "d", source: { bytes }, citations: true }
        ]),
        Message.assistant([
          { type: "reasoning", text: "", redacted: bytes },
          { type: "reasoning", text: "e", signature: "f" },
          toolCall("1", "f", { cache: true })
        ]),
        Message.tool([{ ...result("1", "g"), isFailure: true, parts: [{ ...text("h"), cache: true }] }])
      ]
      const bare: ReadonlyArray<Message.Message> = [
        Message.system("a"),
        Message.system([text("b")]),
        Message.user([
          text("c"),
          { type: "image", mediaType: "image/png", source: { bytes } },
          { type: "document", mediaType: "text/plain", name: "d", source: { bytes } }
        ]),
        Message.assistant([{ type: "reasoning", text: "e" }, toolCall("1", "f", { cache: true })]),
        Message.tool([{ ...result("1", "g"), parts: [text("h")] }])
      ]
      assert.deepStrictEqual(OpenAi.withoutMarks(ours), bare)
      assert.lengthOf(yield* write(OpenAi.withoutMarks(ours)), 5)
    }))
})
