import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TokenEstimate from "../src/chat/internal/tokenEstimate.ts"
import * as TextTokens from "../src/internal/textTokens.ts"
import { samples } from "./TokenSamples.ts"

const request = (
  messages: ReadonlyArray<Message.Message>,
  options?: Partial<ChatRequest.ChatRequest>
): ChatRequest.Resolved => ({ ...options, model: "test-model", messages })

const prompt = (content: Message.UserMessage["content"]) => TokenEstimate.chat(request([Message.user(content)]))

const part = (part: Message.UserPart | undefined) => prompt(part === undefined ? [] : [part])

/** What one part adds to a prompt. */
const tokensOf = (added: Message.UserPart) => part(added) - part(undefined)

const image = (bytes: ReadonlyArray<number>): Message.ImagePart => ({
  type: "image",
  mediaType: "image/png",
  source: { bytes: Uint8Array.from(bytes) }
})

const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0))

const zeros = (length: number) => Array.from({ length }, () => 0)

/** The headers of images of 750 by 400 pixels, which are 400 tokens. */
const headers: Record<string, ReadonlyArray<number>> = {
  PNG: [0x89, ...ascii("PNG\r\n\x1a\n"), 0, 0, 0, 13, ...ascii("IHDR"), 0, 0, 2, 238, 0, 0, 1, 144],
  GIF: [...ascii("GIF89a"), 238, 2, 144, 1],
  JPEG: [0xff, 0xd8, 0xff, 0xe0, 0, 6, 1, 2, 3, 4, 0xff, 0xff, 0xc2, 0, 17, 8, 1, 144, 2, 238, 3],
  "lossy WebP": [...ascii("RIFF"), ...zeros(4), ...ascii("WEBPVP8 "), ...zeros(10), 238, 2, 144, 1],
  "lossless WebP": [...ascii("RIFF"), ...zeros(4), ...ascii("WEBPVP8L"), ...zeros(4), 0x2f, 237, 194, 99, 0],
  "extended WebP": [...ascii("RIFF"), ...zeros(4), ...ascii("WEBPVP8X"), ...zeros(8), 237, 2, 0, 143, 1, 0]
}

