import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as ChatService from "@strata/core/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"

const forced = "amazon.nova-lite-v1:0"
const native = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const People = Schema.Array(Schema.Struct({ name: Schema.String, born: Schema.DateTimeUtc }))
const people = { value: [{ name: "Ada \"Countess\" Lovelace 🙂", born: "1815-12-10T00:00:00.000Z" }] }

/** A model that does as it is told: it calls the tool it has to call, and writes JSON where there is none. */
const model = ({ toolChoice }: ChatRequest.Resolved): TestChat.Reply =>
  typeof toolChoice === "object"
    ? { content: [{ type: "tool-call", id: "call-1", name: toolChoice.name, params: people }] }
    : JSON.stringify(people)

/** A Bedrock on this machine, answered by that model, and what it was asked. */
const bedrock = Layer.effect(
  BedrockClient.BedrockClient,
  Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
).pipe(
  Layer.provideMerge(Emulator.layer()),
  Layer.provideMerge(Layer.merge(TestChat.layer(model), TestEmbedding.layer()))
)

/** Runs a question against Bedrock, not against the model behind it. */
const over = <A, E, R>(model: string, self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    BedrockChat.make({ model, policy: Policy.none }),
    (service) => Effect.provideService(self, ChatService.ChatService, service)
  )

const asked = Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)

describe("ChatService.object over HTTP", () => {
  it.live("gets the value out of the tool it forces", () =>
    Effect.gen(function*() {
      const response = yield* over(forced, ChatService.object(People, { messages: "Who?", maxTokens: 500 }))
      assert.deepStrictEqual(yield* Schema.encodeEffect(Schema.toCodecJson(People))(response.value), people.value)
      assert.strictEqual(response.finishReason, "stop")
      assert.lengthOf(response.toolCalls, 0)
      assert.isAbove(response.usage.totalTokens, 0)
      const [request] = yield* asked
      assert.deepStrictEqual(request?.toolChoice, { name: "answer" })
      assert.deepStrictEqual(request?.tools?.map(({ name }) => name), ["answer"])
    }).pipe(Effect.provide(bedrock)))

  it.live("streams the value out of it", () =>
    Effect.gen(function*() {
      const events = yield* over(
        forced,
        Stream.runCollect(ChatService.objectStream(People, { messages: "Who?", maxTokens: 500 }))
      )
      assert.deepStrictEqual<unknown>(events.at(-2), { type: "partial", value: people.value })
      const last = events.at(-1)
      assert(last?.type === "object")
      assert.strictEqual(last.value[0]?.name, people.value[0]?.name)
      assert.strictEqual(last.finishReason, "stop")
    }).pipe(Effect.provide(bedrock)))

  it.live("gets the value as text where the service knows JSON schemas", () =>
    Effect.gen(function*() {
      const { value } = yield* over(native, ChatService.object(People, { messages: "Who?", maxTokens: 500 }))
      assert.strictEqual(value[0]?.name, people.value[0]?.name)
      const [request] = yield* asked
      assert.isUndefined(request?.tools)
    }).pipe(Effect.provide(bedrock)))
})
