import type { ContentBlock, ConverseCommandOutput, StopReason } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Request from "../../src/converse/Request.ts"
import * as Response from "../../src/converse/Response.ts"

const model = "amazon.nova-lite-v1:0"

const answer = (output: Partial<ConverseCommandOutput>): ConverseCommandOutput => ({
  $metadata: { requestId: "req-1" },
  output: { message: { role: "assistant", content: [{ text: "Hello" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 3, outputTokens: 1, totalTokens: 4 },
  metrics: { latencyMs: 12 },
  ...output
})

const encode = (messages: ReadonlyArray<Message.Message>) =>
  Result.getOrThrow(Request.encode({ model, messages }, { capabilities: {}, history: "repair" })).input

const decode = (output: Partial<ConverseCommandOutput>) => Result.getOrThrow(Response.decode(answer(output), model))

describe("converse/Response", () => {
  it("reads text, usage, request id and latency", () => {
    const response = decode({})
    assert.strictEqual(response.text, "Hello")
    assert.strictEqual(response.finishReason, "stop")
    assert.strictEqual(response.requestId, "req-1")
    assert.strictEqual(response.model, model)
    assert.strictEqual(response.providerMetadata.bedrock?.latencyMs, 12)
    assert.deepStrictEqual(response.usage, {
      inputTokens: 3,
      outputTokens: 1,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      totalTokens: 4
    })
  })

  it("reads the cache counters", () => {
    const { usage } = decode({
      usage: { inputTokens: 0, outputTokens: 48, totalTokens: 90, cacheReadInputTokens: 27, cacheWriteInputTokens: 10 }
    })
    assert.strictEqual(usage.cacheReadTokens, 27)
    assert.strictEqual(usage.cacheWriteTokens, 10)
    assert.strictEqual(usage.totalTokens, 90, "the service's own sum")
  })

  it.each<[string, string]>([
    ["end_turn", "stop"],
    ["stop_sequence", "stop-sequence"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "context-length"],
    ["tool_use", "tool-calls"],
    ["content_filtered", "content-filter"],
    ["guardrail_intervened", "guardrail"],
    ["malformed_model_output", "malformed-output"],
    ["malformed_tool_use", "malformed-tool-call"],
    ["refusal", "refusal"],
    ["a_new_one", "other"],
    ["constructor", "other"]
  ])("calls the stop reason %s %s, and keeps the service's word", (stopReason, finishReason) => {
    const response = decode({ stopReason: stopReason as StopReason }) // the service may know more than the SDK
    assert.strictEqual(response.finishReason, finishReason)
    assert.strictEqual(response.providerMetadata.bedrock?.stopReason, stopReason)
  })

  it("keeps a block it does not know, and sends it back as it was", () => {
    const content = [
      { text: "Found it" },
      { toolUse: { toolUseId: "s1", name: "nova_grounding", input: {}, type: "server_tool_use" as const } },
      { $unknown: ["hologram", { depth: 3 }] as [string, unknown] }
    ]
    const response = decode({ output: { message: { role: "assistant", content } } })
    assert.strictEqual(response.text, "Found it")
    assert.deepStrictEqual(response.toolCalls, [])
    const sent = encode([Message.user("Look"), response.message, Message.user("And?")])
    assert.deepStrictEqual(sent.messages?.[1]?.content, content)
  })

  it("round-trips byte for byte", () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm.", signature: "c2ln" } } },
      { reasoningContent: { redactedContent: new Uint8Array([1, 2]) } },
      { text: "Let me look." },
      { toolUse: { toolUseId: "t1", name: "look", input: { at: [1, 2] } } }
    ]
    const response = decode({ output: { message: { role: "assistant", content } }, stopReason: "tool_use" })
    assert.deepStrictEqual(response.toolCalls, [{ type: "tool-call", id: "t1", name: "look", params: { at: [1, 2] } }])
    const sent = encode([
      Message.user("Look"),
      response.message,
      Message.tool([{ type: "tool-result", id: "t1", result: "ok" }])
    ])
    assert.deepStrictEqual(sent.messages?.[1]?.content, content)
  })

  it("treats a call as the program's unless its type says that the service ran it", () => {
    const content = [undefined, "tool_use", "a_new_type", "server_tool_use"].map((type, index) => ({
      toolUse: {
        toolUseId: `t${index}`,
        name: "look",
        input: {},
        ...(type === undefined ? {} : { type: type as never })
      }
    }))
    const response = decode({ output: { message: { role: "assistant", content } }, stopReason: "tool_use" })
    assert.deepStrictEqual(response.toolCalls.map(({ id }) => id), ["t0", "t1", "t2"])
    const sent = encode([
      Message.user("Look"),
      response.message,
      Message.tool(response.toolCalls.map(({ id }) => ({ type: "tool-result", id, result: "ok" })))
    ])
    assert.deepStrictEqual<unknown>(sent.messages?.[1]?.content, content)
  })

  const web = { web: { url: "https://example.com", domain: "example.com" } }
  const text = { text: "It is so." }
  const asTyped = (block: object) => block as ContentBlock // the service may know more than the SDK
  const blocks: ReadonlyArray<readonly [name: string, block: ContentBlock, text: string]> = [
    ["sources without content", { citationsContent: { citations: [{ location: web }] } }, ""],
    ["sources with empty content", { citationsContent: { content: [], citations: [{ location: web }] } }, ""],
    ["sources of an empty text", { citationsContent: { content: [{ text: "" }], citations: [{ location: web }] } }, ""],
    [
      "cited text in pieces",
      { citationsContent: { content: [{ text: "It " }, { text: "is." }], citations: [{ title: "T" }] } },
      "It is."
    ],
    ["text without citations", { citationsContent: { content: [text] } }, text.text],
    ["text with no citations", { citationsContent: { content: [text], citations: [] } }, text.text],
    ["a citation of nothing", { citationsContent: { content: [text], citations: [{}] } }, text.text],
    [
      "a place it does not know",
      {
        citationsContent: {
          content: [text],
          citations: [{ location: web }, { title: "T", location: { $unknown: ["video", { second: 3 }] } }]
        }
      },
      text.text
    ],
    [
      "members it does not know",
      asTyped({
        citationsContent: { content: [{ ...text, lang: "en" }], citations: [{ score: 1 }], more: true },
        p: 1
      }),
      text.text
    ],
    ["text with a member it does not know", asTyped({ ...text, lang: "en" }), text.text],
    [
      "reasoning with a member it does not know",
      asTyped({ reasoningContent: { reasoningText: { text: "Hm", signature: "s", format: "v1" } } }),
      ""
    ],
    [
      "a call with a member it does not know",
      asTyped({
        toolUse: { toolUseId: "t", name: "f", input: {}, type: "server_tool_use", caller: { type: "direct" } }
      }),
      ""
    ],
    [
      "a result with a member it does not know",
      asTyped({ toolResult: { toolUseId: "t", content: [{ $unknown: ["page", {}] }], type: "found", cost: 1 } }),
      ""
    ]
  ]

  it.effect.each(blocks)("sends back as it came, also from a store: %s", ([, block, text]) =>
    Effect.gen(function*() {
      const content = [{ text: "First." }, block]
      const response = decode({ output: { message: { role: "assistant", content } } })
      assert.strictEqual(response.text, `First.${text}`)
      const stored = Schema.fromJsonString(Schema.toCodecJson(Message.Message))
      const restored = yield* Schema.decodeEffect(stored)(yield* Schema.encodeEffect(stored)(response.message))
      for (const message of [response.message, restored]) {
        const sent = encode([Message.user("Look"), message, Message.user("And?")])
        assert.deepStrictEqual<unknown>(sent.messages?.[1]?.content, content)
      }
    }))

  it("keeps changes made by the program", () => {
    const citationsContent = { content: [{ text: "a secret" }, { text: "!" }], citations: [{ title: "T", score: 1 }] }
    const response = decode({
      output: { message: { role: "assistant", content: [asTyped({ citationsContent })] } }
    })
    const redacted = Message.parts(response.message).map((part) =>
      part.type === "text" ? { ...part, text: "[redacted]" } : part
    ) as ReadonlyArray<Message.AssistantPart> // parts of an answer
    const sent = encode([Message.user("Look"), Message.assistant(redacted), Message.user("And?")])
    assert.deepStrictEqual<unknown>(sent.messages?.[1]?.content, [
      { citationsContent: { content: [{ text: "[redacted]" }], citations: [{ title: "T", score: 1 }] } }
    ])
  })

  it("decodes an answer with missing fields", () => {
    const response = Result.getOrThrow(
      Response.decode({ output: { message: { role: "assistant", content: [] } } } as never, model) // not what the types promise
    )
    assert.strictEqual(response.text, "")
    assert.strictEqual(response.finishReason, "other")
    assert.strictEqual(response.usage.totalTokens, 0)
  })

  it("refuses an answer without a message", () => {
    for (const output of [undefined, {}, { message: {} }, { message: { content: "text" } }]) {
      const result = Response.decode(answer({ output: output as never }), model) // not what the types promise
      assert(Result.isFailure(result))
      assert.strictEqual(result.failure._tag, "MalformedResponseError")
      assert.include(result.failure.message, "the answer has no message")
      assert.strictEqual(result.failure.requestId, "req-1")
    }
  })
})
