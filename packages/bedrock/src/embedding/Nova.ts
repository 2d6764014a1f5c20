/**
 * Amazon Nova Multimodal Embeddings: a text or an image. One input per request.
 *
 * AWS also offers video, audio, and longer texts cut into segments: `BedrockAsync` has them.
 * https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
 */
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import * as Family from "./Family.ts"
import * as Image from "./Image.ts"

// Queries have a purpose per kind of searched content, such as TEXT_RETRIEVAL. That kind is not known here, and the
// generic purpose suits indexes that mix texts and images.
export const purposes = {
  document: "GENERIC_INDEX",
  query: "GENERIC_RETRIEVAL",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING"
} as const

export const truncations = { none: "NONE", start: "START", end: "END" } as const

/**
 * `amazon.nova-2-multimodal-embeddings-v1:0`: 3,072, 1,024, 384 or 256 numbers; texts of 8,192 tokens at most.
 *
 * The kind of searched content and the detail level of images are set by `providerOptions.bedrock.body`.
 *
 * @example
 * { singleEmbeddingParams: { embeddingPurpose: "DOCUMENT_RETRIEVAL", image: { detailLevel: "DOCUMENT_IMAGE" } } }
 */
export const v2: Family.Family<"nova-2"> = {
  name: "nova-2",
  // Nova's chat models share the vendor, the family and the generation
  matches: ({ baseId }) => baseId !== undefined && baseId.startsWith("amazon.nova-2-multimodal-embeddings-"),
  limits: {
    maxItems: 1,
    // Uncertain: AWS documents 8,192 characters beside 8,192 tokens, but the service is reported to take 50,000
    // characters and to count tokens. 32,000, AWS's length for segments of a long text, is 8,000 tokens of English.
    maxLength: 32_000,
    images: {
      maxItems: 1,
      maxBytes: Image.mostBytes,
      mediaTypes: ["image/png", "image/jpeg", "image/gif", "image/webp"]
    }
  },
  dimensions: { default: 3072, allowed: [3072, 1024, 384, 256] },
  vectorTypes: ["float"],
  normalize: "client",
  reserved: [
    "taskType",
    "segmentedEmbeddingParams",
    "singleEmbeddingParams.embeddingDimension",
    "singleEmbeddingParams.text.value",
    "singleEmbeddingParams.text.source",
    "singleEmbeddingParams.image.source",
    "singleEmbeddingParams.audio",
    "singleEmbeddingParams.video"
  ],
  encode: (batch) => {
    const { image, text } = Family.only(batch)
    const { dimensions, purpose, truncate } = batch.options
    return {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: purposes[purpose],
        embeddingDimension: dimensions,
        text: text === undefined ? undefined : { truncationMode: truncations[truncate], value: text },
        image: image && {
          format: Image.format(image),
          source: { bytes: Image.base64(image) }
        }
      }
    }
  },
  // The token count is in a header only
  decode: ({ embeddings }) => {
    const vectors = Answer.vectors(
      embeddings,
      "embeddings",
      (item, path) => Answer.vector(Answer.field(item, "embedding"), `${path}.embedding`)
    )
    return Result.map(vectors, (vectors) => ({ vectors }))
  }
}
