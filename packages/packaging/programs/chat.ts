// The program of the README.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService } from "@strata/core"
import { Console, Effect, Layer } from "effect"

const Bedrock = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(
  ChatService.withDefaults({ maxTokens: 1000 }),
  Layer.provide(BedrockClient.layer({ region: "us-east-1" }))
)

ChatService.text("Why is the sky blue?").pipe(
  Effect.flatMap(Console.log),
  Effect.provide(Bedrock),
  NodeRuntime.runMain
)
