/**
 * TwelveLabs Marengo Embed 2.7 and 3.0: a text or an image, and with 3.0 both in one vector. One input per request.
 *
 * Marengo has no purposes and reports no token count. Video and audio need another AWS operation: `BedrockAsync` has it.
 * Bodies and limits are as documented:
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-marengo-3.html
 */
import * as Result from "effect/Result"
import * as Answer from "./Answer.ts"
import * as Family from "./Family.ts"
import * as Image from "./Image.ts"

const shared = {
  vectorTypes: ["float"] as const,
  normalize: "client" as const,
  decode: ({ data }: Answer.Answer): Result.Result<Family.Decoded, string> => {
    // The page of 3.0 shows an object where programs that call the service read an array
    const vectors = Answer.vectors(
      Array.isArray(data) ? data : [data],
      "data",
      (item, path) => Answer.vector(Answer.field(item, "embedding"), `${path}.embedding`)
    )
    return Result.map(vectors, (vectors) => ({ vectors }))
  }
}

// AWS does not document the image types of Marengo
const images = { maxItems: 1, maxBytes: Image.fiveMegabytes }

/** `twelvelabs.marengo-embed-2-7-v1:0` and its inference profiles: 1,024 numbers; texts of 77 tokens at most. */
export const v2_7: Family.Family<"marengo-2.7"> = {
  ...shared,
  name: "marengo-2.7",
  matches: ({ family, vendor, version }) => vendor === "twelvelabs" && family === "marengo" && version === "2.7",
  // 77 tokens, at four characters of English to a token
  limits: { maxItems: 1, maxLength: 308, images },
  dimensions: { default: 1024, allowed: [1024] },
  reserved: ["inputType", "inputText", "mediaSource"],
  encode: (batch) => {
    const { image, text } = Family.only(batch)
    return {
      inputType: batch.kind,
      inputText: text,
      // By default the model truncates the end, and it cannot truncate the start: then a text cut to `maxLength` that
      // still has too many tokens is refused
      textTruncate: text === undefined ? undefined : batch.options.truncate === "end" ? "end" : "none",
      mediaSource: image && { base64String: Image.base64(image) }
    }
  }
}

/** `twelvelabs.marengo-embed-3-0-v1:0` and its inference profiles: 512 numbers; texts of 500 tokens at most. */
export const v3_0: Family.Family<"marengo-3.0"> = {
  ...shared,
  name: "marengo-3.0",
  matches: ({ family, vendor, version }) => vendor === "twelvelabs" && family === "marengo" && version === "3.0",
  // 500 tokens, at four characters of English per token; the model itself cannot truncate
  limits: { maxItems: 1, maxLength: 2000, images, combined: { maxItems: 1 } },
  dimensions: { default: 512, allowed: [512] },
  reserved: ["inputType", "text", "image", "text_image", "multi_input"],
  encode: (batch) => {
    const { image, text } = Family.only(batch)
    const inputType = batch.kind === "combined" ? "text_image" : batch.kind
    return {
      inputType,
      [inputType]: { inputText: text, mediaSource: image && { base64String: Image.base64(image) } }
    }
  }
}
