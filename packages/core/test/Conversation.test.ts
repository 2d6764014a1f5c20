import { assert, describe, it } from "@effect/vitest"
import { ChatService, Conversation, ConversationStore, Message, ProviderError, Tool } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Deferred, Effect, Fiber, Layer, Schema, Stream } from "effect"
import * as Talks from "./support/Talks.ts"

describe("Conversation", () => {
  it.effect("keeps what was said, for the next turn and for the next process", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { system: "Be brief." })
      const answer = yield* chat.send("Why?")
      assert.strictEqual(answer.text, "Because.")
      const elsewhere = yield* Conversation.open("a", { system: "Be brief." })
      yield* elsewhere.send("How?")
      assert.deepStrictEqual(yield* Talks.said(elsewhere), [
        "user: Why?",
        "assistant: Because.",
        "user: How?",
        "assistant: So."
      ])
      const [, last] = yield* Talks.requests
      assert.deepStrictEqual(last?.messages.map(({ role }) => role), ["system", "user", "assistant", "user"])
      assert.strictEqual(yield* chat.head, yield* elsewhere.head)
      assert.deepInclude((yield* chat.history)[1], {
        origin: { provider: "test", model: "test-model" },
        finishReason: "stop"
      })
    }).pipe(Effect.provide(Talks.layer(["Because.", "So."]))))
})
