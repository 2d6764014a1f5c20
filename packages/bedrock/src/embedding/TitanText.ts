/**
 * Amazon Titan Text Embeddings: V1, also under its older name G1, and V2. One text per request.
 *
 * Titan has no purposes: queries and documents are embedded alike. It does not truncate: a text within the character
 * limit but above 8,192 tokens is refused by the service.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import * as Family from "./Family.ts"

const shared = {
  // AWS documents 50,000 characters for V2; V1 has the same token limit and gets the same number
  limits: { maxItems: 1, maxLength: 50_000 }
}

const decodeFloat = (answer: Answer.Answer): Result.Result<Family.Decoded, string> => {
  // V2 answers with `embeddingsByType` even when no types were requested
  const typed = Answer.field(answer.embeddingsByType, "float")
  return Result.map(
    Predicate.isNullish(answer.embedding) && typed !== undefined
      ? Answer.vector(typed, "embeddingsByType.float")
      : Answer.vector(answer.embedding, "embedding"),
    decoded(answer)
  )
}

const decodeBinary = (answer: Answer.Answer): Result.Result<Family.Decoded, string> =>
  // One number per bit, as seen in https://github.com/vercel/ai/pull/5642; AWS only documents integers
  Result.map(
    Answer.bits(Answer.field(answer.embeddingsByType, "binary"), "embeddingsByType.binary"),
    decoded(answer)
  )

const decoded = ({ inputTextTokenCount }: Answer.Answer) => (vector: Embedding.Vector): Family.Decoded => ({
  vectors: [vector],
  inputTokens: Answer.tokens(inputTextTokenCount)
})

/** `amazon.titan-embed-text-v1`, `amazon.titan-embed-g1-text-02`: 1,536 numbers. */
export const v1: Family.Family<"titan-text-v1"> = {
  ...shared,
  name: "titan-text-v1",
  matches: ({ family, vendor, version }) => vendor === "amazon" && family === "titan-embed-text" && version === "1",
  dimensions: { default: 1536, allowed: [1536] },
  vectorTypes: ["float"],
  normalize: "client",
  reserved: ["inputText"],
  encode: (batch) => ({ inputText: Family.only(batch).text }),
  decode: decodeFloat
}

/** `amazon.titan-embed-text-v2:0`: 1,024, 512 or 256 numbers, of unit length unless `normalize` is `false`, or bits. */
export const v2: Family.Family<"titan-text-v2"> = {
  ...shared,
  name: "titan-text-v2",
  matches: ({ family, vendor, version }) => vendor === "amazon" && family === "titan-embed-text" && version === "2",
  dimensions: { default: 1024, allowed: [1024, 512, 256] },
  vectorTypes: ["float", "binary"],
  normalize: "model",
  reserved: ["inputText", "dimensions", "normalize", "embeddingTypes"],
  encode: (batch) => ({
    inputText: Family.only(batch).text,
    dimensions: batch.options.dimensions,
    normalize: batch.options.normalize,
    embeddingTypes: batch.options.vectorType === "float" ? undefined : [batch.options.vectorType]
  }),
  decode: (answer, vectorType) => vectorType === "binary" ? decodeBinary(answer) : decodeFloat(answer)
}
