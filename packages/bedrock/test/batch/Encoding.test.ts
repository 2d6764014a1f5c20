import { assert, describe, it } from "@effect/vitest"
import type * as Batch from "@strata/core/batch/Batch"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Embedder from "@strata/core/embedding/Embedder"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Policy from "@strata/core/policy/Policy"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import * as BatchDouble from "../support/BatchDouble.ts"

const policy = Policy.none

/** The bodies of single calls, which are answered with an empty object. */
const singleCalls = Effect.gen(function*() {
  const bodies: Array<string> = []
  const client = yield* BedrockClient.make({
    region: "us-east-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("a-secret-access-key") },
    inferenceProfile: "never",
    transport: {
      requestHandler: {
        handle: ({ body }) => {
          bodies.push(typeof body === "string" ? body : new TextDecoder().decode(new Uint8Array(body as Uint8Array)))
          const response = { statusCode: 200, headers: {}, body: new TextEncoder().encode("{}") }
          return Promise.resolve({ response } as never) // all that is read of it
        }
      }
    }
  })
  return { bodies, client }
})

/** The body that a single call sends. */
const bodyOf = Effect.fnUntraced(function*(record: Batch.BatchRecord) {
  const { bodies, client } = yield* singleCalls
  const call = "chat" in record
    ? Effect.flatMap(BedrockChat.make({ policy }), (chat) => chat.generate(record.chat as ChatRequest.ChatRequest))
    : Effect.flatMap(
      BedrockEmbedding.make({ policy }),
      (embedder: Embedder.Embedder) => embedder.embed(record.embedding, record.options)
    )
  yield* Effect.exit(Effect.provideService(call as Effect.Effect<unknown>, BedrockClient.BedrockClient, client))
  assert.lengthOf(bodies, 1)
  return bodies[0]!
})

const Line = Schema.fromJsonString(Schema.Struct({ recordId: Schema.String, modelInput: Schema.Unknown }))

const image: Embedding.Image = { bytes: Uint8Array.of(137, 80, 78, 71), mediaType: "image/png" }

const document = "Bücher \u2028 and \"quotes\" \n"

const embeddings: ReadonlyArray<Omit<Batch.EmbeddingRecord, "recordId">> = [
  { embedding: document, options: { model: "amazon.titan-embed-text-v1" } },
  {
    embedding: document,
    options: { model: "amazon.titan-embed-text-v2:0", dimensions: 256, normalize: false, vectorType: "binary" }
  },
  { embedding: { image }, options: { model: "amazon.titan-embed-image-v1", dimensions: 384 } },
  { embedding: { text: "a cat", image }, options: { model: "amazon.titan-embed-image-v1" } },
  {
    embedding: document,
    options: { model: "amazon.nova-2-multimodal-embeddings-v1:0", purpose: "query", truncate: "end" }
  },
  { embedding: document, options: { model: "cohere.embed-english-v3", purpose: "query", vectorType: "int8" } },
  { embedding: { image }, options: { model: "us.cohere.embed-v4:0", dimensions: 512 } },
  {
    embedding: document,
    options: { model: "cohere.embed-v4:0", providerOptions: { bedrock: { body: { max_tokens: 100 } } } }
  },
  { embedding: "a cat", options: { model: "twelvelabs.marengo-embed-2-7-v1:0" } },
  { embedding: "a cat", options: { model: "twelvelabs.marengo-embed-3-0-v1:0" } }
]

const chats: ReadonlyArray<ChatRequest.ChatRequest> = [
  {
    model: "us.amazon.nova-lite-v1:0",
    messages: [Message.system("Be brief."), Message.user(document)],
    maxTokens: 10,
    temperature: 0,
    stopSequences: ["END"]
  },
  {
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image", mediaType: "image/png", source: { bytes: image.bytes } },
          { type: "document", mediaType: "text/plain", name: "one", source: { text: "two" } }
        ]
      }
    ],
    maxTokens: 2_000,
    reasoning: { budgetTokens: 1_024 },
    providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 5 }, requestMetadata: { team: "a" } } }
  },
  {
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: "Answer",
    responseFormat: {
      type: "json",
      schema: { type: "object", properties: { n: { type: "number" } }, required: ["n"], additionalProperties: false }
    }
  }
]

