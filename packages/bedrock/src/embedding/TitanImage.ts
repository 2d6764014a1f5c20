/**
 * Amazon Titan Multimodal Embeddings G1: a text, an image, or both in one vector. One input per request.
 *
 * Like Titan Text, it has no purposes and does not truncate.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-mm.html
 */
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import * as Family from "./Family.ts"
import * as Image from "./Image.ts"

/** `amazon.titan-embed-image-v1`: 1,024, 384 or 256 numbers. */
export const v1: Family.Family<"titan-image-v1"> = {
  name: "titan-image-v1",
  matches: ({ family, vendor, version }) => vendor === "amazon" && family === "titan-embed-image" && version === "1",
  limits: {
    maxItems: 1,
    // Uncertain: AWS documents 128 tokens and 256, and for images 5 MB and 25 MB. The larger ones are used, at four
    // characters per token; the service refuses what exceeds the real limit.
    maxLength: 1024,
    images: { maxItems: 1, maxBytes: Image.mostBytes, mediaTypes: ["image/png", "image/jpeg"] },
    combined: { maxItems: 1 }
  },
  dimensions: { default: 1024, allowed: [1024, 384, 256] },
  vectorTypes: ["float"],
  normalize: "client",
  reserved: ["inputText", "inputImage", "embeddingConfig"],
  encode: (batch) => {
    const { image, text } = Family.only(batch)
    const { dimensions } = batch.options
    return {
      inputText: text,
      inputImage: image && Image.base64(image),
      embeddingConfig: dimensions === undefined ? undefined : { outputEmbeddingLength: dimensions }
    }
  },
  decode: ({ embedding, inputTextTokenCount, message }) => {
    // Documented to hold "any errors that occur during generation"; empty or missing when there are none
    if (typeof message === "string" && message !== "") return Result.fail(`The model returned no vector: ${message}`)
    return Result.map(
      Answer.vector(embedding, "embedding"),
      (vector) => ({ vectors: [vector], inputTokens: Answer.tokens(inputTextTokenCount) })
    )
  }
}
