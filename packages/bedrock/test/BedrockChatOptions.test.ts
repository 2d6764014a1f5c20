import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as BedrockPrompt from "../src/BedrockPrompt.ts"
import * as ModelCatalog from "../src/catalog/ModelCatalog.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import { assessment } from "./guardrail/answers.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const nova = "amazon.nova-lite-v1:0"
const profileArn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

/** What Bedrock adds to the end of an answer. */
const extras = {
  additionalModelResponseFields: { stop_sequence: "END" },
  trace: { guardrail: { outputAssessments: { gr1: [assessment] } }, promptRouter: { invokedModelId: "arn:aws:m" } },
  performanceConfig: { latency: "optimized" as const },
  serviceTier: { type: "flex" as const }
}

/** Answers Converse and ConverseStream alike, with those extras. */
const answering: WireServer.Handler = (received, answer) => {
  const { additionalModelResponseFields, ...metadata } = extras
  if (received.path.endsWith("/converse-stream")) {
    return WireServer.streaming([
      WireServer.delta("Hello"),
      WireServer.event("messageStop", { stopReason: "guardrail_intervened", additionalModelResponseFields }),
      WireServer.event("metadata", { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, ...metadata })
    ])(received, answer)
  }
  answer.head(200, { "content-type": "application/json" })
  answer.end(JSON.stringify({ ...JSON.parse(WireServer.converseBody), ...extras, stopReason: "guardrail_intervened" }))
}

/** A chat service, and the server it talks to. */
const open = Effect.fnUntraced(function*(options: BedrockChat.Options = {}) {
  const server = yield* WireServer.http1(answering)
  const client = yield* connect(server)
  const chat = yield* BedrockChat.make({ model: nova, policy: Policy.none, ...options }).pipe(
    Effect.provideService(BedrockClient, client)
  )
  return {
    chat,
    server,
    bodies: () => server.received.map(({ body }) => JSON.parse(body)),
    /** Asks both ways. */
    both: (request: ChatRequest.ChatRequest) =>
      Effect.all([
        Effect.asVoid(chat.generate({ maxTokens: 10, ...request })),
        Stream.runDrain(chat.stream({ maxTokens: 10, ...request }))
      ])
  }
})

const features = (request: ChatRequest.ChatRequest, options?: BedrockChat.Options) =>
  Effect.gen(function*() {
    const { chat, server } = yield* open(options)
    const errors = yield* Effect.all([
      Effect.flip(chat.generate(request)),
      Effect.flip(Stream.runDrain(chat.stream(request)))
    ])
    assert.lengthOf(server.received, 0)
    return errors.map((error) => error._tag === "UnsupportedFeatureError" ? error.feature : error._tag)
  })

const image = { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } } as const
const tools = [{ name: "add", inputSchema: { type: "object" } }]

