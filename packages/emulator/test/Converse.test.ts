import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ContentBlock, ConverseCommandInput } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"

/** A model with all features and without rules of its own. */
const able = "strata.able-v1"

const asking = Effect.fnUntraced(function*(input: Omit<ConverseCommandInput, "modelId">) {
  const asked: Array<ChatRequest.ChatRequest> = []
  yield* Effect.gen(function*() {
    const client = yield* Fixture.connect("1.1")
    yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...input, modelId: able })))
  }).pipe(
    Effect.provide(
      Fixture.emulator(
        { answeringModel: (model) => model.id, models: [Model.chat(able)] },
        Layer.merge(Fixture.chat({ asked }), Fixture.embedding())
      )
    )
  )
  // without undefined members
  return structuredClone(JSON.parse(JSON.stringify(asked[0])))
})

const answering = (response: ChatResponse.ChatResponse) =>
  Effect.gen(function*() {
    const client = yield* Fixture.connect("1.1")
    return yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
  }).pipe(
    Effect.provide(
      Fixture.emulator(
        {},
        Layer.merge(Fixture.chat({ generate: () => Effect.succeed(response) }), Fixture.embedding())
      )
    )
  )

/** With byte arrays of one prototype, so that they compare. */
const plain = (content: ReadonlyArray<ContentBlock>) =>
  content.map((block) =>
    block.image?.source?.bytes === undefined
      ? block
      : { image: { ...block.image, source: { bytes: Uint8Array.from(block.image.source.bytes) } } }
  )

