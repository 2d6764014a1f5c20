/**
 * Models for InvokeModel only: embedding and rerank models.
 */
import type { Common } from "./ChatModel.ts"
import { active } from "./ChatModel.ts"

/** The body format of an embedding model. */
export type EmbeddingFamily =
  | "titan-v1"
  | "titan-v2"
  | "titan-image-v1"
  | "nova-2"
  | "cohere-v3"
  | "cohere-v4"
  | "marengo-2.7"
  | "marengo-3.0"

/** The body format of a rerank model. */
export type RerankFamily = "amazon" | "cohere"

/** A model that answers InvokeModel with vectors. */
export interface EmbeddingModel extends Common {
  readonly kind: "embedding"
  readonly family: EmbeddingFamily
}

/** A model that answers InvokeModel with scores. */
export interface RerankModel extends Common {
  readonly kind: "rerank"
  readonly family: RerankFamily
}

/** An embedding model: active, granted and callable by its own id unless the options say otherwise. */
export const embedding = (
  id: string,
  family: EmbeddingFamily,
  options?: Partial<Omit<EmbeddingModel, "id" | "kind" | "family">>
): EmbeddingModel => ({ ...active, ...options, kind: "embedding", id, family })

/** A rerank model: active, granted and callable by its own id unless the options say otherwise. */
export const rerank = (
  id: string,
  family: RerankFamily,
  options?: Partial<Omit<RerankModel, "id" | "kind" | "family">>
): RerankModel => ({ ...active, ...options, kind: "rerank", id, family })

/** The embedding and rerank models of Bedrock. */
export const models: ReadonlyArray<EmbeddingModel | RerankModel> = [
  embedding("amazon.titan-embed-text-v1", "titan-v1"),
  embedding("amazon.titan-embed-g1-text-02", "titan-v1"),
  embedding("amazon.titan-embed-text-v2:0", "titan-v2"),
  embedding("amazon.titan-embed-image-v1", "titan-image-v1"),
  embedding("amazon.nova-2-multimodal-embeddings-v1:0", "nova-2"),
  embedding("cohere.embed-english-v3", "cohere-v3"),
  embedding("cohere.embed-multilingual-v3", "cohere-v3"),
  embedding("cohere.embed-v4:0", "cohere-v4", { inferenceProfiles: ["us", "eu", "global"] }),
  // The id itself is for StartAsyncInvoke
  embedding("twelvelabs.marengo-embed-2-7-v1:0", "marengo-2.7", {
    onDemand: false,
    inferenceProfiles: ["us", "eu", "apac"]
  }),
  embedding("twelvelabs.marengo-embed-3-0-v1:0", "marengo-3.0", { inferenceProfiles: ["us", "eu"] }),
  rerank("cohere.rerank-v3-5:0", "cohere"),
  rerank("amazon.rerank-v1:0", "amazon")
]
