/**
 * The bodies of Amazon Titan Text Embeddings, versions 1 and 2, and of Titan Multimodal Embeddings: one text in, or an
 * image, or both, and one vector out.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Violation from "../../Violation.ts"
import * as Body from "../Body.ts"
import * as Embed from "./Embed.ts"
import * as Image from "./Image.ts"
import * as Vector from "./Vector.ts"

const inputText = Schema.String.check(Body.textBetween(1, 50_000))

const readV1 = Body.reader(Schema.Struct({ inputText }))

const readV2 = Body.reader(Schema.Struct({
  inputText,
  dimensions: Schema.optionalKey(Schema.Int.check(Body.oneOfNumbers([256, 512, 1024]))),
  normalize: Schema.optionalKey(Schema.Boolean),
  embeddingTypes: Schema.optionalKey(
    Schema.Array(Body.oneOf(["float", "binary"])).check(Body.itemsBetween(1, 2))
  )
}))

const readImage = Body.reader(Schema.Struct({
  inputText: Schema.optionalKey(inputText),
  inputImage: Schema.optionalKey(Image.Base64),
  embeddingConfig: Schema.optionalKey(Schema.Struct({
    outputEmbeddingLength: Schema.optionalKey(Schema.Int.check(Body.oneOfNumbers([256, 384, 1024])))
  }))
}))

/** Version 1: always 1536 dimensions. */
export const v1 = Effect.fnUntraced(function*(call: Embed.Call) {
  const request = yield* Effect.fromResult(readV1(call.body))
  const { inputTokens, vector } = yield* embedOne(call, request.inputText, { dimensions: 1536, explicit: false })
  return { inputTokens, body: { embedding: Array.from(vector), inputTextTokenCount: inputTokens } }
})

/** Version 2: 1024, 512 or 256 dimensions; `embeddingsByType` is always included. */
export const v2 = Effect.fnUntraced(function*(call: Embed.Call) {
  const request = yield* Effect.fromResult(readV2(call.body))
  const dimensions = request.dimensions ?? 1024
  const types = request.embeddingTypes ?? ["float"]
  const { inputTokens, vector } = yield* embedOne(call, request.inputText, {
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

/**
 * Multimodal, version 1: 1024, 384 or 256 dimensions. The body counts the tokens of the text; no header with a count is
 * documented.
 */
export const image = Effect.fnUntraced(function*(call: Embed.Call) {
  const { embeddingConfig, inputImage, inputText: text } = yield* Effect.fromResult(readImage(call.body))
  if (text === undefined && inputImage === undefined) return yield* nothingToEmbed
  const dimensions = embeddingConfig?.outputEmbeddingLength ?? 1024
  const { inputTokens, vector } = yield* embedOne(
    call,
    Embed.inputOf({ text, image: inputImage }),
    { dimensions, explicit: embeddingConfig?.outputEmbeddingLength !== undefined },
    256
  )
  const invoked: Embed.Invoked = {
    inputTokens: undefined,
    body: {
      embedding: Array.from(vector),
      inputTextTokenCount: inputImage === undefined ? inputTokens : Tokens.ofText(text ?? "")
    }
  }
  return invoked
})

const nothingToEmbed = Violation.malformedInput(
  "#: required key [inputText] not found#: required key [inputImage] not found"
)

const embedOne = (
  call: Embed.Call,
  input: Embedding.Input,
  options: Pick<Embed.Question, "dimensions" | "explicit">,
  maxTokens = 8192
) => {
  const tokens = Tokens.ofText(Embedding.textOf(input) ?? "")
  return tokens > maxTokens
    ? Effect.fail(AwsError.validation(
      `400 Bad Request: Too many input tokens. Max input tokens: ${maxTokens}, request input token count: ${tokens} `
    ))
    : Embed.embedOne(call, input, { ...options, purpose: "document", truncate: "none" })
}
