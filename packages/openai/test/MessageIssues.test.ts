import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import { OpenAi } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const read = Schema.decodeUnknownEffect(OpenAi.Messages)
const write = Schema.encodeEffect(OpenAi.Messages)

const bytes = new Uint8Array([137, 80, 78, 71])

const text = (value: string) => ({ type: "text", text: value } as const)

const call = (id: string, name: string, params: string) => ({
  id,
  type: "function",
  function: { name, arguments: params }
})

const toolCall = (id: string, name: string, params: unknown) => ({ type: "tool-call", id, name, params } as const)

const result = (id: string, value: unknown) => ({ type: "tool-result", id, result: value } as const)

const user = (part: unknown) => [{ role: "system", content: "Hi" }, { role: "user", content: [text("Hi"), part] }]

const image = (url: unknown) => user({ type: "image_url", image_url: { url } })

const calls = (...tool_calls: ReadonlyArray<unknown>) => [{ role: "assistant", tool_calls }]

/** What is no conversation, and where the error says it goes wrong. */
const malformed: ReadonlyArray<readonly [name: string, openAi: unknown, path: string, problem: string]> = [
  ["nothing", null, "", "Expected array"],
  ["an object", { messages: [] }, "", "Expected array"],
  ["a number for a message", [1], "[0]", "role system, developer, user"],
  ["an unknown role", [{ role: "bot", content: "Hi" }], "[0]", "role system, developer, user"],
  ["no content", [{ role: "user" }], "[0][\"content\"]", "Missing key"],
  ["content that is a number", [{ role: "user", content: 5 }], "[0][\"content\"]", "string | null | array"],
  [
    "an unknown part",
    user({ type: "file_search" }),
    "[1][\"content\"][1]",
    "type text, image_url, video_url, input_audio"
  ],
  ["an image without a URL", image(undefined), "[1][\"content\"][1][\"image_url\"][\"url\"]", "Missing key"],
  ["an image whose URL is a number", image(5), "[1][\"content\"][1][\"image_url\"][\"url\"]", "Expected string"],
  ["a data URI that is not base64", image("data:image/png,a"), "[\"image_url\"][\"url\"]", "data URI in base64"],
  ["a data URI without a type", image("data:;base64,aaaa"), "[\"image_url\"][\"url\"]", "with its media type"],
  ["a data URI without a comma", image("data:image/png"), "[\"image_url\"][\"url\"]", "data URI in base64"],
  ["broken base64", image("data:image/png;base64,a?=="), "[\"image_url\"][\"url\"]", "after the comma"],
  [
    "a recording that is not base64",
    user({ type: "input_audio", input_audio: { data: "%%%%", format: "wav" } }),
    "[1][\"content\"][1][\"input_audio\"][\"data\"]",
    "in base64"
  ],
  [
    "a recording of an unknown format",
    user({ type: "input_audio", input_audio: { data: "", format: "midi" } }),
    "[1][\"content\"][1][\"input_audio\"][\"format\"]",
    "\"wav\" | \"mp3\" | \"flac\""
  ],
  [
    "a file OpenAI keeps",
    user({ type: "file", file: { file_id: "file-6F2ksmvXxt4VdoqmHRw6kL" } }),
    "[1][\"content\"][1][\"file\"][\"file_id\"]",
    "Only OpenAI has the file"
  ],
  [
    "a recording OpenAI keeps",
    [{ role: "assistant", audio: { id: "audio_abc123" } }],
    "[0][\"audio\"]",
    "Only OpenAI has this recording"
  ],
  [
    "arguments that are no text",
    calls(call("1", "f", "{}"), { ...call("2", "f", ""), function: { name: "f", arguments: {} } }),
    "[0][\"tool_calls\"][1][\"function\"][\"arguments\"]",
    "Expected string"
  ],
  ["a custom tool", calls({ id: "1", type: "custom", custom: {} }), "[0][\"tool_calls\"][0][\"type\"]", "\"function\""],
  ["a result without an id", [{ role: "tool", content: "Hi" }], "[0][\"tool_call_id\"]", "Missing key"],
  [
    "a recording from a tool",
    [{ role: "tool", tool_call_id: "1", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }],
    "[0][\"content\"][0]",
    "type text, image_url, video_url or file"
  ],
  [
    "a cache point that lasts a day",
    user({ ...text("Hi"), cache_control: { type: "ephemeral", ttl: "1d" } }),
    "[1][\"content\"][1][\"cache_control\"][\"ttl\"]",
    "\"5m\" | \"1h\""
  ]
]