describe("BedrockChat", () => {
  describe("with the options of Bedrock", () => {
    const bedrock = {
      requestMetadata: { team: "a" },
      serviceTier: { type: "flex" },
      performanceConfig: { latency: "optimized" },
      additionalModelRequestFields: { top_k: 5 },
      additionalModelResponseFieldPaths: ["/stop_sequence"],
      guardrailConfig: { guardrailIdentifier: "gr1", guardrailVersion: "1", trace: "enabled" },
      promptVariables: { name: { text: "Ada" } }
    } as const

    it.live("sends them as they are", () =>
      Effect.gen(function*() {
        const { bodies, both } = yield* open()
        // the types of the SDK are mutable
        yield* both({ messages: "Hello", providerOptions: { bedrock: structuredClone(bedrock) as never } })
        const expected = {
          ...bedrock,
          inferenceConfig: { maxTokens: 10 },
          messages: [{ role: "user", content: [{ text: "Hello" }] }]
        }
        assert.deepStrictEqual(bodies(), [expected, expected])
      }))

    it.live("returns the service's metadata, whole or streamed", () =>
      Effect.gen(function*() {
        const { chat } = yield* open()
        const response = yield* chat.generate({ messages: "Hello", maxTokens: 10 })
        const finish = yield* Stream.runLast(chat.stream({ messages: "Hello", maxTokens: 10 }))
        assert(finish._tag === "Some" && finish.value.type === "finish")
        for (const { finishReason, providerMetadata: { bedrock } } of [response, finish.value]) {
          assert.strictEqual(finishReason, "guardrail")
          assert.deepInclude(bedrock, extras)
          assert.isTrue(bedrock?.guardrail?.intervened)
          assert.deepStrictEqual(bedrock?.guardrail?.policies, ["topic", "pii"])
          assert.strictEqual(bedrock?.guardrail?.input.action, "none")
          assert.strictEqual(bedrock?.guardrail?.output.action, "blocked")
        }
      }))
  })

  describe("before the network", () => {
    it.live("refuses unsupported features", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* features({ model: "amazon.nova-micro-v1:0", messages: [Message.user([image])] }),
          ["images", "images"]
        )
        assert.deepStrictEqual(
          yield* features({ model: "amazon.titan-text-express-v1", messages: "Hi", tools }),
          ["tools", "tools"]
        )
        assert.deepStrictEqual(yield* features({ messages: "Hi", reasoning: { effort: "low" } }), [
          "reasoning",
          "reasoning"
        ])
      }))

    it.live("refuses tools while streaming, and only then", () =>
      Effect.gen(function*() {
        const { chat, server } = yield* open({ model: "us.meta.llama3-3-70b-instruct-v1:0" })
        const request = { messages: "Hi", tools, maxTokens: 10 }
        const error = yield* Effect.flip(Stream.runDrain(chat.stream(request)))
        assert.strictEqual(error._tag, "UnsupportedFeatureError")
        assert.lengthOf(server.received, 0)
        yield* chat.generate(request)
        assert.lengthOf(server.received, 1)
      }))

    it.live("believes the catalogue in force where the layer is built, and the one of a call", () =>
      Effect.gen(function*() {
        const request = { messages: [Message.user([image])] }
        const blind = ModelCatalog.layer([{ match: { id: nova }, capabilities: { imageInput: false } }])
        const built = yield* Effect.provide(open(), blind)
        assert.strictEqual((yield* Effect.flip(built.chat.generate(request)))._tag, "UnsupportedFeatureError")
        const { chat } = yield* open()
        yield* chat.generate(request)
        const error = yield* Effect.flip(Effect.provide(chat.generate(request), blind))
        assert.strictEqual(error._tag, "UnsupportedFeatureError")
        yield* chat.generate(request)
      }))
  })

  describe("with an application inference profile", () => {
    const request = { model: profileArn, messages: [Message.user([image])] }

    it.live("assumes that it is capable of everything", () =>
      Effect.gen(function*() {
        const { both, server } = yield* open()
        yield* both(request)
        assert.lengthOf(server.received, 2)
      }))

    it.live("believes the family of the layer, and that of a request more", () =>
      Effect.gen(function*() {
        const micro = { family: "amazon.nova-micro" }
        assert.deepStrictEqual(yield* features(request, { family: "amazon.nova-micro-v1:0" }), ["images", "images"])
        const { both } = yield* open({ family: "amazon.nova-micro-v1:0" })
        yield* both({ ...request, providerOptions: { bedrock: { family: "amazon.nova-lite-v1:0" } } })
        assert.strictEqual((yield* Effect.flip(both(request)))._tag, "UnsupportedFeatureError")
        assert.deepStrictEqual(
          yield* features({ ...request, providerOptions: { bedrock: { family: "amazon.nova-micro-v1:0" } } }, micro),
          ["images", "images"]
        )
      }))

    it.live("uses the lookup without the option family", () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const lookup = Layer.succeed(InferenceProfile.InferenceProfile, (arn) => {
          asked.push(arn)
          return Effect.succeed("amazon.nova-micro-v1:0")
        })
        assert.deepStrictEqual(yield* Effect.provide(features(request), lookup), ["images", "images"])
        assert.deepStrictEqual(asked, [profileArn, profileArn])
        const { both } = yield* Effect.provide(open({ family: "amazon.nova-lite-v1:0" }), lookup)
        yield* both(request)
        yield* both({ messages: "Hello" })
        assert.lengthOf(asked, 2)
      }))
  })

  describe("without maxTokens", () => {
    const logged: Array<string> = []
    const capture = Logger.layer([
      Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") logged.push(String(message))
      })
    ])

    it.live("warns once for each layer", () =>
      Effect.gen(function*() {
        logged.length = 0
        const first = yield* open()
        yield* first.chat.generate({ messages: "Hello", maxTokens: 10 })
        yield* first.chat.generate({
          messages: "Hello",
          providerOptions: { bedrock: { inferenceConfig: { maxTokens: 10 } } }
        })
        assert.deepStrictEqual(logged, [])
        yield* first.chat.generate({ messages: "Hello" })
        yield* first.chat.generate({ messages: "Hello" })
        yield* Stream.runDrain(first.chat.stream({ messages: "Hello" }))
        assert.lengthOf(logged, 1)
        assert.include(logged[0], "maxTokens is not set")
        const second = yield* open()
        yield* Stream.runDrain(second.chat.stream({ messages: "Hello" }))
        assert.lengthOf(logged, 2)
      }).pipe(Effect.provide(capture)))
  })

  describe("with a prompt of Prompt management", () => {
    const promptArn = "arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT1234:1"

    it.live("sends the variables and no message", () =>
      Effect.gen(function*() {
        const { bodies, chat, server } = yield* open()
        const request = BedrockPrompt.make(promptArn, { variables: { genre: "jazz" } })
        yield* chat.generate(request)
        yield* Stream.runDrain(chat.stream(request))
        assert.strictEqual(server.received[0]?.path, `/model/${encodeURIComponent(promptArn)}/converse`)
        const expected = { promptVariables: { genre: { text: "jazz" } } }
        assert.deepStrictEqual(bodies(), [expected, expected])
      }))

    it.live("sends messages that go on from the prompt, and options", () =>
      Effect.gen(function*() {
        const { bodies, chat } = yield* open()
        yield* chat.generate(
          BedrockPrompt.make(promptArn, {
            messages: "More of it",
            providerOptions: { bedrock: { requestMetadata: { team: "a" } } }
          })
        )
        assert.deepStrictEqual(bodies(), [{
          messages: [{ role: "user", content: [{ text: "More of it" }] }],
          requestMetadata: { team: "a" }
        }])
      }))

    it.live.each<readonly [string, Partial<ChatRequest.ChatRequest>]>([
      ["inferenceConfig", { maxTokens: 10 }],
      ["toolConfig", { tools }],
      ["system", { messages: [Message.system("Be brief."), Message.user("Hi")] }],
      ["additionalModelRequestFields", { providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 1 } } } }]
    ])("refuses %s, which is the prompt's", ([field, more]) =>
      Effect.gen(function*() {
        const { chat, server } = yield* open()
        const error = yield* Effect.flip(chat.generate({ ...BedrockPrompt.make(promptArn), ...more }))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, field)
        assert.lengthOf(server.received, 0)
      }))
  })
})
