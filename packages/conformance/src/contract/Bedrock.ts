/** Bedrock over the wire: the AWS SDK's client, and the emulator in front of the model that a test scripts. */
import { BedrockChat, BedrockClient, BedrockEmbedding, BedrockRerank } from "@strata/bedrock"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Embedder from "@strata/core/embedding/Embedder"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import {
  type ChatContract,
  type EmbeddingContract,
  type RerankContract,
  TestChat,
  TestEmbedding
} from "@strata/core/testing"
import { EmulatorClient } from "@strata/emulator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const client = <E>(answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>) =>
  Layer.provide(EmulatorClient.layer(BedrockClient.layer), answering)

/** Claude Sonnet 4.5, which has most of what the contract asks for. */
export const chat: ChatContract.Subject = {
  name: "BedrockChat",
  layer: (model) =>
    BedrockChat.layer({ model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0" }).pipe(
      Layer.provide(client(Layer.merge(model, TestEmbedding.layer())))
    )
}

/** Titan Text Embeddings V2. */
export const embedding: EmbeddingContract.Subject = {
  name: "BedrockEmbedding",
  dimensions: 1024,
  fewer: 256,
  layer: (model) =>
    BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" }).pipe(
      Layer.provide(client(Layer.merge(model, TestChat.layer())))
    ),
  support: {
    int8: { refused: "Titan gives `float` and `binary`" },
    images: { refused: "Titan Text reads texts" },
    combined: { refused: "Titan Text reads texts" }
  }
}

/** Cohere Rerank 3.5; the emulator ranks by the vectors of an embedding model. */
export const rerank: RerankContract.Subject = {
  name: "BedrockRerank",
  layer: (behaviour) =>
    BedrockRerank.layer({ model: "cohere.rerank-v3-5:0" }).pipe(
      Layer.provide(client(Layer.merge(ranking(behaviour), TestChat.layer())))
    ),
  support: { usage: { missing: "the service does not count the tokens of rerank models" } },
  deviations: { "fails with ContextLengthExceededError": "a document that is too long is cut by the service" }
}

const ranking = ({ errors = [], hang }: Parameters<RerankContract.Subject["layer"]>[0]) =>
  Layer.effect(
    EmbeddingService.EmbeddingService,
    hang === undefined
      ? Effect.gen(function*() {
        const double = yield* Layer.build(TestEmbedding.layer())
        yield* Context.get(double, TestEmbedding.TestEmbedding).failNext(...errors)
        return Context.get(double, EmbeddingService.EmbeddingService)
      })
      : Embedder.make({
        provider: "test",
        defaultModel: "test-embedding",
        policy: Policy.none,
        limits: () => Effect.succeed({ maxItems: 100, maxLength: 10_000 }),
        embedBatch: () => Effect.onInterrupt(Effect.andThen(hang.asked, Effect.never), () => hang.left)
      })
  )
