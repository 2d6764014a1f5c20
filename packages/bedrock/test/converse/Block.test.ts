import type { ContentBlock } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as Request from "../../src/converse/Request.ts"
import * as Response from "../../src/converse/Response.ts"

const model = "amazon.nova-lite-v1:0"
const bytes = new Uint8Array([1])

const send = (messages: ReadonlyArray<Message.Message>) =>
  Request.encode({ model, messages }, { capabilities: {}, history: "strict" })

/** The blocks of a part in a message of the user. */
const sent = (part: Message.UserPart): unknown =>
  Result.getOrThrow(send([Message.user([Message.text("See"), part])])).input.messages?.[0]?.content?.slice(1)

const refused = (part: Message.Part) => {
  const result = send([Message.user([Message.text("See"), part as Message.UserPart])]) // a program may send any
  assert(Result.isFailure(result))
  return result.failure
}

/** The part of a block of an answer. */
const received = (block: unknown): unknown => {
  const content = [block as ContentBlock] // the service may know more than the SDK, or leave members out
  return Result.getOrThrow(
    Response.decode({ $metadata: {}, output: { message: { role: "assistant", content } } } as never, model) // enough of an answer
  ).message.content[0]
}

describe("converse/Block", () => {
  const document = { type: "document", mediaType: "application/pdf", name: "a", source: { bytes } } as const
  const found = { type: "search-result", source: "s", title: "t", content: ["c"] } as const
  const image = { type: "image", mediaType: "image/png", source: { bytes } } as const
  const encodings: ReadonlyArray<readonly [name: string, part: Message.UserPart, blocks: ReadonlyArray<unknown>]> = [
    ["text that is not cached", Message.text("Hi", { cache: false }), [{ text: "Hi" }]],
    ["text that is not guarded", { type: "text", text: "Hi", guard: false }, [{ text: "Hi" }]],
    ["guarded text", { type: "text", text: "Hi", guard: true }, [{ guardContent: { text: { text: "Hi" } } }]],
    [
      "guarded text with qualifiers",
      { type: "text", text: "Hi", guard: { qualifiers: ["query"] } },
      [{ guardContent: { text: { text: "Hi", qualifiers: ["query"] } } }]
    ],
    ["an image", image, [{ image: { format: "png", source: { bytes } } }]],
    ["an image that is not guarded", { ...image, guard: false }, [{ image: { format: "png", source: { bytes } } }]],
    [
      "a guarded PNG image",
      { ...image, guard: true },
      [{ guardContent: { image: { format: "png", source: { bytes } } } }]
    ],
    [
      "a guarded JPEG image",
      { ...image, mediaType: "image/jpeg", guard: true },
      [{ guardContent: { image: { format: "jpeg", source: { bytes } } } }]
    ],
    [
      "a document with a context",
      { ...document, context: "Of 2024" },
      [{ document: { format: "pdf", name: "a", source: { bytes }, context: "Of 2024" } }]
    ],
    [
      "a document to be cited",
      { ...document, citations: true },
      [{ document: { format: "pdf", name: "a", source: { bytes }, citations: { enabled: true } } }]
    ],
    [
      "a document that is not to be cited",
      { ...document, citations: false },
      [{ document: { format: "pdf", name: "a", source: { bytes }, citations: { enabled: false } } }]
    ],
    [
      "a document in pieces",
      { ...document, source: { pieces: ["a", "b"] } },
      [{ document: { format: "pdf", name: "a", source: { content: [{ text: "a" }, { text: "b" }] } } }]
    ],
    [
      "a search result to be cited",
      { ...found, citations: true },
      [{ searchResult: { source: "s", title: "t", content: [{ text: "c" }], citations: { enabled: true } } }]
    ],
    [
      "a video of another account",
      { type: "video", mediaType: "video/mp4", source: { uri: "s3://bucket/v", bucketOwner: "123456789012" } },
      [{ video: { format: "mp4", source: { s3Location: { uri: "s3://bucket/v", bucketOwner: "123456789012" } } } }]
    ],
    [
      "a part whose provider fields are undefined",
      { ...image, providerFields: undefined } as Message.UserPart, // optional fields may be set to nothing
      [{ image: { format: "png", source: { bytes } } }]
    ]
  ]

  it.each(encodings)("encodes %s", (_, part, blocks) => {
    assert.deepStrictEqual(sent(part), blocks)
  })

  it("encodes changes of the tools, with the kind and the server of the tool", () => {
    const { input } = Result.getOrThrow(send([
      Message.user("Hi"),
      Message.system([
        { type: "tool-addition", name: "look", kind: "mcp", serverName: "maps" },
        { type: "tool-removal", name: "find" }
      ])
    ]))
    assert.deepStrictEqual<unknown>(input.messages?.[1]?.content, [
      { toolAddition: { tool: { name: "look", type: "mcp", serverName: "maps" } } },
      { toolRemoval: { tool: { name: "find" } } }
    ])
  })

  it("encodes citations of any kind, and decodes them", () => {
    const range = { documentIndex: 0, start: 1, end: 2 }
    const citations: ReadonlyArray<readonly [Message.Citation, object]> = [
      [{ title: "t", source: "s", passages: ["p", "q"] }, { title: "t", source: "s", sourceContent: ["p", "q"] }],
      [{ location: { type: "web", url: "https://a.b" } }, { location: { web: { url: "https://a.b" } } }],
      [{ location: { type: "document-char", ...range } }, { location: { documentChar: range } }],
      [{ location: { type: "document-page", ...range } }, { location: { documentPage: range } }],
      [{ location: { type: "document-chunk", ...range } }, { location: { documentChunk: range } }],
      [
        { location: { type: "search-result", searchResultIndex: 0, start: 1, end: 2 } },
        { location: { searchResultLocation: { searchResultIndex: 0, start: 1, end: 2 } } }
      ]
    ]
    const ours = citations.map(([citation]) => citation)
    const theirs = citations.map(([, citation]) =>
      "sourceContent" in citation ? { ...citation, sourceContent: [{ text: "p" }, { text: "q" }] } : citation
    )
    const answer = { type: "text", text: "So", citations: ours } as const
    const block = { citationsContent: { content: [{ text: "So" }], citations: theirs } }
    const { input } = Result.getOrThrow(send([Message.user("Hi"), Message.assistant([answer]), Message.user("And?")]))
    assert.deepStrictEqual<unknown>(input.messages?.[1]?.content, [block])
    assert.deepStrictEqual(received(block), answer)
    assert.deepStrictEqual(received({ citationsContent: { citations: [{ sourceContent: [{}] }] } }), {
      type: "text",
      text: "",
      citations: [{ passages: [""] }]
    })
  })

  it("refuses a guarded image of another format, or in S3", () => {
    for (
      const part of [
        { ...image, mediaType: "image/gif", guard: true },
        { ...image, source: { uri: "s3://bucket/i" }, guard: true }
      ]
    ) {
      const error = refused(part)
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "messages[0].content[1].guard")
      assert.include(error.message, "PNG and JPEG")
    }
  })

  it("refuses media of another type, and names what is accepted", () => {
    const error = refused({ ...image, mediaType: "image/tiff" })
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages[0].content[1].mediaType")
    assert.include(error.message, "\"image/tiff\"")
    assert.include(error.remedy, "image/png, image/jpeg, image/gif, image/webp")
  })

  it("refuses JSON outside of tool results", () => {
    const error = refused({ type: "json", value: { a: 1 } })
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages[0].content[1].type")
  })

  it("refuses a part of another provider, and names both", () => {
    const error = refused({ type: "provider", provider: "openai", value: {} })
    assert(error._tag === "UnsupportedFeatureError")
    assert.strictEqual(error.feature, "parts of openai")
    assert.include(error.message, "messages[0].content[1]")
    assert.include(error.message, "\"openai\"")
  })

  const unknown = (value: unknown) => ({ type: "provider", provider: "aws.bedrock", value })
  const decodings: ReadonlyArray<readonly [name: string, block: object, part?: object]> = [
    ["a call without members", { toolUse: {} }, { type: "tool-call", id: "", name: "", params: {} }],
    [
      "a result without members",
      { toolResult: {} },
      { type: "tool-result", id: "", result: [], providerExecuted: true }
    ],
    [
      "a failed result",
      { toolResult: { toolUseId: "t", content: [], status: "error" } },
      { type: "tool-result", id: "t", result: [], providerExecuted: true, isFailure: true }
    ],
    [
      "a successful result",
      { toolResult: { toolUseId: "t", content: [], status: "success" } },
      { type: "tool-result", id: "t", result: [], providerExecuted: true, isFailure: false }
    ],
    ["cited text without members", { citationsContent: {} }, { type: "text", text: "", citations: [] }],
    [
      "cited text with an empty piece",
      { citationsContent: { content: [{}, { text: "a" }], citations: [] } },
      {
        type: "text",
        text: "a",
        citations: [],
        providerFields: { "aws.bedrock": { citationsContent: { content: [{}, { text: "a" }], citations: [] } } }
      }
    ],
    ["reasoning without members", { reasoningContent: { reasoningText: {} } }, { type: "reasoning", text: "" }],
    [
      "reasoning with a signature",
      { reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } },
      { type: "reasoning", text: "Hm", signature: "s" }
    ],
    [
      "redacted reasoning",
      { reasoningContent: { redactedContent: bytes } },
      { type: "reasoning", text: "", redacted: bytes }
    ],
    [
      "an image",
      { image: { format: "png", source: { bytes } } },
      { type: "image", mediaType: "image/png", source: { bytes } }
    ],
    [
      "an image in S3",
      { image: { format: "png", source: { s3Location: { uri: "s3://b/i", bucketOwner: "123456789012" } } } },
      { type: "image", mediaType: "image/png", source: { uri: "s3://b/i", bucketOwner: "123456789012" } }
    ],
    [
      "audio",
      { audio: { format: "mp3", source: { s3Location: { uri: "s3://b/a" } } } },
      { type: "audio", mediaType: "audio/mpeg", source: { uri: "s3://b/a" } }
    ],
    ["an image without a source", { image: { format: "png" } }],
    ["an image without a place", { image: { format: "png", source: {} } }],
    ["an image without a location", { image: { format: "png", source: { s3Location: {} } } }],
    ["an image without a format", { image: { source: { bytes } } }],
    ["an image of an unknown format", { image: { format: "tiff", source: { bytes } } }],
    ["an image that was withheld", { image: { format: "png", source: { bytes }, error: { message: "withheld" } } }],
    ["a block that it does not know", { hologram: { depth: 3 } }]
  ]

  it.each(decodings)("decodes %s", (_, block, part = unknown(block)) => {
    assert.deepStrictEqual(received(block), part)
  })

  it("sends members that a part does not hold beside those that it does", () => {
    const content = [
      { image: { format: "png", source: { bytes }, caption: "c" } },
      { citationsContent: { content: [], citations: [], more: 1 } },
      { citationsContent: { content: [{ text: "a" }, {}], citations: [{ title: "t" }, {}] } },
      { toolUse: { toolUseId: "t", name: "f", input: { a: 1 }, type: "server_tool_use", at: { line: 1 } } }
    ] as ReadonlyArray<object> as Array<ContentBlock> // the service may know more than the SDK
    const { message } = Result.getOrThrow(
      Response.decode({ $metadata: {}, output: { message: { role: "assistant", content } } } as never, model) // enough of an answer
    )
    const { input } = Result.getOrThrow(
      Request.encode({ model, messages: [Message.user("Hi"), message, Message.user("And?")] }, {
        capabilities: {},
        history: "repair"
      })
    )
    assert.deepStrictEqual(input.messages?.[1]?.content, content)
  })

  it("leaves out members that are undefined or null", () => {
    assert.deepStrictEqual(received({ text: "Hi", toolUse: undefined, lang: null }), Message.text("Hi"))
    const citations = [{ title: "t" }]
    assert.deepStrictEqual(received({ citationsContent: { content: undefined, citations } }), {
      type: "text",
      text: "",
      citations
    })
  })

  it("ignores provider fields that do not fit the part", () => {
    const citations = [{ title: "t" }]
    const cases: ReadonlyArray<readonly [part: Message.UserPart, rest: object, block: object]> = [
      [Message.text("Hi"), { text: { a: 1 } }, { text: "Hi" }],
      [image, { image: { source: { bytes: { a: 1 } } } }, { image: { format: "png", source: { bytes } } }],
      [image, { image: { source: "s" } }, { image: { format: "png", source: { bytes } } }],
      ...["1", {}, [null, {}], [{ text: 1 }, {}]].map((content) =>
        [
          { type: "text", text: "1", citations },
          { citationsContent: { content } },
          { citationsContent: { content: [{ text: "1" }], citations } }
        ] as const
      )
    ]
    for (const [part, rest, block] of cases) {
      assert.deepStrictEqual(sent({ ...part, providerFields: { "aws.bedrock": rest } } as Message.UserPart), [block]) // as stored
    }
  })
})
