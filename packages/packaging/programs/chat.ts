// The program of the README.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService } from "@strata/core"
import { Console, Effect, Layer } from "effect"

const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(
  Layer.provide(BedrockClient.layer({ region: "us-east-1" }))
)

const program = ChatService.text({ messages: "Why is the sky blue?", maxTokens: 300 }).pipe(Effect.flatMap(Console.log))

NodeRuntime.runMain(Effect.provide(program, Chat))