describe("TokenEstimate", () => {
  const close = new Set([
    "English",
    "instructions",
    "TypeScript",
    "Python",
    "JSON",
    "indented JSON",
    "German",
    "Russian",
    "Chinese",
    "Japanese",
    "text with emoji",
    "nothing but emoji"
  ])

  it.each(samples)("is above the dearest vocabulary, and not far, for $kind", ({ kind, text, ...counts }) => {
    const ratio = TextTokens.count(text) / Math.max(counts.claude, counts.cl100k, counts.o200k)
    assert.isAtLeast(ratio, 1.05)
    assert.isAtMost(ratio, close.has(kind) ? 1.45 : 1.6)
  })

  it.effect.prop("grows with a text", [Schema.String, Schema.String], ([text, more]) =>
    Effect.sync(() => {
      assert.isAtLeast(TextTokens.count(text + more), TextTokens.count(text))
      assert.isAtMost(TextTokens.count(text), 2 * text.length)
    }))

  it.effect.prop(
    "takes any message, and grows with a conversation",
    [Message.Message, Message.Message],
    ([one, two]) =>
      Effect.sync(() => {
        const first = TokenEstimate.chat(request([one]))
        assert.isTrue(Number.isSafeInteger(first) && first > 0)
        assert.isAbove(TokenEstimate.chat(request([one, two])), first)
      }),
    { arbitrary: { runs: 50 } }
  )

  it.each(Object.entries(headers))("reads the size of a %s image", (_, bytes) => {
    assert.isAtLeast(tokensOf(image(bytes)), 400)
    assert.isAtMost(tokensOf(image(bytes)), 410)
  })

  it.each(Object.entries(headers))("takes a %s image that is cut off for the largest", (_, bytes) => {
    for (let length = 0; length < bytes.length - 9; length++) {
      assert.isAtLeast(tokensOf(image(bytes.slice(0, length))), 1600)
    }
  })

  it("takes no image for larger than a model would", () => {
    assert.isAtMost(tokensOf(image([...headers["GIF"]!.slice(0, 6), 255, 255, 255, 255])), 1610)
    assert.isAtLeast(tokensOf({ type: "image", mediaType: "image/png", source: { uri: "s3://bucket/key" } }), 1600)
  })

  it("reads documents that are text, and bounds its guess for others", () => {
    const [english] = samples
    const document = (source: Message.DocumentPart["source"], mediaType: string) =>
      tokensOf({ type: "document", mediaType, name: "report", source })
    const bytes = new TextEncoder().encode(english!.text)
    assert.isAtLeast(document({ text: english!.text }, "text/plain"), english!.claude)
    assert.isAtLeast(document({ pieces: [english!.text] }, "text/plain"), english!.claude)
    assert.isAtLeast(document({ bytes }, "text/markdown"), english!.claude)
    assert.isAtMost(document({ bytes: new Uint8Array(4_500_000) }, "application/pdf"), 110_000)
  })

  it("counts tools, and what tells the model that it has some", () => {
    const without = TokenEstimate.chat(request([Message.user("Hi")]))
    const described = samples.find(({ kind }) => kind === "indented JSON")!
    const tool = { name: "forecast", inputSchema: JSON.parse(described.text) }
    const tokens = (...tools: ReadonlyArray<typeof tool>) =>
      TokenEstimate.chat(request([Message.user("Hi")], { tools })) - without
    // Without the blanks of the indentation the schema has fewer tokens than the sample.
    assert.isAtLeast(tokens(tool), 530 + 0.75 * described.claude)
    assert.isAtMost(tokens(tool), 530 + 2 * described.claude)
    assert.isAtLeast(tokens(tool, tool) - tokens(tool), 0.75 * described.claude)
  })

  it("counts what tools were given and answered", () => {
    const data = samples.find(({ kind }) => kind === "JSON")!
    const called = (params: unknown) =>
      TokenEstimate.chat(request([Message.assistant([{ type: "tool-call", id: "call_1", name: "find", params }])]))
    const answered = (result: unknown) =>
      TokenEstimate.chat(request([Message.tool([{ type: "tool-result", id: "call_1", result }])]))
    for (const tokens of [called, answered]) {
      assert.isAtLeast(tokens(JSON.parse(data.text)) - tokens({}), 0.95 * data.claude)
      assert.isAtMost(tokens(JSON.parse(data.text)) - tokens({}), 1.6 * data.claude)
      assert.isAtLeast(tokens(data.text) - tokens(""), data.claude)
    }
  })

  it("takes values that hold themselves, and very deep ones", () => {
    const cyclic: { self?: unknown; twice?: unknown } = {}
    cyclic.self = cyclic
    let deep: unknown = "bottom"
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    for (const value of [cyclic, deep]) {
      assert.isTrue(Number.isFinite(part({ type: "provider", provider: "test.provider", value })))
    }
  })

  it("counts a seal that holds more than the text of a thought", () => {
    const thought = (signature?: string) =>
      TokenEstimate.chat(request([Message.assistant([{ type: "reasoning", text: "So.", signature }])]))
    assert.isAbove(thought("A".repeat(4_000)), thought() + 500)
    assert.strictEqual(thought("AAAA"), thought())
  })

  it("counts texts and images to embed", () => {
    const [english] = samples
    const pixels = { bytes: Uint8Array.from(headers["PNG"]!), mediaType: "image/png" }
    const text = TokenEstimate.embedding([english!.text])
    assert.isAtLeast(text, english!.claude)
    assert.isAtLeast(TokenEstimate.embedding([{ image: pixels }]), 400)
    assert.isAtLeast(TokenEstimate.embedding([{ text: english!.text, image: pixels }]), text + 399)
    assert.strictEqual(TokenEstimate.embedding([]), 0)
  })
})
