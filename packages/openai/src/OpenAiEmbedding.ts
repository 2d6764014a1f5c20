/** Embeddings. */
import type * as Embedding from "@strata/core/embedding/Embedding"
export type Options = Embedding.EmbeddingOptions
