/**
 * Cohere Embed: v3 (English and multilingual) and v4. Up to 96 texts a request.
 *
 * Neither has a switch for unit length: `normalize: true` is done on this side, and `false` leaves the vectors as the
 * model made them.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import type * as Family from "./Family.ts"

const purposes = {
  document: "search_document",
  query: "search_query",
  classification: "classification",
  clustering: "clustering"
} as const

// AWS writes LEFT and RIGHT for v4, yet the service takes the same words for both
const truncations = { none: "NONE", start: "START", end: "END" } as const

const shared = {
  normalize: "client" as const,
  // The token count is in a header only
  decode: (answer: Answer.Answer): Result.Result<Family.Decoded, string> => {
    // v3 answers a bare array unless types were asked for, v4 always by type
    const vectors = Answer.vectors(Answer.field(answer.embeddings, "float") ?? answer.embeddings)
    return vectors === undefined
      ? Result.fail("The answer has no `embeddings` of finite numbers")
      : Result.succeed({ vectors })
  }
}

const encode = ({ inputs, options }: Embedding.ProviderBatch) => ({
  texts: inputs,
  input_type: purposes[options.purpose],
  truncate: truncations[options.truncate]
})

/** `cohere.embed-english-v3`, `cohere.embed-multilingual-v3`: 1,024 numbers; texts of 512 tokens at most. */
export const v3: Family.Family<"cohere-v3"> = {
  ...shared,
  name: "cohere-v3",
  matches: ({ family, vendor, version }) => vendor === "cohere" && family === "embed" && version === "3",
  // The service refuses a longer text whatever `truncate` says
  limits: { maxItems: 96, maxLength: 2048 },
  dimensions: { default: 1024, allowed: [1024] },
  reserved: ["texts", "images", "embedding_types"],
  encode
}

/** `cohere.embed-v4:0` and its inference profiles: 1,536, 1,024, 512 or 256 numbers; texts of 128,000 tokens at most. */
export const v4: Family.Family<"cohere-v4"> = {
  ...shared,
  name: "cohere-v4",
  matches: ({ family, vendor, version }) => vendor === "cohere" && family === "embed" && version === "4",
  // The limit is one of tokens, and the service's to judge: 1,000,000 characters are above 128,000 tokens of any
  // prose. A body may have 25 MB: 4,000,000 characters fit even if each is escaped (`\u0000`).
  limits: { maxItems: 96, maxLength: 1_000_000, maxBatchLength: 4_000_000 },
  dimensions: { default: 1536, allowed: [1536, 1024, 512, 256] },
  reserved: ["texts", "images", "inputs", "embedding_types", "output_dimension"],
  encode: (batch) => ({
    ...encode(batch),
    embedding_types: ["float"],
    output_dimension: batch.options.dimensions
  })
}