const tool = { name: "clock", description: "The time", inputSchema: { type: "object", properties: {} } }

describe("The line of a record", () => {
  it.effect.each(embeddings)(
    "has the body of the single call: $options.model (jobs 36)",
    (record) =>
      Effect.gen(function*() {
        const { service } = yield* BatchDouble.make()
        const { line } = yield* service.prepare({ recordId: "A1", ...record })
        const body = yield* bodyOf({ recordId: "A1", ...record })
        assert.strictEqual(new TextDecoder().decode(line), `{"recordId":"A1","modelInput":${body}}`)
      })
  )

  it.effect.each(chats)(
    "has the body of the single call: Converse, $model (jobs 36)",
    (chat) =>
      Effect.gen(function*() {
        const { service } = yield* BatchDouble.make()
        const { line } = yield* service.prepare({ recordId: "A1", chat })
        const body = yield* bodyOf({ recordId: "A1", chat })
        assert.strictEqual(new TextDecoder().decode(line), `{"recordId":"A1","modelInput":${body}}`)
        const { modelInput } = yield* Schema.decodeEffect(Line)(new TextDecoder().decode(line))
        assert.containsAllKeys(modelInput as object, ["messages"])
        assert.doesNotHaveAnyKeys(modelInput as object, ["modelId"])
      })
  )

  it.effect("is one line, whatever is in the text", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make()
      const { line } = yield* service.prepare({ recordId: "A1", embedding: "one\ntwo\r\nthree" })
      assert.notInclude(Array.from(line), 0x0a)
    }))

  it.effect("refuses tools with Converse, as each such record would get a 400 (jobs 36)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make()
      const model = "us.amazon.nova-lite-v1:0"
      const error = yield* Effect.flip(
        service.prepare({ recordId: "A1", chat: { model, messages: "Hi", tools: [tool] } })
      )
      assert.deepInclude(error, { _tag: "UnsupportedFeatureError", field: "tools", model })
      // Without a native format the answer would be the call of a tool.
      const json = { type: "json", schema: tool.inputSchema } as const
      const format = yield* Effect.flip(
        service.prepare({ recordId: "A1", chat: { model, messages: "Hi", responseFormat: json } })
      )
      assert.deepInclude(format, { _tag: "UnsupportedFeatureError", field: "responseFormat" })
    }))

  it.effect("takes tools, and refuses response formats, where the options say so (jobs 36)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make({ allowed: { tools: true, responseFormat: false } })
      const tools = { model: "us.amazon.nova-lite-v1:0", messages: "Hi", tools: [tool] }
      assert.strictEqual((yield* service.prepare({ recordId: "A1", chat: tools })).kind, "chat")
      const error = yield* Effect.flip(service.prepare({ recordId: "A1", chat: chats[2]! }))
      assert.deepInclude(error, { _tag: "UnsupportedFeatureError", field: "responseFormat" })
    }))

  it.effect.each([
    "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123",
    "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDE12345:1"
  ])("refuses %s, which no job is made of", (model) =>
    Effect.gen(function*() {
      const { memory, service } = yield* BatchDouble.make()
      const error = yield* Effect.flip(service.prepare({ recordId: "A1", chat: { model, messages: "Hi" } }))
      assert.deepInclude(error, { _tag: "UnsupportedFeatureError", field: "model" })
      assert.lengthOf(memory.calls, 0)
    }))

  it.effect("refuses what the single call refuses: an unknown family, dimensions the model has not (jobs 36)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make()
      const refused = (options: Embedding.EmbeddingOptions) =>
        Effect.flip(service.prepare({ recordId: "A1", embedding: "Hi", options }))
      assert.deepInclude(yield* refused({ model: "vendor.unknown-v1" }), {
        _tag: "InvalidRequestError",
        field: "model"
      })
      assert.deepInclude(yield* refused({ dimensions: 7 }), { _tag: "InvalidRequestError", field: "dimensions" })
    }))
})
