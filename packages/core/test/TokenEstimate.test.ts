import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Metering from "../src/chat/internal/metering.ts"
import * as EmbeddingCall from "../src/embedding/internal/call.ts"
import * as TextTokens from "../src/internal/textTokens.ts"
import { samples } from "./TokenSamples.ts"

const request = (
  messages: ReadonlyArray<Message.Message>,
  options?: Partial<ChatRequest.ChatRequest>
): ChatRequest.Resolved => ({ ...options, model: "test-model", messages })

const prompt = (content: Message.UserMessage["content"]) => Metering.promptTokens(request([Message.user(content)]))

const part = (part: Message.UserPart | undefined) => prompt(part === undefined ? [] : [part])

/** What one part adds to a prompt. */
const tokensOf = (added: Message.UserPart) => part(added) - part(undefined)

describe("TokenEstimate", () => {
  it.each(samples)("is near the largest count of three vocabularies for $kind", ({ kind, text, ...counts }) => {
    const ratio = TextTokens.count(text) / Math.max(counts.claude, counts.cl100k, counts.o200k)
    assert.isAtLeast(ratio, kind === "a URL" ? 0.75 : 0.9)
    assert.isAtMost(ratio, 1.6)
  })

  it.effect.prop("grows with a text", [Schema.String, Schema.String], ([text, more]) =>
    Effect.sync(() => {
      assert.isAtLeast(TextTokens.count(text + more), TextTokens.count(text))
      assert.isAtMost(TextTokens.count(text), 2 * text.length)
    }))

  it.effect.prop(
    "accepts any message, and grows with a conversation",
    [Message.Message, Message.Message],
    ([one, two]) =>
      Effect.sync(() => {
        const first = Metering.promptTokens(request([one]))
        assert.isTrue(Number.isSafeInteger(first) && first > 0)
        assert.isAbove(Metering.promptTokens(request([one, two])), first)
      }),
    { arbitrary: { runs: 50 } }
  )

  it("counts any image as a large one, bytes or URI", () => {
    for (const source of [{ bytes: new Uint8Array(4) }, { uri: "s3://bucket/key" }]) {
      const tokens = tokensOf({ type: "image", mediaType: "image/png", source })
      assert.isTrue(tokens >= 1600 && tokens < 1640)
    }
  })

  it("counts the text of documents, and bounds its estimate for others", () => {
    const [english] = samples
    const document = (source: Message.DocumentPart["source"], mediaType: string) =>
      tokensOf({ type: "document", mediaType, name: "report", source })
    const bytes = new TextEncoder().encode(english!.text)
    assert.isAtLeast(document({ text: english!.text }, "text/plain"), english!.claude)
    assert.isAtLeast(document({ pieces: [english!.text] }, "text/plain"), english!.claude)
    assert.isAtLeast(document({ bytes }, "text/markdown"), english!.claude)
    assert.isAtMost(document({ bytes: new Uint8Array(4_500_000) }, "application/pdf"), 110_000)
  })

  it("counts tools and their instructions", () => {
    const without = Metering.promptTokens(request([Message.user("Hi")]))
    const described = samples.find(({ kind }) => kind === "indented JSON")!
    const tool = { name: "forecast", inputSchema: JSON.parse(described.text) }
    const tokens = (...tools: ReadonlyArray<typeof tool>) =>
      Metering.promptTokens(request([Message.user("Hi")], { tools })) - without
    // Without the blanks of the indentation the schema has fewer tokens than the sample.
    assert.isAtLeast(tokens(tool), 530 + 0.75 * described.claude)
    assert.isAtMost(tokens(tool), 530 + 2 * described.claude)
    assert.isAtLeast(tokens(tool, tool) - tokens(tool), 0.75 * described.claude)
  })

  it("counts arguments and results of tools", () => {
    const data = samples.find(({ kind }) => kind === "JSON")!
    const called = (params: unknown) =>
      Metering.promptTokens(request([Message.assistant([{ type: "tool-call", id: "call_1", name: "find", params }])]))
    const answered = (result: unknown) =>
      Metering.promptTokens(request([Message.tool([{ type: "tool-result", id: "call_1", result }])]))
    for (const tokens of [called, answered]) {
      assert.isAtLeast(tokens(JSON.parse(data.text)) - tokens({}), 0.95 * data.claude)
      assert.isAtMost(tokens(JSON.parse(data.text)) - tokens({}), 1.6 * data.claude)
      assert.isAtLeast(tokens(data.text) - tokens(""), data.claude)
    }
  })

  it("accepts cyclic and very deep values", () => {
    const cyclic: { self?: unknown; twice?: unknown } = {}
    cyclic.self = cyclic
    let deep: unknown = "bottom"
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    for (const value of [cyclic, deep]) {
      assert.isTrue(Number.isFinite(part({ type: "provider", provider: "test.provider", value })))
    }
  })

  it("counts a signature, which holds the reasoning", () => {
    const thought = (signature?: string) =>
      Metering.promptTokens(request([Message.assistant([{ type: "reasoning", text: "So.", signature }])]))
    assert.isAbove(thought("A".repeat(4_000)), thought() + 500)
    assert.isBelow(thought("A".repeat(4_000)), thought() + 1_000)
  })

  it("counts texts and images to embed", () => {
    const [english] = samples
    const pixels = { bytes: new Uint8Array(4), mediaType: "image/png" }
    const text = EmbeddingCall.tokensOf([english!.text])
    assert.isAtLeast(text, english!.claude)
    assert.isAtLeast(EmbeddingCall.tokensOf([{ image: pixels }]), 1600)
    assert.isAtLeast(EmbeddingCall.tokensOf([{ text: english!.text, image: pixels }]), text + 1599)
    assert.strictEqual(EmbeddingCall.tokensOf([]), 0)
  })
})
