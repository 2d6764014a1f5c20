import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"

/** A Bedrock on this machine that says "Hello" to whatever it accepts, and a client of it. */
const bedrock = Layer.effect(
  BedrockClient.BedrockClient,
  Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
).pipe(
  Layer.provideMerge(Emulator.layer()),
  Layer.provideMerge(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer()))
)

const document = (name: string): Message.DocumentPart => ({
  type: "document",
  mediaType: "text/plain",
  name,
  source: { text: "the secret of the house" }
})

/** Everything the service refuses, in one conversation. */
const messages: ReadonlyArray<Message.Message> = [
  Message.assistant("Welcome to the house"),
  Message.system([Message.text("\n"), Message.text("Be brief.")]),
  Message.user([document("Résumé_2024.pdf"), document("Résumé_2024.pdf")]),
  Message.user([Message.text(" "), Message.text("Look at both")]),
  Message.assistant([
    Message.text(""),
    { type: "tool-call", id: "call 1/weather", name: "get weather", params: "{\"city\": \"Ro" },
    { type: "tool-call", id: "", name: "get weather", params: { city: "Oslo" } },
    { type: "tool-call", id: "lost", name: "search", params: {} }
  ]),
  Message.tool([{ type: "tool-result", id: "", result: " " }]),
  Message.system("Answer in French."),
  Message.tool([{ type: "tool-result", id: "call 1/weather", result: "31 °C", isFailure: false }]),
  Message.user("And?"),
  Message.assistant([Message.text(" ")]),
  Message.tool([{ type: "tool-result", id: "nobody asked", result: { celsius: 12 } }]),
  Message.assistant([{ type: "tool-call", id: "", name: "search", params: {} }]),
  Message.tool([{ type: "tool-result", id: "", result: [], parts: [document(" ")] }]),
  Message.assistant("So far \n")
]

const models = [
  "cohere.command-r-v1:0",
  "amazon.nova-lite-v1:0",
  "meta.llama3-1-70b-instruct-v1:0",
  "mistral.mistral-large-2402-v1:0",
  "amazon.titan-text-express-v1",
  "mistral.mistral-7b-instruct-v0:2"
]

describe("converse/History over HTTP", () => {
  it.live.each(models)("repairs for %s what no model accepts", (model) =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model, policy: Policy.none })
      const response = yield* chat.generate({ messages, maxTokens: 100 })
      assert.strictEqual(response.text, "Hello")
      const changes = response.providerMetadata.bedrock?.changes ?? []
      assert.includeMembers(changes.map(({ type }) => type), ["dropped-blank", "renamed-document", "trimmed-answer"])
      assert.notInclude(JSON.stringify(changes), "secret")
    }).pipe(Effect.provide(bedrock)))

  it.live("makes Claude take it, but for the beginning, which the catalogue says it takes as it is", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({
        model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        policy: Policy.none
      })
      const response = yield* chat.generate({ messages: messages.slice(1), maxTokens: 100 })
      assert.strictEqual(response.text, "Hello")
    }).pipe(Effect.provide(bedrock)))

  it.live("reports the same at the end of a stream", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none })
      const whole = yield* chat.generate({ messages, maxTokens: 100 })
      const events = yield* Stream.runCollect(chat.stream({ messages, maxTokens: 100 }))
      const finish = events.at(-1)
      assert(finish?.type === "finish")
      assert.isNotEmpty(finish.providerMetadata.bedrock?.changes)
      assert.deepStrictEqual(finish.providerMetadata.bedrock?.changes, whole.providerMetadata.bedrock?.changes)
    }).pipe(Effect.provide(bedrock)))

  it.live("reports nothing without changes", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none })
      const { providerMetadata } = yield* chat.generate({ messages: "Hello", maxTokens: 100 })
      assert.notProperty(providerMetadata.bedrock, "changes")
    }).pipe(Effect.provide(bedrock)))

  it.live("sends nothing in strict mode", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none, history: "strict" })
      const error = yield* Effect.flip(chat.generate({ messages, maxTokens: 100 }))
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "messages[1].content[0]")
      const emulator = yield* Emulator.Emulator
      assert.deepStrictEqual(yield* emulator.requests, [])
    }).pipe(Effect.provide(bedrock)))

  it.live("logs its changes once, without content", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ fiber, message }) => {
        logged.push(JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations)]))
      })
      const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none })
      yield* chat.generate({ messages, maxTokens: 100 }).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      const [line] = logged.filter((text) => text.includes("dropped-blank"))
      assert.include(line, "messages[1].content[0]")
      for (const word of ["secret", "weather", "Oslo", "French", "Résumé"]) assert.notInclude(line, word)
      assert.lengthOf(logged.filter((text) => text.includes("dropped-blank")), 1)
    }).pipe(Effect.provide(bedrock)))
})
