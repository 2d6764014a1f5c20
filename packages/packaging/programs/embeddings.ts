// Embeds two texts.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { EmbeddingService } from "@strata/core"
import { Console, Effect, Layer } from "effect"

const Bedrock = BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" }).pipe(
  Layer.provide(BedrockClient.layer({ region: "us-east-1" }))
)

EmbeddingService.embedMany(["a river", "a lake"], { purpose: "document" }).pipe(
  Effect.flatMap(({ embeddings }) => Console.log(embeddings.map(({ vector }) => vector.length).join(" "))),
  Effect.provide(Bedrock),
  NodeRuntime.runMain
)
