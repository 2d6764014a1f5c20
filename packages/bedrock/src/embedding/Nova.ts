/**
 * Amazon Nova Multimodal Embeddings: a text or an image. One of them a request.
 *
 * AWS offers video, audio, and longer texts cut into segments too; they are not covered here.
 * https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
 */
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import * as Family from "./Family.ts"
import * as Image from "./Image.ts"

// For a query there is a word for each kind of thing that is searched, such as TEXT_RETRIEVAL. What is searched is not
// known here, and the word for all of them is right wherever texts and images are side by side.
const purposes = {
  document: "GENERIC_INDEX",
  query: "GENERIC_RETRIEVAL",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING"
} as const

const truncations = { none: "NONE", start: "START", end: "END" } as const

/**
 * `amazon.nova-2-multimodal-embeddings-v1:0`: 3,072, 1,024, 384 or 256 numbers; texts of 8,192 tokens at most.
 *
 * What a search is for, and how closely an image is looked at, is for `providerOptions.bedrock.body` to say.
 *
 * @example
 * { singleEmbeddingParams: { embeddingPurpose: "DOCUMENT_RETRIEVAL", image: { detailLevel: "DOCUMENT_IMAGE" } } }
 */
export const v2: Family.Family<"nova-2"> = {
  name: "nova-2",
  // Nova's models for chat share the vendor, the line and the generation
  matches: ({ baseId }) => baseId !== undefined && baseId.startsWith("amazon.nova-2-multimodal-embeddings-"),
  limits: {
    maxItems: 1,
    // Unsure: AWS documents 8,192 characters beside 8,192 tokens, but the service is reported to take 50,000 and to
    // judge by tokens. 32,000, the length AWS gives the segments of a long text, is 8,000 tokens of English.
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
