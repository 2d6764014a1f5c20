// Asks Bedrock by a model of effect/ai, streams an answer as a page would read it, and names what the other packages are for.
import { NodeRuntime } from "@effect/platform-node"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService } from "@strata/core"
import { StrataLanguageModel } from "@strata/effect-ai"
import { McpTools } from "@strata/mcp"
import { OpenAiChat, OpenAiClient } from "@strata/openai"
import { UiStream } from "@strata/ui"
import { Console, Effect, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"

const Bedrock = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(
  Layer.provide(BedrockClient.layer({ region: "us-east-1" }))
)

const Nowhere = OpenAiChat.layer({ model: "gpt-4o" }).pipe(
  Layer.provide(OpenAiClient.layer({ baseUrl: "http://127.0.0.1:1/v1" }))
)

Effect.gen(function*() {
  const { text } = yield* LanguageModel.generateText({ prompt: "Why is the sky blue?" })
  yield* Console.log(text)
  const types = yield* ChatService.stream("Why?").pipe(
    UiStream.fromEvents({ messageId: "m" }, ({ message }) => Effect.succeed(message)),
    Stream.map(({ type }) => type),
    Stream.runCollect
  )
  yield* Console.log([...new Set(types)].join(" "))
  yield* Console.log(McpTools.toolName("files", "read"))
  const { _tag } = yield* Effect.flip(Effect.provide(ChatService.text({ messages: "Hi", model: "x" }), Nowhere))
  yield* Console.log(_tag)
}).pipe(
  Effect.provide(StrataLanguageModel.layer().pipe(Layer.provideMerge(Bedrock))),
  NodeRuntime.runMain
)
