import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import { response, throughJson } from "./ChatFixture.ts"

const bytes = new Uint8Array([7, 8, 9])

describe("ChatRequest", () => {
  it.effect("round-trips through JSON with all fields", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = {
        model: "test-model",
        messages: [
          Message.system("Be \"brief\"\n"),
          Message.user([
            Message.text(""),
            Message.text("\u{1F469}\u200D\u{1F680} \\u0041 </script>"),
            { type: "image", mediaType: "image/png", source: { bytes } }
          ])
        ],
        maxTokens: 1,
        temperature: 0.1,
        topP: 0,
        stopSequences: ["\n\n", ""],
        tools: [{
          name: "now",
          description: "",
          inputSchema: { type: "object", properties: { a: { enum: [1, null] } } }
        }],
        toolChoice: { name: "now" },
        providerOptions: { test: { list: [1, { bytes }], nothing: null } }
      }
      assert.deepStrictEqual(yield* throughJson(ChatRequest.ChatRequest, request), request)
    }))

  it.effect("round-trips through JSON with messages only", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = { messages: "" }
      assert.deepStrictEqual(yield* throughJson(ChatRequest.ChatRequest, request), request)
    }))

  it.effect("omits undefined options at any depth", () =>
    Effect.gen(function*() {
      const request = { messages: "Hi", providerOptions: { test: { guardrail: undefined, trace: true } } }
      const expected = { messages: "Hi", providerOptions: { test: { trace: true } } }
      assert.deepStrictEqual(yield* throughJson(ChatRequest.ChatRequest, request), expected)
    }))

  it("is made of a string, of messages, or of itself", () => {
    const messages = [Message.user("Hi")]
    const request = { messages, maxTokens: 5 }
    assert.deepStrictEqual(ChatRequest.make("Hi"), { messages: "Hi" })
    assert.deepStrictEqual(ChatRequest.make(messages), { messages })
    assert.strictEqual(ChatRequest.make(request), request)
  })
})

const rich = ChatResponse.make([
  { type: "reasoning", text: "Hm", signature: "seal" },
  { type: "reasoning", text: "", redacted: bytes },
  { type: "text", text: "Let me see" },
  { type: "tool-call", id: "1", name: "now", params: { zone: ["UTC"] } },
  { type: "provider", provider: "test", value: { audio: bytes } },
  { type: "text", text: "." }
], { ...response(""), finishReason: "tool-calls", providerMetadata: { test: { trace: [bytes] } } })

describe("ChatResponse", () => {
  it.effect("round-trips through JSON", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* throughJson(ChatResponse.ChatResponse, rich), rich)
    }))

  it("finds its text and its tool calls among the parts", () => {
    assert.strictEqual(rich.text, "Let me see.")
    assert.deepStrictEqual(rich.toolCalls, [{ type: "tool-call", id: "1", name: "now", params: { zone: ["UTC"] } }])
    assert.deepStrictEqual(ChatResponse.make([], response("")).toolCalls, [])
  })
})

describe("ChatEvent", () => {
  it.effect.each(ChatEvent.fromResponse(rich))("round-trips through JSON: $type", (event) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* throughJson(ChatEvent.ChatEvent, event), event)
    }))
})
