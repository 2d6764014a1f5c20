import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ContentBlock, ConverseCommandInput, ConverseStreamOutput, Message } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import type * as Part from "@strata/core/chat/Message"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const able = "strata.able-v1"
const stage = Fixture.stage()
const one = Uint8Array.of(1)
/** Bytes after a round trip through JSON. */
const jsonOne = { bytes: { 0: 1 } }
const source = { bytes: one }
const user = (...content: Array<ContentBlock>): Message => ({ role: "user", content })
const assistant = (...content: Array<ContentBlock>): Message => ({ role: "assistant", content })
const tool = { toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } }
const toolConfig = { tools: [tool] }

/** Bytes of the client as plain arrays, which compare. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}

const send = Effect.fnUntraced(function*(
  protocol: Fixture.Protocol,
  input: Partial<ConverseCommandInput>
) {
  const client = yield* Fixture.connect(protocol)
  return yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, modelId: able, ...input })))
})

const stream = Effect.fnUntraced(function*(
  protocol: Fixture.Protocol,
  input: Partial<ConverseCommandInput> = {}
) {
  const client = yield* Fixture.connect(protocol)
  const { stream } = yield* Fixture.attempt(() =>
    client.send(new ConverseStreamCommand({ ...Fixture.hello, modelId: able, ...input }))
  )
  return yield* Fixture.drain(stream)
})

interface Said {
  readonly what: string
  readonly messages: Array<Message>
  readonly at: number
  readonly parts: ReadonlyArray<unknown>
}

const said: ReadonlyArray<Said> = [
  {
    what: "text, images, recordings and documents of the user",
    at: 0,
    messages: [user(
      { text: "Look" },
      { image: { format: "webp", source: { s3Location: { uri: "s3://bucket/a.webp", bucketOwner: "123456789012" } } } },
      { video: { format: "mkv", source } },
      { audio: { format: "opus", source } },
      { document: { format: "docx", name: "a", source, citations: { enabled: false } } },
      { document: { format: "csv", name: "b", source: { content: [{ text: "x" }] }, context: "old" } }
    )],
    parts: [
      { type: "text", text: "Look" },
      { type: "image", mediaType: "image/webp", source: { uri: "s3://bucket/a.webp", bucketOwner: "123456789012" } },
      { type: "video", mediaType: "video/x-matroska", source: jsonOne },
      { type: "audio", mediaType: "audio/opus", source: jsonOne },
      {
        type: "document",
        mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        name: "a",
        source: jsonOne,
        citations: false
      },
      { type: "document", mediaType: "text/csv", name: "b", source: { pieces: ["x"] }, context: "old" }
    ]
  },
  {
    what: "guarded text and images, search results, cache points",
    at: 0,
    messages: [user(
      { guardContent: { text: { text: "all of it" } } },
      { guardContent: { text: { text: "source", qualifiers: ["grounding_source"] } } },
      { guardContent: { image: { format: "jpeg", source } } },
      { searchResult: { source: "s", title: "t", content: [{ text: "hit" }], citations: { enabled: true } } },
      { cachePoint: { type: "default", ttl: "1h" } }
    )],
    parts: [
      { type: "text", text: "all of it", guard: true },
      { type: "text", text: "source", guard: { qualifiers: ["grounding_source"] } },
      { type: "image", mediaType: "image/jpeg", source: jsonOne, guard: true },
      { type: "search-result", source: "s", title: "t", content: ["hit"], citations: true, cache: { ttl: "1h" } }
    ]
  },
  {
    what: "what a model said, thought, drew and had run for it",
    at: 1,
    messages: [
      user({ text: "Draw" }),
      assistant(
        { reasoningContent: { reasoningText: { text: "hm" } } },
        { reasoningContent: { redactedContent: one } },
        {
          citationsContent: {
            content: [{ text: "cited" }],
            citations: [{ source: "s", location: { documentPage: { start: 1 } } }]
          }
        },
        { image: { format: "png", source } },
        { audio: { format: "wav", source } },
        { toolUse: { toolUseId: "t1", name: "look", input: { a: null }, type: "server_tool_use" } },
        { toolResult: { toolUseId: "t1", type: "web", status: "error", content: [{ json: { a: 1 } }] } }
      )
    ],
    parts: [
      { type: "reasoning", text: "hm" },
      { type: "reasoning", text: "", redacted: { 0: 1 } },
      { type: "text", text: "cited", citations: [{ source: "s", location: { type: "document-page", start: 1 } }] },
      { type: "image", mediaType: "image/png", source: jsonOne },
      { type: "audio", mediaType: "audio/wav", source: jsonOne },
      { type: "tool-call", id: "t1", name: "look", params: { a: null }, providerExecuted: true },
      {
        type: "tool-result",
        id: "t1",
        result: [{ json: { a: 1 } }],
        providerExecuted: true,
        providerType: "web",
        isFailure: true
      }
    ]
  },
  {
    what: "tools that come and go",
    at: 1,
    messages: [
      user({ text: "Hi" }),
      {
        role: "system",
        content: [
          { text: "From now on" },
          { toolAddition: { tool: { name: "look" } } },
          { toolRemoval: { tool: { name: "there", serverName: "mcp", type: "mcp" } } }
        ]
      }
    ],
    parts: [
      { type: "text", text: "From now on" },
      { type: "tool-addition", name: "look" },
      { type: "tool-removal", name: "there", serverName: "mcp", kind: "mcp" }
    ]
  },
  {
    what: "what tools answered, in pieces",
    at: 2,
    messages: [
      user({ text: "Hi" }),
      assistant({ toolUse: { toolUseId: "t1", name: "look", input: {} } }),
      user({
        toolResult: {
          toolUseId: "t1",
          content: [
            { text: "this" },
            { document: { format: "md", name: "c", source: { text: "# c" } } },
            { video: { format: "mov", source } },
            { searchResult: { source: "s", title: "t", content: [{ text: "hit" }] } }
          ]
        }
      }, { cachePoint: { type: "default" } })
    ],
    parts: [{
      type: "tool-result",
      id: "t1",
      isFailure: false,
      cache: true,
      parts: [
        { type: "text", text: "this" },
        { type: "document", mediaType: "text/markdown", name: "c", source: { text: "# c" } },
        { type: "video", mediaType: "video/quicktime", source: jsonOne },
        { type: "search-result", source: "s", title: "t", content: ["hit"] }
      ]
    }]
  }
]

const answers: ReadonlyArray<readonly [what: string, parts: ReadonlyArray<Part.AssistantPart>, blocks: unknown]> = [
  ["thoughts and their seals", [
    { type: "reasoning", text: "hm", signature: "sig" },
    { type: "reasoning", text: "", redacted: one }
  ], [
    { reasoningContent: { reasoningText: { text: "hm", signature: "sig" } } },
    { reasoningContent: { redactedContent: [1] } }
  ]],
  ["every place a citation can name", [{
    type: "text",
    text: "cited",
    citations: [
      { title: "a", location: { type: "web", url: "https://a", domain: "a" } },
      { source: "b", passages: ["x", "y"], location: { type: "document-char", documentIndex: 0, start: 1, end: 2 } },
      { location: { type: "document-page", documentIndex: 1, start: 1, end: 2 } },
      { location: { type: "document-chunk", documentIndex: 2, start: 1, end: 2 } },
      { location: { type: "search-result", searchResultIndex: 3, start: 1, end: 2 } }
    ]
  }], [{
    citationsContent: {
      content: [{ text: "cited" }],
      citations: [
        { title: "a", location: { web: { url: "https://a", domain: "a" } } },
        {
          source: "b",
          sourceContent: [{ text: "x" }, { text: "y" }],
          location: { documentChar: { documentIndex: 0, start: 1, end: 2 } }
        },
        { location: { documentPage: { documentIndex: 1, start: 1, end: 2 } } },
        { location: { documentChunk: { documentIndex: 2, start: 1, end: 2 } } },
        { location: { searchResultLocation: { searchResultIndex: 3, start: 1, end: 2 } } }
      ]
    }
  }]],
  ["a tool of the provider, called and answered", [
    { type: "tool-call", id: "t1", name: "search", params: { q: "x" }, providerExecuted: true },
    {
      type: "tool-result",
      id: "t1",
      result: [{ text: "found" }, { json: { n: 1 } }],
      providerExecuted: true,
      providerType: "web_search"
    }
  ], [
    { toolUse: { toolUseId: "t1", name: "search", input: { q: "x" }, type: "server_tool_use" } },
    { toolResult: { toolUseId: "t1", type: "web_search", content: [{ text: "found" }, { json: { n: 1 } }] } }
  ]],
  ["images, here and elsewhere", [
    { type: "image", mediaType: "image/png", source: { bytes: one } },
    { type: "image", mediaType: "image/jpeg", source: { uri: "s3://bucket/a.jpg" } }
  ], [
    { image: { format: "png", source: { bytes: [1] } } },
    { image: { format: "jpeg", source: { s3Location: { uri: "s3://bucket/a.jpg" } } } }
  ]],
  ["a call without arguments between texts", [
    { type: "text", text: "a" },
    { type: "tool-call", id: "t1", name: "now", params: {} },
    { type: "text", text: "b" }
  ], [{ text: "a" }, { toolUse: { toolUseId: "t1", name: "now", input: {} } }, { text: "b" }]]
]

/** Accumulates a stream by the documentation of its events. */
const assemble = (events: ReadonlyArray<ConverseStreamOutput>): unknown => {
  const blocks: Array<Record<string, unknown>> = []
  const join = (index: number, key: string, value: unknown) => {
    const block = (blocks[index] ??= {})
    const before = block[key]
    block[key] = typeof before === "string" && typeof value === "string" ? before + value : value
  }
  for (const { contentBlockDelta, contentBlockStart } of events) {
    const index = (contentBlockStart ?? contentBlockDelta)?.contentBlockIndex ?? 0
    const { image, toolResult, toolUse } = contentBlockStart?.start ?? {}
    if (toolUse !== undefined) blocks[index] = { toolUse, input: "" }
    if (toolResult !== undefined) blocks[index] = { toolResult }
    if (image !== undefined) blocks[index] = { image }
    const delta = contentBlockDelta?.delta
    if (delta?.text !== undefined) join(index, "text", delta.text)
    if (delta?.citation !== undefined) {
      const block = (blocks[index] ??= {})
      block["citations"] = [...(Array.isArray(block["citations"]) ? block["citations"] : []), delta.citation]
    }
    if (delta?.toolUse !== undefined) join(index, "input", delta.toolUse.input)
    if (delta?.toolResult !== undefined) join(index, "content", delta.toolResult)
    if (delta?.image !== undefined) join(index, "source", delta.image.source)
    for (const [key, value] of Object.entries(delta?.reasoningContent ?? {})) join(index, key, value)
  }
  return blocks.map((block) => {
    const { citations, content, image, input, redactedContent, signature, source, text, toolResult, toolUse } = block
    if (toolUse !== undefined) return { toolUse: { ...toolUse, input: JSON.parse(String(input) || "{}") } }
    if (toolResult !== undefined) return { toolResult: { ...toolResult, content } }
    if (image !== undefined) return { image: { ...image, source } }
    if (citations !== undefined) return { citationsContent: { content: [{ text }], citations } }
    if (redactedContent !== undefined) return { reasoningContent: { redactedContent } }
    return signature === undefined ? { text } : { reasoningContent: { reasoningText: { text, signature } } }
  })
}

