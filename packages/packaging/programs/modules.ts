// The program of the README, with each module imported by its own path.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(
  Layer.provide(BedrockClient.layer({ region: "us-east-1" }))
)

const program = ChatService.text({ messages: "Why is the sky blue?", maxTokens: 300 }).pipe(Effect.flatMap(Console.log))

NodeRuntime.runMain(Effect.provide(program, Chat))