describe("Converse", () => {
  it.effect("passes the request to the chat service", () =>
    Effect.gen(function*() {
      const request = yield* asking({
        system: [{ text: "Be brief" }, { cachePoint: { type: "default", ttl: "1h" } }],
        messages: [
          { role: "user", content: [{ text: "What is the weather?" }, { cachePoint: { type: "default" } }] },
          {
            role: "assistant",
            content: [
              { reasoningContent: { reasoningText: { text: "Look it up", signature: "sig" } } },
              { text: "One moment" },
              { toolUse: { toolUseId: "t1", name: "weather", input: { city: "Bern" } } },
              { toolUse: { toolUseId: "t2", name: "weather", input: {} } }
            ]
          },
          {
            role: "user",
            content: [
              { toolResult: { toolUseId: "t1", content: [{ json: { degrees: 21 } }] } },
              { toolResult: { toolUseId: "t2", content: [{ text: "no city" }], status: "error" } },
              { text: "Go on" }
            ]
          }
        ],
        inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 0.25, stopSequences: ["END"] },
        toolConfig: {
          tools: [{
            toolSpec: { name: "weather", description: "The weather", inputSchema: { json: { type: "object" } } }
          }],
          toolChoice: { tool: { name: "weather" } }
        }
      })
      assert.deepStrictEqual(request, {
        model: able,
        messages: [
          { role: "system", content: [{ type: "text", text: "Be brief", cache: { ttl: "1h" } }] },
          { role: "user", content: [{ type: "text", text: "What is the weather?", cache: true }] },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "Look it up", signature: "sig" },
              { type: "text", text: "One moment" },
              { type: "tool-call", id: "t1", name: "weather", params: { city: "Bern" } },
              { type: "tool-call", id: "t2", name: "weather", params: {} }
            ]
          },
          {
            role: "tool",
            content: [
              { type: "tool-result", id: "t1", result: { degrees: 21 }, isFailure: false },
              { type: "tool-result", id: "t2", result: "no city", isFailure: true }
            ]
          },
          { role: "user", content: [{ type: "text", text: "Go on" }] }
        ],
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.25,
        stopSequences: ["END"],
        tools: [{ name: "weather", description: "The weather", inputSchema: { type: "object" } }],
        toolChoice: { name: "weather" }
      })
    }))

  it.effect("passes media, documents, search results and guarded text", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.of(1)
      const request = yield* asking({
        messages: [{
          role: "user",
          content: [
            { text: "Look" },
            { image: { format: "png", source: { bytes } } },
            { video: { format: "three_gp", source: { s3Location: { uri: "s3://bucket/a.3gp" } } } },
            { audio: { format: "mp3", source: { bytes } } },
            { document: { format: "pdf", name: "a", source: { s3Location: { uri: "s3://bucket/a.pdf" } } } },
            { document: { name: "b", source: { text: "words" }, context: "old", citations: { enabled: true } } },
            { document: { format: "md", name: "c", source: { content: [{ text: "one" }, { text: "two" }] } } },
            { searchResult: { source: "s", title: "t", content: [{ text: "hit" }] } },
            { guardContent: { text: { text: "guarded", qualifiers: ["query"] } } },
            { guardContent: { image: { format: "png", source: { bytes } } } }
          ]
        }]
      })
      const one = { bytes: { 0: 1 } }
      assert.deepStrictEqual(request.messages[0].content, [
        { type: "text", text: "Look" },
        { type: "image", mediaType: "image/png", source: one },
        { type: "video", mediaType: "video/3gpp", source: { uri: "s3://bucket/a.3gp" } },
        { type: "audio", mediaType: "audio/mpeg", source: one },
        { type: "document", mediaType: "application/pdf", name: "a", source: { uri: "s3://bucket/a.pdf" } },
        {
          type: "document",
          mediaType: "text/plain",
          name: "b",
          source: { text: "words" },
          context: "old",
          citations: true
        },
        { type: "document", mediaType: "text/markdown", name: "c", source: { pieces: ["one", "two"] } },
        { type: "search-result", source: "s", title: "t", content: ["hit"] },
        { type: "text", text: "guarded", guard: { qualifiers: ["query"] } },
        { type: "image", mediaType: "image/png", source: one, guard: true }
      ])
    }))

  it.effect("passes citations and tool results of several parts", () =>
    Effect.gen(function*() {
      const request = yield* asking({
        messages: [
          { role: "user", content: [{ text: "Who?" }] },
          {
            role: "assistant",
            content: [
              {
                citationsContent: {
                  content: [{ text: "Ada" }],
                  citations: [{
                    title: "Notes",
                    sourceContent: [{ text: "by A. A. L." }],
                    location: { documentChar: { documentIndex: 0, start: 1, end: 2 } }
                  }]
                }
              },
              { toolUse: { toolUseId: "t1", name: "look", input: {} } }
            ]
          },
          {
            role: "user",
            content: [{
              toolResult: {
                toolUseId: "t1",
                content: [{ text: "this" }, { image: { format: "png", source: { bytes: Uint8Array.of(1) } } }]
              }
            }]
          }
        ],
        toolConfig: { tools: [{ toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } }] }
      })
      assert.deepStrictEqual(request.messages[1].content[0], {
        type: "text",
        text: "Ada",
        citations: [{
          title: "Notes",
          passages: ["by A. A. L."],
          location: { type: "document-char", documentIndex: 0, start: 1, end: 2 }
        }]
      })
      assert.deepStrictEqual(request.messages[2].content[0].parts, [
        { type: "text", text: "this" },
        { type: "image", mediaType: "image/png", source: { bytes: { 0: 1 } } }
      ])
    }))

  it.effect("passes no model name to the chat service by default", () =>
    Effect.gen(function*() {
      const asked: Array<ChatRequest.ChatRequest> = []
      yield* Fixture.converse(Fixture.hello).pipe(
        Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat({ asked }), Fixture.embedding())))
      )
      assert.isUndefined(asked[0]?.model)
    }))

  it.effect("encodes every kind of content block", () =>
    Effect.gen(function*() {
      const { output } = yield* answering(Fixture.response([
        { type: "reasoning", text: "hm", signature: "sig" },
        { type: "reasoning", text: "", redacted: Uint8Array.of(1, 2) },
        { type: "text", text: "Hello" },
        { type: "tool-call", id: "t1", name: "weather", params: { city: "Bern" } },
        { type: "text", text: "cited", citations: [{ location: { type: "web", url: "https://a" } }] },
        { type: "image", mediaType: "image/png", source: { bytes: Uint8Array.of(3) } },
        { type: "tool-result", id: "t2", result: { found: 1 }, providerExecuted: true, providerType: "search" },
        { type: "provider", provider: "aws.bedrock", value: { text: "anything" } }
      ]))
      const content = output?.message?.content ?? []
      assert.deepStrictEqual(content[0], { reasoningContent: { reasoningText: { text: "hm", signature: "sig" } } })
      assert.deepStrictEqual(Array.from(content[1]?.reasoningContent?.redactedContent ?? []), [1, 2])
      assert.deepStrictEqual(plain(content.slice(2)), [
        { text: "Hello" },
        { toolUse: { toolUseId: "t1", name: "weather", input: { city: "Bern" } } },
        {
          citationsContent: { content: [{ text: "cited" }], citations: [{ location: { web: { url: "https://a" } } }] }
        },
        { image: { format: "png", source: { bytes: Uint8Array.of(3) } } },
        { toolResult: { toolUseId: "t2", type: "search", content: [{ json: { found: 1 } }] } },
        { text: "anything" }
      ])
    }))

  it.effect.each(
    [
      ["stop", "end_turn"],
      ["stop-sequence", "stop_sequence"],
      ["length", "max_tokens"],
      ["context-length", "model_context_window_exceeded"],
      ["tool-calls", "tool_use"],
      ["content-filter", "content_filtered"],
      ["guardrail", "guardrail_intervened"],
      ["malformed-output", "malformed_model_output"],
      ["malformed-tool-call", "malformed_tool_use"]
    ] as const
  )("maps the finish reason %s", ([finishReason, stopReason]) =>
    Effect.gen(function*() {
      const answer = yield* answering(Fixture.response([], { finishReason }))
      assert.strictEqual(answer.stopReason, stopReason)
    }))

  it.effect("sends the members that the chat service sets in providerMetadata", () =>
    Effect.gen(function*() {
      const answer = yield* answering(Fixture.response([], {
        finishReason: "other",
        providerMetadata: { bedrock: { stopReason: "brand_new", additionalModelResponseFields: { a: 1 } } }
      }))
      assert.strictEqual<string | undefined>(answer.stopReason, "brand_new")
      assert.deepStrictEqual(answer.additionalModelResponseFields, { a: 1 })
    }))

  it.effect("reports tokens, with those of the cache separately", () =>
    Effect.gen(function*() {
      const { usage } = yield* answering(Fixture.response([], {
        usage: Usage.make({ inputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4 })
      }))
      assert.deepStrictEqual(usage, {
        inputTokens: 1,
        outputTokens: 4,
        totalTokens: 10,
        cacheReadInputTokens: 2,
        cacheWriteInputTokens: 3,
        cacheDetails: [{ ttl: "5m", inputTokens: 3 }]
      })
    }))

  const failure = { provider: "double", message: "It went wrong" }

  it.effect.each(
    [
      [new ProviderError.RateLimitError(failure), "ThrottlingException", 429],
      [new ProviderError.InvalidRequestError(failure), "ValidationException", 400],
      [new ProviderError.PermissionDeniedError(failure), "AccessDeniedException", 403],
      [new ProviderError.ModelNotFoundError(failure), "ResourceNotFoundException", 404],
      [new ProviderError.QuotaExceededError(failure), "ServiceQuotaExceededException", 400],
      [new ProviderError.ModelUnavailableError(failure), "ServiceUnavailableException", 503],
      [new ProviderError.ProviderInternalError(failure), "InternalServerException", 500],
      [new ProviderError.ModelFailedError(failure), "ModelErrorException", 424],
      [new ProviderError.TimeoutError({ ...failure, phase: "model" }), "ModelTimeoutException", 408],
      [
        new ProviderError.ModelUnavailableError({ ...failure, exception: "ModelNotReadyException" }),
        "ModelNotReadyException",
        429
      ]
    ] as const
  )(
    "maps a failure of the chat service to an exception (%#)",
    ([error, name, status]) =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect("1.1")
        const thrown = yield* Effect.flip(Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello))))
        assert.deepStrictEqual([thrown.name, thrown.status, thrown.message], [name, status, "It went wrong"])
      }).pipe(
        Effect.provide(
          Fixture.emulator({}, Layer.merge(Fixture.chat({ generate: () => Effect.fail(error) }), Fixture.embedding()))
        )
      )
  )
})
