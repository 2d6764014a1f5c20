/** The bridges of `@strata/effect-ai`: our services behind a model of `effect/ai`, and a model that someone else made. */
import type { ChatContract, EmbeddingContract } from "@strata/core/testing"
import { EffectAiChat, EffectAiEmbedding, StrataEmbeddingModel, StrataLanguageModel } from "@strata/effect-ai"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as ForeignModel from "./ForeignModel.ts"

/** `ChatService` → `LanguageModel` → `ChatService`: nothing is lost on the way. */
export const chat: ChatContract.Subject = {
  name: "effect/ai, there and back",
  layer: (model) => EffectAiChat.layer().pipe(Layer.provide(StrataLanguageModel.layer()), Layer.provide(model))
}

/** `EmbeddingService` → `EmbeddingModel` → `EmbeddingService`. */
export const embedding: EmbeddingContract.Subject = {
  name: "effect/ai, there and back",
  dimensions: 64,
  fewer: 32,
  layer: (model) => EffectAiEmbedding.layer().pipe(Layer.provide(StrataEmbeddingModel.layer()), Layer.provide(model)),
  support: {
    int8: { refused: "`effect/ai` has vectors of numbers only" },
    binary: { refused: "`effect/ai` has vectors of numbers only" },
    images: { refused: "`effect/ai` embeds texts only" },
    combined: { refused: "`effect/ai` embeds texts only" }
  }
}

/** A `LanguageModel` of someone else, with what its provider can be told. */
export const foreignChat: ChatContract.Subject = {
  name: "EffectAiChat, over a model of someone else",
  layer: (model) =>
    EffectAiChat.layer({
      settings: ({ maxTokens, temperature, topP, stopSequences, reasoning, parallelToolCalls, model }) =>
        Context.make(ForeignModel.Settings, {
          model,
          ...(maxTokens !== undefined && { maxTokens }),
          ...(temperature !== undefined && { temperature }),
          ...(topP !== undefined && { topP }),
          ...(stopSequences !== undefined && { stopSequences }),
          ...(reasoning !== undefined && { reasoning }),
          ...(parallelToolCalls !== undefined && { parallelToolCalls })
        })
    }).pipe(Layer.provide(ForeignModel.language), Layer.provide(model)),
  finishReasons: { "stop-sequence": "stop", refusal: "content-filter" }
}

/** An `EmbeddingModel` of someone else. */
export const foreignEmbedding: EmbeddingContract.Subject = {
  name: "EffectAiEmbedding, over a model of someone else",
  dimensions: 64,
  fewer: 32,
  layer: (model) =>
    EffectAiEmbedding.layer({
      settings: ({ dimensions }) => Context.make(ForeignModel.Dimensions, dimensions)
    }).pipe(Layer.provide(ForeignModel.embedding), Layer.provide(model)),
  support: {
    int8: { refused: "`effect/ai` has vectors of numbers only" },
    binary: { refused: "`effect/ai` has vectors of numbers only" },
    images: { refused: "`effect/ai` embeds texts only" },
    combined: { refused: "`effect/ai` embeds texts only" }
  }
}
