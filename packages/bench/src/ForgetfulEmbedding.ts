/**
 * An embedding model that answers at once and, unlike the doubles of tests, remembers nothing.
 */
import { Embedding, EmbeddingService, Policy } from "@strata/core"
import { Effect, Layer } from "effect"

/** Vectors of 1024 dimensions unless told otherwise; four characters are a token. */
export const layer = Layer.effect(
  EmbeddingService.EmbeddingService,
  EmbeddingService.make({
    provider: "bench",
    defaultModel: "bench",
    policy: Policy.none,
    limits: () => Effect.succeed({ maxItems: 96, maxLength: 50_000, images: undefined, combined: undefined }),
    embedBatch: ({ inputs, options }) =>
      Effect.succeed({
        vectors: inputs.map(() => new Float32Array(options.dimensions ?? 1024).fill(0.5)),
        inputTokens: inputs.reduce((sum, input) => sum + Math.ceil((Embedding.textOf(input)?.length ?? 0) / 4), 0)
      })
  })
)
