/**
 * The bodies of Amazon Nova Multimodal Embeddings: one text or image in, one vector out. Audio, video, and objects in
 * S3 are not supported.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Violation from "../../Violation.ts"
import * as Body from "../Body.ts"
import * as Embed from "./Embed.ts"
import * as Image from "./Image.ts"

const purposes = {
  GENERIC_INDEX: "document",
  GENERIC_RETRIEVAL: "query",
  TEXT_RETRIEVAL: "query",
  IMAGE_RETRIEVAL: "query",
  VIDEO_RETRIEVAL: "query",
  DOCUMENT_RETRIEVAL: "query",
  AUDIO_RETRIEVAL: "query",
  CLASSIFICATION: "classification",
  CLUSTERING: "clustering"
} as const satisfies Record<string, Embedding.Purpose>

const isPurpose = (text: string): text is keyof typeof purposes => Object.hasOwn(purposes, text)

/** What the vectors are for. */
export const Purpose = Schema.String.pipe(
  Schema.refine(isPurpose, { message: "{value} is not a valid enum value" })
)

/** The numbers of dimensions. */
export const Dimension = Schema.Int.check(Body.oneOfNumbers([256, 384, 1024, 3072]))

const SingleEmbeddingParams = Schema.Struct({
  embeddingPurpose: Purpose,
  embeddingDimension: Schema.optionalKey(Dimension),
  text: Schema.optionalKey(Schema.Struct({
    truncationMode: Body.oneOf(["START", "END", "NONE"]),
    value: Schema.optionalKey(Schema.String.check(Body.textBetween(1, Infinity))),
    source: Schema.optionalKey(Schema.Unknown)
  })),
  image: Schema.optionalKey(Schema.Struct({
    format: Body.oneOf(["png", "jpeg", "gif", "webp"]),
    detailLevel: Schema.optionalKey(Body.oneOf(["STANDARD_IMAGE", "DOCUMENT_IMAGE"])),
    source: Schema.Struct({
      bytes: Schema.optionalKey(Image.Base64),
      s3Location: Schema.optionalKey(Image.S3Location)
    })
  })),
  audio: Schema.optionalKey(Schema.Unknown),
  video: Schema.optionalKey(Schema.Unknown)
})

type SingleEmbeddingParams = typeof SingleEmbeddingParams.Type

const read = Body.reader(Schema.Struct({
  schemaVersion: Schema.optionalKey(Body.oneOf(["nova-multimodal-embed-v1"])),
  taskType: Body.oneOf(["SINGLE_EMBEDDING"]),
  singleEmbeddingParams: SingleEmbeddingParams
}))

/** Generation 2: 3072, 1024, 384 or 256 dimensions. */
export const v2 = Effect.fnUntraced(function*(call: Embed.Call) {
  const { singleEmbeddingParams: params } = yield* Effect.fromResult(read(call.body))
  const { input, truncatedTo } = yield* Effect.fromResult(contentOf(params))
  const dimensions = params.embeddingDimension ?? 3072
  const { inputTokens, vector } = yield* Embed.embedOne(call, input, {
    purpose: purposes[params.embeddingPurpose],
    truncate: truncations[params.text?.truncationMode ?? "NONE"],
    dimensions,
    explicit: params.embeddingDimension !== undefined
  })
  return {
    inputTokens,
    body: {
      embeddings: [{
        embeddingType: Embedding.kindOf(input).toUpperCase(),
        embedding: Array.from(vector),
        ...(truncatedTo === undefined ? undefined : { truncatedCharLength: truncatedTo })
      }]
    }
  }
})

const maxTokens = 8192

const truncations = { NONE: "none", START: "start", END: "end" } as const

/** `truncatedTo`: the number of characters left of a truncated text. */
interface Content {
  readonly input: Embedding.Input
  readonly truncatedTo?: number | undefined
}

const contentOf = (params: SingleEmbeddingParams): Result.Result<Content, AwsError.AwsError> => {
  const kinds = (["text", "image", "audio", "video"] as const).filter((kind) => params[kind] !== undefined)
  if (kinds.length !== 1) {
    return Result.fail(
      Violation.malformedInput(`#/singleEmbeddingParams: ${kinds.length} subschemas matched instead of one`)
    )
  }
  const { image, text } = params
  if (text !== undefined) return textOf(text)
  if (image === undefined) return Result.fail(recordingsUnsupported)
  const { bytes, s3Location } = image.source
  return Result.map(
    Image.required(bytes, s3Location, "#/singleEmbeddingParams/image/source", "bytes"),
    (found) => ({ input: { image: { ...found, mediaType: `image/${image.format}` } } })
  )
}

const textOf = (
  { source, truncationMode, value }: NonNullable<SingleEmbeddingParams["text"]>
): Result.Result<Content, AwsError.AwsError> => {
  if (value === undefined) {
    return Result.fail(
      source === undefined
        ? Violation.malformedInput("#/singleEmbeddingParams/text: required key [value] not found")
        : Image.inStorage
    )
  }
  if (Tokens.ofText(value) <= maxTokens) return Result.succeed({ input: value })
  if (truncationMode === "NONE") return Result.fail(AwsError.inputTooLong)
  const input = Tokens.truncate(value, maxTokens, truncationMode === "START" ? "start" : "end")
  return Result.succeed({ input, truncatedTo: input.length })
}

const recordingsUnsupported = AwsError.validation(
  "This emulator embeds texts and images only, not audio or video."
)