const said = (...parts: ReadonlyArray<Message.UserPart>) => [Message.user("Hi"), Message.user([text("Hi"), ...parts])]

const answered = (...parts: ReadonlyArray<Message.AssistantPart>) => [Message.assistant(parts)]

const returned = (part: Omit<Message.ToolResultPart, "type" | "id">) => [
  Message.tool([result("1", "fine"), { type: "tool-result", id: "2", ...part }])
]

const cycle: { self?: unknown } = {}
cycle.self = cycle

/** What OpenAI's format cannot represent, and where the error says it is. */
const unsayable: ReadonlyArray<
  readonly [name: string, ours: ReadonlyArray<Message.Message>, path: string, problem: string]
> = [
  [
    "a cache point in a part",
    said({ ...text("a"), cache: { ttl: "1h" } }),
    "[1][\"content\"][1][\"cache\"]",
    "cache points"
  ],
  ["a cache point in a message", [{ ...Message.system("a"), cache: true }], "[0][\"cache\"]", "cache points"],
  ["a guard", said({ ...text("a"), guard: true }), "[1][\"content\"][1][\"guard\"]", "guards"],
  [
    "citations",
    answered({ ...text("a"), citations: [{ title: "b" }] }),
    "[0][\"content\"][0][\"citations\"]",
    "citations"
  ],
  [
    "a video",
    said({ type: "video", mediaType: "video/mp4", source: { bytes } }),
    "[1][\"content\"][1]",
    "cannot represent this part"
  ],
  [
    "a search result",
    said({ type: "search-result", source: "a", title: "b", content: [] }),
    "[1][\"content\"][1]",
    "cannot represent this part"
  ],
  [
    "a part of a provider",
    said({ type: "provider", provider: "aws.bedrock", value: {} }),
    "[1][\"content\"][1]",
    "cannot represent this part"
  ],
  [
    "the addition of a tool",
    [Message.system([{ type: "tool-addition", name: "f" }])],
    "[0][\"content\"][0]",
    "cannot represent this part"
  ],
  [
    "the owner of a bucket",
    said({ type: "image", mediaType: "image/png", source: { uri: "s3://a/b", bucketOwner: "1" } }),
    "[1][\"content\"][1][\"source\"][\"bucketOwner\"]",
    "the owner of a bucket"
  ],
  [
    "a media type no data URI can hold",
    said({ type: "image", mediaType: "image/png,", source: { bytes } }),
    "[1][\"content\"][1][\"mediaType\"]",
    "Expected a media type"
  ],
  [
    "a recording of an unknown format",
    said({ type: "audio", mediaType: "audio/ogg", source: { bytes } }),
    "[1][\"content\"][1][\"mediaType\"]",
    "`audio/wav` and `audio/mpeg`"
  ],
  [
    "a recording elsewhere",
    said({ type: "audio", mediaType: "audio/wav", source: { uri: "s3://a/b" } }),
    "[1][\"content\"][1][\"source\"][\"bytes\"]",
    "recordings as bytes"
  ],
  [
    "a document of pieces",
    said({ type: "document", mediaType: "text/plain", name: "a", source: { pieces: ["b"] } }),
    "[1][\"content\"][1][\"source\"][\"bytes\"]",
    "documents as bytes"
  ],
  [
    "the context of a document",
    said({ type: "document", mediaType: "text/plain", name: "a", source: { bytes }, context: "b" }),
    "[1][\"content\"][1][\"context\"]",
    "context of a document"
  ],
  [
    "a document to cite from",
    said({ type: "document", mediaType: "text/plain", name: "a", source: { bytes }, citations: true }),
    "[1][\"content\"][1][\"citations\"]",
    "citations"
  ],
  [
    "signed reasoning",
    answered({ type: "reasoning", text: "a", signature: "b" }),
    "[0][\"content\"][0][\"signature\"]",
    "signed reasoning"
  ],
  [
    "redacted reasoning",
    answered({ type: "reasoning", text: "", redacted: bytes }),
    "[0][\"content\"][0][\"redacted\"]",
    "redacted reasoning"
  ],
  [
    "reasoning after text",
    answered(text("a"), { type: "reasoning", text: "b" }),
    "[0][\"content\"][1]",
    "reasoning first"
  ],
  [
    "reasoning in two pieces",
    answered({ type: "reasoning", text: "a" }, { type: "reasoning", text: "b" }),
    "[0][\"content\"][1]",
    "one piece of reasoning"
  ],
  ["text after a tool call", answered(toolCall("1", "f", {}), text("a")), "[0][\"content\"][1]", "then tool calls"],
  [
    "an image of the model",
    answered({ type: "image", mediaType: "image/png", source: { bytes } }),
    "[0][\"content\"][0]",
    "cannot represent this part"
  ],
  [
    "a call that a provider runs",
    answered({ ...toolCall("1", "f", {}), providerExecuted: true }),
    "[0][\"content\"][0][\"providerExecuted\"]",
    "tools a provider runs"
  ],
  ["bytes for arguments", answered(toolCall("1", "f", { a: bytes })), "[0][\"content\"][0][\"params\"]", "JSON"],
  [
    "arguments in a circle",
    answered(toolCall("1", "f", cycle)),
    "[0][\"content\"][0][\"params\"][\"self\"]",
    "contains itself"
  ],
  ["no arguments", answered(toolCall("1", "f", undefined)), "[0][\"content\"][0][\"params\"]", "JSON"],
  ["a result that is no JSON", returned({ result: { a: 1n } }), "[0][\"content\"][1][\"result\"]", "text or JSON"],
  ["a failed tool", returned({ result: "a", isFailure: true }), "[0][\"content\"][1][\"isFailure\"]", "failure"],
  [
    "an image from a tool",
    returned({ result: "", parts: [{ type: "image", mediaType: "image/png", source: { bytes } }] }),
    "[0][\"content\"][1][\"parts\"][0]",
    "it takes text"
  ],
  [
    "a result of a provider",
    returned({ result: [], providerType: "web_search" }),
    "[0][\"content\"][1][\"providerType\"]",
    "tools a provider runs"
  ]
]