layer(Fixture.emulator({ models: [Model.chat(able)] }, stage.layer))("ConverseContent", (it) => {
  for (const protocol of Fixture.protocols) {
    it.effect.each(said)(`reads $what over HTTP/${protocol}`, ({ at, messages, parts }) =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([{ type: "text", text: "Fine" }]))
        yield* send(protocol, { messages, toolConfig })
        const [part] = parts
        const [asked] = stage.asked().messages[at].content
        // the parts are complete; the tool's raw result is kept beside them
        const expected = typeof part === "object" && part !== null && "parts" in part
          ? [{ ...part, result: asked.result }]
          : parts
        assert.deepStrictEqual(stage.asked().messages[at].content, expected)
      }))

    it.effect.each(answers)(`writes %s over HTTP/${protocol}`, ([, parts, blocks]) =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response(parts))
        const { output } = yield* send(protocol, {})
        assert.deepStrictEqual(plain(output?.message?.content), blocks)
      }))

    it.effect.each(answers)(`streams %s over HTTP/${protocol}`, ([, parts, blocks]) =>
      Effect.gen(function*() {
        yield* stage.says([
          ...parts.map((part, index) => ({ type: "part", index, part }) as const),
          Fixture.finish
        ])
        assert.deepStrictEqual(plain(assemble(yield* stream(protocol))), blocks)
      }))
  }

  it.effect("ends a cached prefix with the message if its last part cannot hold a cache point", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([]))
      const messages = [
        user({ text: "Hi" }),
        assistant(
          { text: "One moment" },
          { toolUse: { toolUseId: "t1", name: "look", input: {} } },
          { cachePoint: { type: "default", ttl: "1h" } }
        )
      ]
      yield* send("1.1", { messages, toolConfig })
      assert.deepStrictEqual(stage.asked().messages[1], {
        role: "assistant",
        cache: { ttl: "1h" },
        content: [
          { type: "text", text: "One moment" },
          { type: "tool-call", id: "t1", name: "look", params: {} }
        ]
      })
    }))

  it.effect("encodes audio as a block where the API has one", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "audio", mediaType: "audio/mpeg", source: { bytes: one } }]))
      const { output } = yield* send("1.1", {})
      assert.deepStrictEqual(plain(output?.message?.content), [{ audio: { format: "mp3", source: { bytes: [1] } } }])
    }))

  it.effect("encodes tool results in parts", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{
        type: "tool-result",
        id: "t1",
        result: "",
        providerExecuted: true,
        parts: [
          { type: "text", text: "a" },
          { type: "image", mediaType: "image/png", source: { bytes: one } },
          { type: "document", mediaType: "text/plain", name: "d", source: { pieces: ["x"] } },
          { type: "search-result", source: "s", title: "t", content: ["hit"] }
        ]
      }]))
      const { output } = yield* send("1.1", {})
      assert.deepStrictEqual(plain(output?.message?.content?.[0]?.toolResult?.content), [
        { text: "a" },
        { image: { format: "png", source: { bytes: [1] } } },
        { document: { format: "txt", name: "d", source: { content: [{ text: "x" }] } } },
        { searchResult: { source: "s", title: "t", content: [{ text: "hit" }] } }
      ])
    }))
})
