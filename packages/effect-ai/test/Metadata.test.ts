import { assert, describe, it } from "@effect/vitest"
import { Chat as ChatModel, ChatResponse, ChatService, Message } from "@strata/core"
import { Effect, Layer, Ref, Stream } from "effect"
import { Chat, LanguageModel, Prompt, type Response } from "effect/ai"
import { StrataLanguageModel, StrataMetadata } from "../src/index.ts"
import { requests, scripted } from "./support/Model.ts"

const bytes = new Uint8Array([0, 1, 254, 255])

const citation: Message.Citation = {
  title: "Weather",
  source: "https://example.com/weather",
  passages: ["It rains."],
  location: { type: "web", url: "https://example.com/weather", domain: "example.com" }
}

/** An answer with everything that `effect/ai` has no field for. */
const rich: ReadonlyArray<Message.AssistantPart> = [
  { type: "reasoning", text: "Let me think", signature: "c2lnbmVk", providerFields: { test: { kind: "thought" } } },
  { type: "reasoning", text: "", redacted: bytes },
  { type: "text", text: "It rains.", citations: [citation], providerFields: { test: { bytes } } },
  { type: "image", mediaType: "image/png", source: { bytes }, providerFields: { test: { seed: 1 } } },
  { type: "provider", provider: "test", value: { secret: "block", bytes } },
  {
    type: "tool-call",
    id: "web-1",
    name: "web_search",
    params: { q: "rain" },
    providerExecuted: true,
    providerType: "s"
  },
  {
    type: "tool-result",
    id: "web-1",
    result: [{ url: "https://example.com" }],
    providerExecuted: true,
    providerType: "r"
  },
  { type: "text", text: "Take an umbrella.", cache: true }
]

const ways = {
  generateText: (chat: Chat.Chat, prompt: Prompt.RawInput) =>
    Effect.map(chat.generateText({ prompt }), ({ content }): ReadonlyArray<Response.AnyPart> => content),
  streamText: (chat: Chat.Chat, prompt: Prompt.RawInput) =>
    Stream.runCollect(chat.streamText({ prompt })) as Effect.Effect<
      ReadonlyArray<Response.AnyPart>,
      unknown,
      LanguageModel.LanguageModel
    >
}