describe("OpenAi.Messages", () => {
  it.effect.each(malformed)("refuses to read %s", ([, openAi, path, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read(openAi))
      assert.strictEqual(error._tag, "SchemaError")
      assert.include(error.message, problem)
      assert.isTrue(path === "" || error.message.endsWith(path), error.message)
    }))

  it.effect.each(unsayable)("refuses to write %s", ([, ours, path, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(write(ours))
      assert.strictEqual(error._tag, "SchemaError")
      assert.include(error.message, problem)
      assert.isTrue(error.message.endsWith(`at ${path}`), error.message)
    }))

  it.effect("names everything that cannot be written when asked for all of it", () =>
    Effect.gen(function*() {
      const ours = [...said({ ...text("a"), cache: true, guard: true }), ...returned({ result: "a", isFailure: true })]
      const error = yield* Effect.flip(Schema.encodeEffect(OpenAi.Messages, { errors: "all" })(ours))
      for (const word of ["cache points", "guards", "failure"]) assert.include(error.message, word)
    }))

  it.effect("keeps arguments too deep for JSON as their text, and refuses to write such JSON", () =>
    Effect.gen(function*() {
      const openAi = calls(call("1", "f", `${"[".repeat(100_000)}${"]".repeat(100_000)}`))
      const ours = yield* read(openAi)
      const [part] = Message.parts(ours[0]!)
      assert.isTrue(part?.type === "tool-call" && typeof part.params === "string")
      assert.deepStrictEqual<unknown>(yield* write(ours), [{ content: null, ...openAi[0] }])
      const deep = Array.from({ length: 1000 }).reduce((inner) => [inner], "in here")
      const error = yield* Effect.flip(write(answered(toolCall("1", "f", deep))))
      assert.include(error.message, "nested deeper than 500 levels")
    }))
})

describe("OpenAi.withoutMarks", () => {
  it.effect("leaves content that OpenAI cannot say, to be refused", () =>
    Effect.gen(function*() {
      const ours = said({ type: "video", mediaType: "video/mp4", source: { bytes } })
      assert.deepStrictEqual(OpenAi.withoutMarks(ours), ours)
      assert.include((yield* Effect.flip(write(OpenAi.withoutMarks(ours)))).message, "cannot represent this part")
    }))
})
