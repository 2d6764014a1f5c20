/** OpenAI's dialect over the wire: the client, and the emulator in front of the model that a test scripts. */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import { type ChatContract, type EmbeddingContract, TestChat, TestEmbedding } from "@strata/core/testing"
import { type Emulator, EmulatorClient } from "@strata/emulator"
import { OpenAiChat, OpenAiClient, OpenAiEmbedding } from "@strata/openai"
import * as Layer from "effect/Layer"

const client = <E>(
  answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>,
  server: (openai: Emulator.OpenAiOptions) => OpenAiClient.Options = ({ baseUrl }) => ({ baseUrl, profile: "openai" })
) =>
  Layer.provide(
    EmulatorClient.layer((_, { openai }) => OpenAiClient.layer({ apiKey: openai.apiKey, ...server(openai) })),
    answering
  )

/** What OpenAI tells of failures of the model itself. */
const errors: ChatContract.Subject["errors"] = {
  ModelFailedError: "ProviderInternalError",
  TimeoutError: "ProviderInternalError"
}

/** Chat Completions, as OpenAI has it. */
export const chat: ChatContract.Subject = {
  name: "OpenAiChat, Chat Completions",
  layer: (model) =>
    OpenAiChat.layer({ model: "gpt-4o", api: "chat-completions" }).pipe(
      Layer.provide(client(Layer.merge(model, TestEmbedding.layer())))
    ),
  support: {
    reasoning: { missing: "OpenAI shows no reasoning in Chat Completions" },
    signatures: { missing: "OpenAI shows no reasoning in Chat Completions" },
    toolFailures: { missing: "a result is text" }
  },
  finishReasons: { "stop-sequence": "stop" },
  deviations: { "ends with \"refusal\"": "the emulator's model refuses when its text is streamed already" },
  errors
}

/** The Responses API. */
export const responses: ChatContract.Subject = {
  name: "OpenAiChat, Responses",
  layer: (model) =>
    OpenAiChat.layer({ model: "gpt-4o", api: "responses" }).pipe(
      Layer.provide(client(Layer.merge(model, TestEmbedding.layer())))
    ),
  support: {
    stopSequences: { refused: "the API has none" },
    reasoning: { missing: "OpenAI shows reasoning in summaries, to accounts that ask for them" },
    signatures: { missing: "reasoning is encrypted, and comes back with summaries" },
    toolFailures: { missing: "a result is text" }
  },
  deviations: {
    "ends with \"refusal\"": "the emulator's model refuses when its text is streamed already",
    "ends with \"stop-sequence\"": "the API has no stop sequences"
  },
  errors
}

/** gpt-oss by Chat Completions, at Bedrock's own endpoint: an open model shows its reasoning. */
export const open: ChatContract.Subject = {
  name: "OpenAiChat, an open model",
  layer: (model) =>
    OpenAiChat.layer({ model: "openai.gpt-oss-120b-1:0", api: "chat-completions" }).pipe(
      Layer.provide(client(
        Layer.merge(model, TestEmbedding.layer()),
        ({ runtimeUrl }) => ({ baseUrl: runtimeUrl, profile: "bedrock" })
      ))
    ),
  support: {
    images: { missing: "gpt-oss reads none, which its server says" },
    toolImages: { missing: "gpt-oss reads none, which its server says" },
    signatures: { missing: "its reasoning has none" },
    toolFailures: { missing: "a result is text" }
  },
  finishReasons: { "stop-sequence": "stop" },
  deviations: { "ends with \"refusal\"": "the emulator's model refuses when its text is streamed already" },
  errors
}

/** A model that reasons, by the Responses API. */
export const reasoning: ChatContract.Subject = {
  ...responses,
  name: "OpenAiChat, Responses of a model that reasons",
  layer: (model) =>
    OpenAiChat.layer({ model: "gpt-5.1", api: "responses" }).pipe(
      Layer.provide(client(Layer.merge(model, TestEmbedding.layer())))
    ),
  support: {
    temperature: { missing: "models that reason refuse it" },
    topP: { missing: "models that reason refuse it" },
    stopSequences: { refused: "the API has none" },
    toolFailures: { missing: "a result is text" }
  }
}

/** Text Embedding 3 Small. */
export const embedding: EmbeddingContract.Subject = {
  name: "OpenAiEmbedding",
  dimensions: 1536,
  fewer: 256,
  layer: (model) =>
    OpenAiEmbedding.layer({ model: "text-embedding-3-small" }).pipe(
      Layer.provide(client(Layer.merge(model, TestChat.layer())))
    ),
  support: {
    int8: { refused: "OpenAI has vectors of floats only" },
    binary: { refused: "OpenAI has vectors of floats only" },
    images: { refused: "OpenAI embeds texts only" },
    combined: { refused: "OpenAI embeds texts only" }
  },
  errors
}
