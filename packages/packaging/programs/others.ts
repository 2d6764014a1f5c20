// Embeds two texts, answers a request in OpenAI's format, and looks up the model behind an inference profile, which needs a
// package that is optional.
import { NodeRuntime } from "@effect/platform-node"
import { BedrockChat, BedrockClient, BedrockEmbedding, InferenceProfile } from "@strata/bedrock"
import { ChatService, EmbeddingService } from "@strata/core"
import { OpenAi } from "@strata/openai"
import { Console, Effect, Layer, Schema } from "effect"

const Bedrock = Layer.mergeAll(
  BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }),
  BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" }),
  InferenceProfile.layer({ endpoint: "http://127.0.0.1:1" })
).pipe(Layer.provide(BedrockClient.layer({ region: "us-east-1" })))

const profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

Effect.gen(function*() {
  const { embeddings } = yield* EmbeddingService.embedMany(["a river", "a lake"], { purpose: "document" })
  yield* Console.log(embeddings.map(({ vector }) => vector.length).join(" "))
  const { messages } = yield* Schema.decodeUnknownEffect(OpenAi.Request)({
    model: "gpt-4o",
    messages: [{ role: "user", content: "Why is the grass green?" }]
  })
  yield* Console.log(yield* ChatService.text(messages))
  const { _tag } = yield* Effect.flip(InferenceProfile.modelOf(profile))
  yield* Console.log(_tag)
}).pipe(Effect.provide(Bedrock), NodeRuntime.runMain)
