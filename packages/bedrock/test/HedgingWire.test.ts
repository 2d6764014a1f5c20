import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as Watch from "./matrix/Watch.ts"
import { transports } from "./support/Client.ts"

const policy = Policy.make({ hedge: "100 millis" })

describe.each(transports)("Hedging over $name", ({ transport }) => {
  it.live.each(["generate", "stream"] as const)("closes the losing request: %s", (way) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "stall" })
      yield* Effect.gen(function*() {
        const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy })
        const request = { messages: "Hi", maxTokens: 10 }
        yield* way === "generate" ? chat.generate(request) : Stream.runDrain(chat.stream(request))
        // the client is still open: it was the loser alone that was closed
        yield* Watch.eventually("in flight", emulator.statistics, ({ inFlight }) => inFlight === 0)
      }).pipe(Effect.provide(BedrockClient.layer({ ...emulator.client, transport })))
      const { aborted, completed } = yield* emulator.statistics
      assert.deepStrictEqual({ aborted, completed }, { aborted: 1, completed: 1 })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Emulator.layer().pipe(
          Layer.provide(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer()))
        )
      )
    ))
})
