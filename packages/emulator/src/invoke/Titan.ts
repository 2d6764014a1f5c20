/**
 * The bodies of Amazon Titan Text Embeddings, versions 1 and 2: one text in, one vector out.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as Tokens from "../converse/Tokens.ts"
import * as Embed from "./Embed.ts"
import * as Vector from "./Vector.ts"

const inputText = Schema.String.check(Embed.textBetween(1, 50_000))

const readV1 = Embed.reader(Schema.Struct({ inputText }))

const readV2 = Embed.reader(Schema.Struct({
  inputText,
  dimensions: Schema.optionalKey(Schema.Int.check(Embed.oneOfNumbers([256, 512, 1024]))),
  normalize: Schema.optionalKey(Schema.Boolean),
  embeddingTypes: Schema.optionalKey(
    Schema.Array(Embed.oneOf(["float", "binary"])).check(Embed.itemsBetween(1, 2))
  )
}))

/** Version 1: always 1536 dimensions. */
export const v1 = Effect.fnUntraced(function*(body: unknown, model: string | undefined) {
  const request = yield* Effect.fromResult(readV1(body))
  const { inputTokens, vectors: [vector = new Float32Array(1536)] } = yield* embedOne(request.inputText, {
    model,
    dimensions: 1536,
    explicit: false
  })
  return { inputTokens, body: { embedding: Array.from(vector), inputTextTokenCount: inputTokens } }
})

/** Version 2: 1024, 512 or 256 dimensions; `embeddingsByType` comes even unasked. */
export const v2 = Effect.fnUntraced(function*(body: unknown, model: string | undefined) {
  const request = yield* Effect.fromResult(readV2(body))
  const dimensions = request.dimensions ?? 1024
  const types = request.embeddingTypes ?? ["float"]
  const { inputTokens, vectors: [vector = new Float32Array(dimensions)] } = yield* embedOne(request.inputText, {
    model,
    dimensions,
    explicit: request.dimensions !== undefined
  })
  const scaled = request.normalize === false ? vector : Vector.normalize(vector)
  const floats = Array.from(scaled)
  return {
    inputTokens,
    body: {
      ...(types.includes("float") ? { embedding: floats } : undefined),
      embeddingsByType: {
        ...(types.includes("binary") ? { binary: Vector.toBits(scaled) } : undefined),
        ...(types.includes("float") ? { float: floats } : undefined)
      },
      inputTextTokenCount: inputTokens
    }
  }
})

const maxTokens = 8192

const embedOne = (
  text: string,
  options: Pick<Embed.Question, "model" | "dimensions" | "explicit">
) => {
  const tokens = Tokens.ofText(text)
  return tokens > maxTokens
    ? Effect.fail(AwsError.validation(
      `400 Bad Request: Too many input tokens. Max input tokens: ${maxTokens}, request input token count: ${tokens} `
    ))
    : Embed.embed({ ...options, inputs: [text], purpose: "document", truncate: "none" })
}
