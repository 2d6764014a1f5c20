import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Preparation from "../../src/converse/Preparation.ts"
import { model } from "./RequestFixture.ts"

const { text, user } = Message

const blank = [user([text("Hi"), text(" ")])]

const prepare = (request: Partial<ChatRequest.Resolved>, options?: Preparation.Options) =>
  Effect.flatMap(
    Preparation.make(options),
    (prepare) => prepare({ model, messages: [user("Hi")], ...request }, { streaming: false })
  )

describe("converse/Preparation", () => {
  it.effect("adds the metadata of the layer to that of the request", () =>
    Effect.gen(function*() {
      const requestMetadata = { team: "a" }
      const own = { providerOptions: { bedrock: { requestMetadata: { user: "b" } } } }
      const both = yield* prepare(own, { requestMetadata })
      assert.deepStrictEqual(both.input.requestMetadata, { team: "a", user: "b" })
      assert.notProperty((yield* prepare({})).input, "requestMetadata")
    }))

  it.effect("takes provider options without any of Bedrock", () =>
    Effect.gen(function*() {
      const { input } = yield* prepare({ providerOptions: {} })
      assert.deepStrictEqual(input, (yield* prepare({})).input)
    }))

  it.effect("repairs a conversation, or refuses it where the layer is strict", () =>
    Effect.gen(function*() {
      const { input } = yield* prepare({ messages: blank })
      assert.deepStrictEqual(input.messages, [{ role: "user", content: [{ text: "Hi" }] }])
      const error = yield* Effect.flip(prepare({ messages: blank }, { history: "strict" }))
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "messages[0].content[1]")
    }))

  it.effect("logs which fields it changed, and nothing where it changed none", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ fiber }) => void logged.push(fiber.getRef(References.CurrentLogAnnotations)))
      yield* Effect.forEach([[user("Hi")], blank], (messages) => prepare({ messages }))
        .pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(References.MinimumLogLevel, "Debug"))
      const message = "there is only blank text, which Bedrock refuses. It was left out."
      assert.deepStrictEqual(logged, [{
        provider: "aws.bedrock",
        model,
        changes: [{ type: "dropped-blank", field: "messages[0].content[1]", message }]
      }])
    }))
})
