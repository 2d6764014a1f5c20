import { assert, describe, it } from "@effect/vitest"
import { ChatService, EmbeddingService, Message, Policy } from "@strata/core"
import { OpenAi, OpenAiChat, OpenAiClient, OpenAiEmbedding, OpenAiError, OpenAiProfile } from "@strata/openai"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AnyValue from "../../core/test/support/AnyValue.ts"

const codecs = {
  Message: OpenAi.Message,
  Messages: OpenAi.Messages,
  Request: OpenAi.Request,
  ToolChoice: OpenAi.ToolChoice,
  Tools: OpenAi.Tools
}

describe("OpenAi", () => {
  for (const [name, codec] of Object.entries<Schema.Codec<unknown>>(codecs)) {
    it.live(`reads and writes any value, or fails with a SchemaError: ${name}`, () =>
      Effect.gen(function*() {
        const calls = (any: never) => [
          () => Schema.decodeUnknownEffect(codec)(any),
          () => Schema.encodeUnknownEffect(codec)(any)
        ]
        assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
      }))
  }

  it.live("takes no marks off a value that is no conversation", () =>
    Effect.gen(function*() {
      const calls = (any: never) => [
        () => OpenAi.withoutMarks(any),
        () => OpenAi.withoutMarks([any]),
        () => OpenAi.withoutMarks([{ role: "user", content: [any] }])
      ]
      assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
    }))
})

describe("the services", () => {
  const client = OpenAiClient.layer({ baseUrl: "http://127.0.0.1:1/v1", apiKey: "k" })
  const chat = OpenAiChat.layer({ model: "m", policy: Policy.none }).pipe(Layer.provide(client))
  const embedding = OpenAiEmbedding.layer({ model: "m", policy: Policy.none }).pipe(Layer.provide(client))

  it.live("options of layers may be anything", () =>
    Effect.gen(function*() {
      const calls = (any: never) => [
        () => OpenAiClient.layer(any),
        () => OpenAiClient.layer({ apiKey: any, baseUrl: "http://a/v1" }),
        () => OpenAiClient.layer({ apiKey: "k", baseUrl: any }),
        () => OpenAiClient.layer({ apiKey: "k", headers: any }),
        () => OpenAiClient.layer({ apiKey: "k", headers: { a: any } }),
        () => OpenAiClient.layer({ apiKey: "k", profile: any }),
        () => OpenAiClient.layer({ apiKey: "k", profile: { embedding: any } }),
        () => OpenAiClient.layer({ apiKey: "k", azure: any }),
        () => OpenAiClient.layerConfig(any),
        () => Layer.provide(OpenAiChat.layer(any), client),
        () => Layer.provide(OpenAiChat.layer({ model: any }), client),
        () => Layer.provide(OpenAiChat.layerConfig(any), client),
        () => Layer.provide(OpenAiEmbedding.layer(any), client),
        () => Layer.provide(OpenAiEmbedding.layerConfig({ dimensions: any }), client)
      ]
      assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
    }))

  it.live("requests and bodies may be anything", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Layer.mergeAll(chat, embedding, client))
      const { post, postStream } = Context.get(context, OpenAiClient.OpenAiClient)
      const calls = (any: never) =>
        [
          () => ChatService.generate(any),
          () => ChatService.stream({ messages: "Hello", providerOptions: { openai: any } }),
          () => ChatService.generate({ messages: "Hello", tools: [{ name: "a", inputSchema: any, strict: true }] }),
          () => ChatService.generate({ messages: "Hello", responseFormat: { type: "json", schema: any } }),
          () =>
            ChatService.generate([
              Message.user("Hello"),
              Message.assistant([{ type: "tool-call", id: any, name: "a", params: any }])
            ]),
          () => EmbeddingService.embed(any, { providerOptions: { openai: any } }),
          () => post(any, any, any),
          () => post("chat/completions", any),
          () => Effect.scoped(postStream(any, { model: any }))
        ].map((call) => () => Effect.provide(effectOf(call()), context as Context.Context<any>))
      assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
    }))

  it.live("what is public is total", () =>
    Effect.gen(function*() {
      const calls = (any: never) => [
        () => OpenAiProfile.resolve(any),
        () => OpenAiProfile.resolve("http://a", any),
        () => OpenAiProfile.of(any),
        () => OpenAiError.fromAnswer(any, any, any, any),
        () => OpenAiError.filterOf(any)
      ]
      assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
    }))
})

const effectOf = (given: unknown): Effect.Effect<unknown, unknown, any> =>
  Stream.isStream(given) ? Stream.runDrain(given) : given as Effect.Effect<unknown, unknown, any>
