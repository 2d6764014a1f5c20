import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as Request from "../../src/converse/Request.ts"
import { capabilities, encode, model, refuse, sent } from "./RequestFixture.ts"

describe("converse/Request", () => {
  it("keeps system prompts apart from the conversation", () => {
    const input = encode({ messages: [Message.system("Be brief."), Message.user("Hello")] })
    assert.deepStrictEqual(input, {
      modelId: model,
      system: [{ text: "Be brief." }],
      messages: [{ role: "user", content: [{ text: "Hello" }] }]
    })
  })

  it("sends only the inference options that are set", () => {
    const messages = [Message.user("Hello")]
    assert.isUndefined(encode({ messages }).inferenceConfig)
    assert.deepStrictEqual(
      encode({ messages, maxTokens: 10, temperature: 0, topP: 1, stopSequences: ["END"] }).inferenceConfig,
      { maxTokens: 10, temperature: 0, topP: 1, stopSequences: ["END"] }
    )
  })

  it("joins neighbours of one role, so that parallel tool results travel in one message", () => {
    const input = encode({
      messages: [
        Message.user("Weather in Rome and Oslo?"),
        Message.assistant([
          { type: "tool-call", id: "a", name: "weather", params: { city: "Rome" } },
          { type: "tool-call", id: "b", name: "weather", params: { city: "Oslo" } }
        ]),
        Message.tool([{ type: "tool-result", id: "a", result: "31 °C" }]),
        Message.tool([{ type: "tool-result", id: "b", result: { celsius: 12 }, isFailure: true }]),
        Message.user("Be quick")
      ]
    })
    assert.deepStrictEqual(input.messages?.map((message) => message.role), ["user", "assistant", "user"])
    assert.deepStrictEqual(input.messages?.[2]?.content, [
      { toolResult: { toolUseId: "a", content: [{ text: "31 °C" }] } },
      { toolResult: { toolUseId: "b", content: [{ json: { celsius: 12 } }], status: "error" } },
      { text: "Be quick" }
    ])
  })

  it("leaves blank text out where something else remains, and trims the end of a final answer", () => {
    const input = encode({
      messages: [
        Message.user([Message.text("  "), Message.text("Hello")]),
        Message.assistant([Message.text("The answer is "), Message.text("\n")])
      ]
    })
    assert.deepStrictEqual(input.messages, [
      { role: "user", content: [{ text: "Hello" }] },
      { role: "assistant", content: [{ text: "The answer is" }] }
    ])
  })

  it("reports its changes, or refuses in strict mode", () => {
    const messages = [Message.user("Hi"), Message.user([Message.text("there"), Message.text("\n")])]
    const { changes } = Result.getOrThrow(Request.encode({ model, messages }, { capabilities, history: "repair" }))
    assert.deepStrictEqual(changes.map(({ field, type }) => [type, field]), [
      ["dropped-blank", "messages[1].content[1]"],
      ["joined-message", "messages[1]"]
    ])
    const error = refuse({ messages }, "strict")
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages[1].content[1]")
  })

  it("names the original part, regardless of earlier changes", () => {
    const error = refuse({
      messages: [
        Message.assistant("Ask away"),
        Message.user(" "),
        Message.user([Message.text(" "), { type: "audio", mediaType: "audio/x", source: { uri: "s3://b/a" } }])
      ]
    })
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages[2].content[1].mediaType")
  })

  it("writes cache points after their prefix", () => {
    const input = encode({
      messages: [
        Message.system([Message.text("A long manual", { cache: { ttl: "1h" } })]),
        Message.user([Message.text("A long document", { cache: true }), Message.text("A question")])
      ]
    })
    assert.deepStrictEqual(input.system, [{ text: "A long manual" }, { cachePoint: { type: "default", ttl: "1h" } }])
    assert.deepStrictEqual(input.messages?.[0]?.content, [
      { text: "A long document" },
      { cachePoint: { type: "default" } },
      { text: "A question" }
    ])
  })

  it("drops cache points for a model without caching", () => {
    const { input } = Result.getOrThrow(Request.encode({
      model,
      messages: [
        Message.system([Message.text("A manual", { cache: true })]),
        Message.user([Message.text("A question", { cache: true })])
      ],
      tools: [{ name: "look", inputSchema: { type: "object" }, cache: true }]
    }, { capabilities: { caching: { supported: false } }, history: "repair" }))
    assert.deepStrictEqual(input.system, [{ text: "A manual" }])
    assert.deepStrictEqual(input.messages?.[0]?.content, [{ text: "A question" }])
    assert.strictEqual(input.toolConfig?.tools?.length, 1)
  })

  it("asks for strict tools unless the model is known not to have them", () => {
    const strictOf = (strictTools: boolean | undefined) =>
      Result.getOrThrow(Request.encode({
        model,
        messages: [Message.user("Hi")],
        tools: [{ name: "look", inputSchema: { type: "object" }, strict: true }]
      }, { capabilities: { strictTools }, history: "repair" })).input.toolConfig?.tools?.[0]?.toolSpec?.strict
    assert.deepStrictEqual([strictOf(true), strictOf(undefined), strictOf(false)], [true, true, undefined])
  })

  it("gives media their Bedrock format, and refuses a type it does not take", () => {
    const bytes = new Uint8Array([1, 2, 3])
    const input = encode({
      messages: [Message.user([
        Message.text("Compare"),
        { type: "image", mediaType: "image/png", source: { bytes } },
        { type: "document", mediaType: "application/pdf", name: "report", source: { uri: "s3://bucket/report.pdf" } }
      ])]
    })
    assert.deepStrictEqual(input.messages?.[0]?.content, [
      { text: "Compare" },
      { image: { format: "png", source: { bytes } } },
      { document: { format: "pdf", name: "report", source: { s3Location: { uri: "s3://bucket/report.pdf" } } } }
    ])
    const error = refuse({
      messages: [Message.user([{ type: "image", mediaType: "image/tiff", source: { bytes } }])]
    })
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages[0].content[0].mediaType")
    assert.include(error.remedy, "image/png")
  })

  it("sends signed reasoning back unchanged", () => {
    const redacted = new Uint8Array([9, 8])
    const input = encode({
      messages: [
        Message.user("2 + 2?"),
        Message.assistant([
          { type: "reasoning", text: "Easy.", signature: "sig==" },
          { type: "reasoning", text: "", redacted },
          Message.text("4")
        ]),
        Message.user("Sure?")
      ]
    })
    assert.deepStrictEqual(input.messages?.[1]?.content, [
      { reasoningContent: { reasoningText: { text: "Easy.", signature: "sig==" } } },
      { reasoningContent: { redactedContent: redacted } },
      { text: "4" }
    ])
  })

  it("sends its own blocks unchanged, and refuses those of another provider", () => {
    const value = { searchResult: { source: "x" } }
    const input = encode({ messages: [Message.user([{ type: "provider", provider: "aws.bedrock", value }])] })
    assert.strictEqual<unknown>(input.messages?.[0]?.content?.[0], value)
    const error = refuse({ messages: [Message.user([{ type: "provider", provider: "openai", value }])] })
    assert.strictEqual(error._tag, "UnsupportedFeatureError")
  })

  it("offers tools with the requested choice, and none for the choice none", () => {
    const messages = [Message.user("Hi")]
    const tools = [{ name: "weather", description: "", inputSchema: { type: "object" } }]
    assert.deepStrictEqual(encode({ messages, tools }).toolConfig, {
      tools: [{ toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } } }]
    })
    assert.deepStrictEqual(encode({ messages, tools, toolChoice: "any" }).toolConfig?.toolChoice, { any: {} })
    assert.deepStrictEqual(encode({ messages, tools, toolChoice: { name: "weather" } }).toolConfig?.toolChoice, {
      tool: { name: "weather" }
    })
    assert.isUndefined(encode({ messages, tools, toolChoice: "none" }).toolConfig)
  })

  it("lets provider options win", () => {
    const input = encode({
      messages: [Message.user("Hi")],
      maxTokens: 10,
      providerOptions: {
        bedrock: {
          inferenceConfig: { temperature: 0.5 },
          additionalModelRequestFields: { top_k: 5 },
          serviceTier: { type: "flex" }
        }
      }
    })
    assert.deepStrictEqual(input.inferenceConfig, { maxTokens: 10, temperature: 0.5 })
    assert.deepStrictEqual(input.additionalModelRequestFields, { top_k: 5 })
    assert.deepStrictEqual(input.serviceTier, { type: "flex" })
  })

  it("sends metadata of the request, unless it has none", () => {
    const metadata = (requestMetadata: Record<string, string>) =>
      encode({ providerOptions: { bedrock: { requestMetadata } } })
    assert.deepStrictEqual(metadata({ team: "a" }).requestMetadata, { team: "a" })
    assert.notProperty(metadata({}), "requestMetadata")
  })

  it("refuses what cannot be sent among the tools, in the system prompt and for reasoning", () => {
    const named = (request: Partial<ChatRequest.Resolved>) => {
      const error = refuse(request)
      assert(error._tag === "InvalidRequestError")
      return error.field
    }
    assert.strictEqual(named({ tools: [{ name: "not a name", inputSchema: { type: "object" } }] }), "tools[0].name")
    assert.strictEqual(named({ reasoning: { budgetTokens: 1 } }), "reasoning.budgetTokens")
    const value = { type: "provider", provider: "aws.bedrock", value: "text" } as const
    assert.strictEqual(
      named({ messages: [Message.system([value]), Message.user("Hi")] }),
      "messages[0].content[0].value"
    )
  })

  it("refuses a temperature Bedrock does not know", () => {
    const error = refuse({ messages: [Message.user("Hi")], temperature: 1.5 })
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "temperature")
  })

  describe("nothing", () => {
    it("is sent of lists without members", () => {
      const own = { bedrock: { system: [], toolConfig: { tools: [] } } }
      const input = encode({ messages: [Message.system("S"), Message.user("Hi")], tools: [], providerOptions: own })
      assert.notProperty(input, "system")
      assert.notProperty(input, "toolConfig")
    })

    it("sends an explicit off where needed", () => {
      const { changes, input } = sent({
        tools: [{ name: "look", inputSchema: { type: "object" } }],
        messages: [
          Message.user([
            Message.text("See"),
            { type: "document", mediaType: "text/plain", name: "a", source: { pieces: [] } },
            { type: "document", mediaType: "text/plain", name: "b", source: { text: " " } }
          ]),
          Message.assistant(["a", "b", "c", "d"].map((id) => ({ type: "tool-call", id, name: "look", params: {} }))),
          Message.tool([
            { type: "tool-result", id: "a", parts: [] },
            { type: "tool-result", id: "b" },
            { type: "tool-result", id: "c", result: "" },
            {
              type: "tool-result",
              id: "d",
              parts: [
                { type: "search-result", source: "s", title: "t", content: [] },
                { type: "search-result", source: "s", title: "t", content: ["a", " "] }
              ]
            }
          ])
        ]
      })
      const empty = [{ text: "(empty)" }]
      assert.deepStrictEqual(input.messages?.[2]?.content?.map(({ toolResult }) => toolResult?.content), [
        empty,
        empty,
        empty,
        [
          { searchResult: { source: "s", title: "t", content: empty } },
          { searchResult: { source: "s", title: "t", content: [{ text: "a" }] } }
        ]
      ])
      assert.deepStrictEqual(
        input.messages?.[0]?.content?.flatMap(({ document }) => document === undefined ? [] : document.source?.text),
        ["(empty)", "(empty)"]
      )
      assert.deepStrictEqual(changes.map(({ type }) => type).toSorted(), [
        "filled-result",
        "filled-text",
        "filled-text",
        "filled-text",
        "filled-text"
      ])
    })

    it("is qualified of guarded text without qualifiers", () => {
      const input = encode({ messages: [Message.user([{ ...Message.text("See"), guard: { qualifiers: [] } }])] })
      assert.deepStrictEqual(input.messages?.[0]?.content, [{ guardContent: { text: { text: "See" } } }])
    })
  })

  it("encodes JSON beside other parts of a result, wrapped in an object", () => {
    const input = encode({
      tools: [{ name: "look", inputSchema: { type: "object" } }],
      messages: [
        Message.user("Q"),
        Message.assistant([{ type: "tool-call", id: "a", name: "look", params: {} }]),
        Message.tool([{
          type: "tool-result",
          id: "a",
          parts: [Message.text("Found"), { type: "json", value: { celsius: 12 } }, { type: "json", value: [1] }]
        }])
      ]
    })
    assert.deepStrictEqual(input.messages?.[2]?.content?.[0]?.toolResult?.content, [
      { text: "Found" },
      { json: { celsius: 12 } },
      { json: { result: [1] } }
    ])
  })

  it.each(
    [
      ["image", "image/jpg", "jpeg"],
      ["image", "IMAGE/PJPEG", "jpeg"],
      ["image", "image/x-png; charset=binary", "png"],
      ["document", "application/x-pdf", "pdf"],
      ["document", "text/x-markdown;charset=utf-8", "md"],
      ["document", "text/comma-separated-values", "csv"],
      ["document", "application/msexcel", "xls"],
      ["video", "video/x-m4v", "mp4"],
      ["video", " video/3gp ", "three_gp"],
      ["audio", "audio/x-mp3", "mp3"],
      ["audio", "audio/vnd.wave", "wav"],
      ["audio", "audio/m4a", "m4a"]
    ] as const
  )("takes %s by the other name %s", (type, mediaType, format) => {
    const source = { bytes: new Uint8Array([1]) }
    const part = { type, mediaType, source, name: "a" } as Message.UserPart // what all four have in common
    const { input } = Result.getOrThrow(
      Request.encode({ model, messages: [Message.user([Message.text("See"), part])] }, {
        capabilities: {},
        history: "strict"
      })
    )
    const block: Record<string, unknown> = { ...input.messages?.[0]?.content?.[1] }
    assert.propertyVal(block[type], "format", format)
  })
})
