/** The models on this machine, which answer what they will: nothing scripts them. */
import type { ChatContract, EmbeddingContract } from "@strata/core/testing"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import * as Layer from "effect/Layer"

const script = { missing: "it answers with sentences of the prompt" } as const

export const chat: ChatContract.Subject = {
  name: "ExtractiveChat",
  layer: () => ExtractiveChat.layer().pipe(Layer.provide(LocalEmbedding.layer())),
  support: { script }
}

export const embedding: EmbeddingContract.Subject = {
  name: "LocalEmbedding",
  dimensions: LocalEmbedding.dimensions,
  layer: () => LocalEmbedding.layer(),
  support: {
    script: { missing: "it has no failures to script" },
    dimensions: { refused: "the model has 512" },
    int8: { refused: "the model gives floats" },
    binary: { refused: "the model gives floats" },
    images: { refused: "the model reads texts" },
    combined: { refused: "the model reads texts" }
  }
}