describe("metadata", () => {
  for (const [name, ask] of Object.entries(ways)) {
    it.effect(`an answer survives a Chat and its export as JSON, unchanged: ${name}`, () =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* ask(chat, "Does it rain?")
        const restored = yield* Chat.fromJson(yield* chat.exportJson)
        yield* ask(restored, "Thanks")
        const [, second] = yield* requests
        assert.deepStrictEqual(second?.messages.map(({ role }) => role), ["user", "assistant", "user"])
        assert.deepStrictEqual(second?.messages[1], { role: "assistant", content: rich })
      }).pipe(Effect.provide(scripted([{ content: rich }, "You are welcome"]))))

    it.effect(`the finish part has request id, cost, our finish reason and the metadata of the provider: ${name}`, () =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        const parts = yield* ask(chat, "Go")
        assert.deepStrictEqual(StrataMetadata.outcomeOf(parts), {
          finishReason: "stop-sequence",
          usage: { inputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4, totalTokens: 10 },
          model: "m",
          requestId: "r-1",
          provider: "double",
          cost: { input: 1, cacheRead: 0, cacheWrite: 0, output: 1, total: 2 },
          lane: "eu",
          cached: true,
          fallback: [{ error: "RateLimitError", message: "slow", provider: "p" }],
          providerMetadata: { double: { trace: "t" } }
        })
        const finish = parts.find((part) => part.type === "finish")
        assert.deepStrictEqual({ ...finish?.usage.inputTokens }, { uncached: 1, cacheRead: 2, cacheWrite: 3, total: 6 })
        assert.strictEqual(finish?.usage.outputTokens.total, 4)
        assert.strictEqual(finish?.reason, "stop")
        const named = parts.find((part) => part.type === "response-metadata")
        assert.deepStrictEqual([named?.id, named?.modelId], ["r-1", "m"])
      }).pipe(Effect.provide(StrataLanguageModel.layer().pipe(Layer.provide(complete)))))

    it.effect(`citations are sources, too, with the document they are about: ${name}`, () =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        const parts = yield* ask(chat, [{
          role: "user",
          content: [
            { type: "text", text: "Does it rain?" },
            {
              type: "file",
              mediaType: "text/plain",
              fileName: "almanac",
              data: new TextEncoder().encode("It rains."),
              options: { strata: { citations: true, context: "Of 2025" } }
            }
          ]
        }])
        assert.deepStrictEqual(
          parts.flatMap((part) =>
            part.type === "source"
              ? [part.sourceType === "url" ? part.url.href : [part.mediaType, part.title, part.fileName]]
              : []
          ),
          ["https://example.com/weather", ["text/plain", "Page 1", "almanac"]]
        )
        const cited = (yield* Ref.get(chat.history)).content.flatMap(({ content }) =>
          typeof content === "string" ? [] : content.flatMap((part) => StrataMetadata.citationsOf(part))
        )
        assert.deepStrictEqual(cited, [citation, {
          title: "Page 1",
          location: { type: "document-page", documentIndex: 0 }
        }])
        assert.deepStrictEqual((yield* requests)[0]?.messages[0]?.content[1], {
          type: "document",
          mediaType: "text/plain",
          name: "almanac",
          source: { bytes: new TextEncoder().encode("It rains.") },
          context: "Of 2025",
          citations: true
        })
      }).pipe(Effect.provide(scripted([{
        content: [{
          type: "text",
          text: "Yes",
          citations: [citation, { title: "Page 1", location: { type: "document-page", documentIndex: 0 } }]
        }]
      }]))))
  }

  it.effect("cache points and guards of a prompt reach the service", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({
        prompt: [
          { role: "system", content: "Be brief", options: { strata: { cache: { ttl: "1h" } } } },
          {
            role: "user",
            options: { strata: { cache: true } },
            content: [{ type: "text", text: "Hi", options: { strata: { guard: { qualifiers: ["query"] } } } }]
          }
        ]
      })
      assert.deepStrictEqual((yield* requests)[0]?.messages, [
        { role: "system", content: [{ type: "text", text: "Be brief", cache: { ttl: "1h" } }] },
        {
          role: "user",
          content: [{ type: "text", text: "Hi", guard: { qualifiers: ["query"] } }],
          cache: true
        }
      ])
    }).pipe(Effect.provide(scripted(["Hello"]))))

  it("options under `strata` have types", () => {
    const right: Prompt.TextPartEncoded = { type: "text", text: "x", options: { strata: { cache: { ttl: "1h" } } } }
    // @ts-expect-error there is no such time to live
    const wrong: Prompt.TextPartEncoded = { type: "text", text: "x", options: { strata: { cache: { ttl: "2h" } } } }
    assert.notDeepEqual(right, wrong)
  })

  it.effect("options that are not ours fail with their place, before anything is sent", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(LanguageModel.generateText({
        prompt: [
          { role: "system", content: "x" },
          { role: "user", content: [{ type: "text", text: "Hi", options: { strata: { cache: "yes" } as never } }] }
        ]
      }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.include(error.message, "prompt[1].content[0].options.strata")
      assert.lengthOf(yield* requests, 0)
    }).pipe(Effect.provide(scripted(["Hello"]))))

  it.effect("files are images, videos, recordings and documents, from bytes, base64 and URLs", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({
        prompt: [{
          role: "user",
          content: [
            { type: "file", mediaType: "image/png", data: bytes },
            { type: "file", mediaType: "video/mp4", data: new URL("s3://bucket/film.mp4") },
            { type: "file", mediaType: "audio/mpeg", data: "AAH+/w==" },
            { type: "file", mediaType: "application/pdf", data: "data:application/pdf;base64,AAH+/w==" },
            { type: "file", mediaType: "text/plain", data: "data:text/plain,a%20b" },
            { type: "text", text: "?" }
          ]
        }]
      })
      assert.deepStrictEqual((yield* requests)[0]?.messages[0]?.content.slice(0, -1), [
        { type: "image", mediaType: "image/png", source: { bytes } },
        { type: "video", mediaType: "video/mp4", source: { uri: "s3://bucket/film.mp4" } },
        { type: "audio", mediaType: "audio/mpeg", source: { bytes } },
        { type: "document", mediaType: "application/pdf", name: "document", source: { bytes } },
        {
          type: "document",
          mediaType: "text/plain",
          name: "document",
          source: { bytes: new TextEncoder().encode("a b") }
        }
      ] as never)
    }).pipe(Effect.provide(scripted(["Hello"]))))
})

/** A service with a complete outcome. */
const complete = Layer.effect(
  ChatService.ChatService,
  Effect.sync(() => {
    const answer = ChatResponse.make([Message.text("Yes")], {
      finishReason: "stop-sequence",
      usage: { inputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4, totalTokens: 10 },
      model: "m",
      requestId: "r-1",
      provider: "double",
      cost: { input: 1, cacheRead: 0, cacheWrite: 0, output: 1, total: 2 },
      lane: "eu",
      cached: true,
      fallback: [{ error: "RateLimitError", message: "slow", provider: "p" }],
      providerMetadata: { double: { trace: "t" } }
    })
    const chat: ChatModel.Chat = {
      generate: () => Effect.succeed(answer),
      stream: () =>
        Stream.make(
          { type: "text-delta", index: 0, delta: "Yes" },
          { type: "finish", ...ChatResponse.outcomeOf(answer) }
        )
    }
    return chat
  })
)
