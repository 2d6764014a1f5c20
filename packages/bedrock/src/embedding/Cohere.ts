/**
 * Cohere Embed: v3 (English and multilingual) and v4. Up to 96 texts a request, and as many images with v4.
 *
 * Neither can normalize: `normalize: true` is done by the client, and `false` leaves the vectors as the model made
 * them. Images have no purpose with v3.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import type * as Family from "./Family.ts"
import * as Image from "./Image.ts"

const purposes = {
  document: "search_document",
  query: "search_query",
  classification: "classification",
  clustering: "clustering"
} as const

// AWS documents LEFT and RIGHT for v4, yet the service takes the same values for both
const truncations = { none: "NONE", start: "START", end: "END" } as const

// Cohere's own `binary` has signed bytes. The bit order is not documented, but its example unpacks the bytes with
// numpy, whose default is the highest bit first: https://docs.cohere.com/docs/embeddings
const types = { float: "float", int8: "int8", uint8: "uint8", binary: "ubinary" } as const

const shared = {
  vectorTypes: ["float", "int8", "uint8", "binary"] as const,
  normalize: "client" as const,
  // The token count is in a header only
  decode: (answer: Answer.Answer, vectorType: Embedding.VectorType): Result.Result<Family.Decoded, string> => {
    const type = types[vectorType]
    // v3 answers a bare array unless types were asked for, v4 always by type
    const typed = Answer.field(answer.embeddings, type)
    const vectors = Answer.vectors(
      typed ?? answer.embeddings,
      typed === undefined ? "embeddings" : `embeddings.${type}`,
      (vector, path) => Answer.typedVector(vector, vectorType, path)
    )
    return Result.map(vectors, (vectors) => ({ vectors }))
  }
}

/** `cohere.embed-english-v3`, `cohere.embed-multilingual-v3`: 1,024 numbers; texts of 512 tokens at most; images. */
export const v3: Family.Family<"cohere-v3"> = {
  ...shared,
  name: "cohere-v3",
  matches: ({ family, vendor, version }) => vendor === "cohere" && family === "embed" && version === "3",
  limits: {
    maxItems: 96,
    // The service refuses a longer text regardless of `truncate`
    maxLength: 2048,
    images: { maxItems: 1, maxBytes: Image.fiveMegabytes, mediaTypes: ["image/jpeg", "image/png"] }
  },
  dimensions: { default: 1024, allowed: [1024] },
  reserved: ["texts", "images", "embedding_types"],
  encode: (batch) => ({
    ...contentOf(batch),
    input_type: batch.kind === "text" ? purposes[batch.options.purpose] : "image",
    truncate: truncationOf(batch),
    embedding_types: batch.options.vectorType === "float" ? undefined : [types[batch.options.vectorType]]
  })
}

/**
 * `cohere.embed-v4:0` and its inference profiles: 1,536, 1,024, 512 or 256 numbers; texts of 128,000 tokens at most,
 * images, and both in one vector.
 *
 * Images of more than 2,458,624 pixels are scaled down by the model.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
 */
export const v4: Family.Family<"cohere-v4"> = {
  ...shared,
  name: "cohere-v4",
  matches: ({ family, vendor, version }) => vendor === "cohere" && family === "embed" && version === "4",
  limits: {
    maxItems: 96,
    // The limit is in tokens, which only the service counts: 1,000,000 characters are above 128,000 tokens of any
    // prose. AWS documents about 20 MB for a body: 3,000,000 characters fit even if each is escaped (`\u0000`), and
    // 14,000,000 bytes of images in base64.
    maxLength: 1_000_000,
    maxBatchLength: 3_000_000,
    images: {
      maxItems: 96,
      maxBytes: Image.fiveMegabytes,
      maxBatchBytes: 14_000_000,
      mediaTypes: ["image/png", "image/jpeg", "image/webp", "image/gif"]
    },
    combined: { maxItems: 96 }
  },
  dimensions: { default: 1536, allowed: [1536, 1024, 512, 256] },
  reserved: ["texts", "images", "inputs", "embedding_types", "output_dimension"],
  encode: (batch) => ({
    ...contentOf(batch),
    input_type: purposes[batch.options.purpose],
    truncate: truncationOf(batch),
    embedding_types: [types[batch.options.vectorType]],
    output_dimension: batch.options.dimensions
  })
}

const contentOf = (batch: Embedding.ProviderBatch): Family.Fields => {
  switch (batch.kind) {
    case "text":
      return { texts: batch.inputs }
    case "image":
      return { images: batch.inputs.map(({ image }) => Image.dataUri(image)) }
    case "combined":
      return {
        inputs: batch.inputs.map(({ image, text }) => ({
          content: [
            { type: "text", text },
            // An object, as AWS and Cohere document today; earlier pages of AWS had the URI itself
            { type: "image_url", image_url: { url: Image.dataUri(image) } }
          ]
        }))
      }
  }
}

const truncationOf = ({ kind, options }: Embedding.ProviderBatch): string | undefined =>
  kind === "image" ? undefined : truncations[options.truncate]
