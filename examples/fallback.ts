/**
 * When a model cannot answer, another one does, and the answer says which. While the breaker of the first is open, nothing is
 * sent to it.
 *
 * Offline, the first model is down: for the first question it is asked three times, which opens its breaker; for the second
 * it is not asked. Warnings in the log say the same, and are left out here.
 */
import { NodeRuntime } from "@effect/platform-node"
import { BedrockChat } from "@strata/bedrock"
import { Breaker, ChatService, Policy, Retry } from "@strata/core"
import { Console, Effect, Layer, References } from "effect"
import * as Provider from "./src/Provider.ts"

const preferred = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

// Few retries and a breaker, since there are other models to ask.
const policy = Policy.make({
  retry: Retry.exponential({ times: 2, base: "50 millis" }),
  breaker: Breaker.consecutive(3, { open: "1 minute" })
})

const Chat = BedrockChat.layer({ model: preferred, policy }).pipe(
  ChatService.withFallback(
    [BedrockChat.layer({ model: "us.amazon.nova-pro-v1:0" }), BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" })],
    { failFast: (error) => error._tag === "RateLimitError" } // another model has room now
  ),
  Layer.provide(Provider.bedrock({
    faults: [{
      type: "exception",
      exception: "ServiceUnavailableException",
      model: preferred,
      lasting: "1 hour"
    }]
  }))
)

const program = Effect.gen(function*() {
  for (const messages of ["Who are you?", "And who are you now?"]) {
    const { fallback = [], model } = yield* ChatService.generate({ messages, maxTokens: 50 })
    yield* Console.log(`answered by ${model}`)
    for (const { error, model } of fallback) yield* Console.log(`  because of ${model}: ${error}`)
  }
})

export const main = program.pipe(Effect.provide(Chat), Effect.provideService(References.MinimumLogLevel, "Error"))

if (import.meta.main) NodeRuntime.runMain(main)
