/**
 * Segmented embeddings of Nova Multimodal Embeddings: long texts, audio and video, one vector for each segment.
 *
 * Read from the Nova user guide, "Complete embeddings request and response schema": the request, its ranges, the names and
 * the members of the files. The guide contradicts itself about the ends of segments; here they are exclusive. Assumed are
 * the content of `manifest.json`, that positions are counted in code points, and that media may be in the request.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import * as Body from "../invoke/Body.ts"
import * as Nova from "../invoke/embedding/Nova.ts"
import * as Violation from "../Violation.ts"
import * as Source from "./Source.ts"
import * as TextSegments from "./TextSegments.ts"
import * as Work from "./Work.ts"

const optional = Schema.optionalKey

const whole = (minimum: number, maximum: number) =>
  Schema.Int.check(
    Schema.makeFilter((value) =>
      value >= minimum && value <= maximum || `${value} is not between ${minimum} and ${maximum}`
    )
  )

const Duration = Schema.Struct({ durationSeconds: optional(whole(1, 30)) })

const Params = Schema.Struct({
  embeddingPurpose: Nova.Purpose,
  embeddingDimension: optional(Nova.Dimension),
  text: optional(Schema.Struct({
    truncationMode: Body.oneOf(["START", "END", "NONE"]),
    value: optional(Schema.String.check(Body.textBetween(1, 8192))),
    source: optional(Schema.Struct({ s3Location: Source.Location.fields.s3Location })),
    segmentationConfig: Schema.Struct({ maxLengthChars: optional(whole(800, 50_000)) })
  })),
  image: optional(Schema.Struct({
    format: Body.oneOf(["png", "jpeg", "gif", "webp"]),
    detailLevel: optional(Body.oneOf(["STANDARD_IMAGE", "DOCUMENT_IMAGE"])),
    source: Source.Location
  })),
  audio: optional(Schema.Struct({
    format: Body.oneOf(["mp3", "wav", "ogg"]),
    source: Source.Location,
    segmentationConfig: Duration
  })),
  video: optional(Schema.Struct({
    format: Body.oneOf(["mp4", "mov", "mkv", "webm", "flv", "mpeg", "mpg", "wmv", "3gp"]),
    source: Source.Location,
    embeddingMode: Body.oneOf(["AUDIO_VIDEO_COMBINED", "AUDIO_VIDEO_SEPARATE"]),
    segmentationConfig: Duration
  }))
})

type Params = typeof Params.Type

const read = Body.reader(Schema.Struct({
  schemaVersion: optional(Body.oneOf(["nova-multimodal-embed-v1"])),
  taskType: Body.oneOf(["SEGMENTED_EMBEDDING"]),
  segmentedEmbeddingParams: Params
}))

/** The work of a body, or what is wrong with it. */
export const prepare = (body: unknown): Result.Result<Work.Work, AwsError.AwsError> =>
  Result.flatMap(read(body), ({ segmentedEmbeddingParams: params }) => {
    const kinds = (["text", "image", "audio", "video"] as const).filter((kind) => params[kind] !== undefined)
    if (kinds.length !== 1) return Result.fail(malformed(`${kinds.length} subschemas matched instead of one`))
    const { audio, image, text, video } = params
    if (text !== undefined) {
      return (text.value === undefined) === (text.source?.s3Location === undefined)
        ? Result.fail(malformed("either [value] or [source] is required in [text]"))
        : Result.succeed((context) => embedText(context, params, text))
    }
    const media = image ?? audio ?? video
    const { bytes, s3Location } = media?.source ?? {}
    if ((bytes === undefined) === (s3Location === undefined)) {
      return Result.fail(malformed("either [bytes] or [s3Location] is required in [source]"))
    }
    if (image !== undefined) return Result.succeed((context) => embedImage(context, params, image))
    if (audio !== undefined) {
      return Result.succeed((context) => embedRecording(context, params, audio, ["AUDIO"]))
    }
    return video === undefined ?
      Result.fail(malformed("0 subschemas matched instead of one")) :
      Result.succeed((context) =>
        embedRecording(
          context,
          params,
          video,
          video.embeddingMode === "AUDIO_VIDEO_COMBINED" ? ["AUDIO_VIDEO_COMBINED"] : ["VIDEO", "AUDIO"]
        )
      )
  })

const malformed = (finding: string) => Violation.malformedInput(`#/segmentedEmbeddingParams: ${finding}`)

type Kind = "TEXT" | "IMAGE" | "AUDIO" | "VIDEO" | "AUDIO_VIDEO_COMBINED"

/** The guide lists no file of combined embeddings; it is assumed to be that of the videos. */
const files: Readonly<Record<Kind, string>> = {
  TEXT: "embedding-text.jsonl",
  IMAGE: "embedding-image.json",
  AUDIO: "embedding-audio.jsonl",
  VIDEO: "embedding-video.jsonl",
  AUDIO_VIDEO_COMBINED: "embedding-video.jsonl"
}

const dimensionOf = ({ embeddingDimension }: Params): number => embeddingDimension ?? 3072

interface Written {
  readonly embeddingType: Kind
  readonly status: "SUCCESS" | "FAILURE" | "PARTIAL_SUCCESS"
  readonly outputFileUri: string
}

const finish = Effect.fnUntraced(function*<R>(
  context: Work.Context<R>,
  params: Params,
  sourceFileUri: string,
  embeddingResults: ReadonlyArray<Written>
) {
  yield* Work.writeJson(context, "segmented-embedding-result.json", {
    sourceFileUri,
    embeddingDimension: dimensionOf(params),
    embeddingResults
  })
  yield* Work.writeJson(context, "manifest.json", {
    files: [...new Set(embeddingResults.map(({ outputFileUri }) => outputFileUri))]
  })
})

/** A single embedding, by the same model as InvokeModel. */
const embedOne = Effect.fnUntraced(function*<R>(
  context: Work.Context<R>,
  params: Params,
  content: { readonly [kind: string]: unknown }
) {
  const { output } = yield* context.answer({
    taskType: "SINGLE_EMBEDDING",
    singleEmbeddingParams: {
      embeddingPurpose: params.embeddingPurpose,
      embeddingDimension: dimensionOf(params),
      ...content
    }
  })
  const [first]: ReadonlyArray<unknown> =
    Predicate.hasProperty(output, "embeddings") && Array.isArray(output.embeddings)
      ? output.embeddings
      : []
  return Predicate.isObject(first) ? first : {}
})

const maxTextSegments = 1900

const embedText = Effect.fnUntraced(function*<R>(
  context: Work.Context<R>,
  params: Params,
  text: NonNullable<Params["text"]>
) {
  const { segmentationConfig: { maxLengthChars = 32_000 }, source, truncationMode, value } = text
  const location = source?.s3Location
  const found = location === undefined
    ? undefined
    : yield* Source.open(context.store, { s3Location: location }, context.region)
  const bytes = found === undefined ? Stream.succeed(new TextEncoder().encode(value)) : found.read()
  const counts = { success: 0, failure: 0 }
  const lines = TextSegments.split(bytes, maxLengthChars).pipe(
    Stream.mapEffect(({ end, index, start, text }) =>
      Effect.gen(function*() {
        if (index >= maxTextSegments) {
          return yield* AwsError.validation(`The text has more than ${maxTextSegments} segments.`)
        }
        const segmentMetadata = { segmentIndex: index, segmentStartCharPosition: start, segmentEndCharPosition: end }
        const embedded = yield* Effect.result(embedOne(context, params, { text: { truncationMode, value: text } }))
        if (Result.isFailure(embedded)) {
          counts.failure++
          const { message } = embedded.failure
          return { segmentMetadata, status: "FAILURE", failureReason: "INVALID_CONTENT", message }
        }
        counts.success++
        const { embedding, truncatedCharLength } = embedded.success
        return { embedding, segmentMetadata: { ...segmentMetadata, truncatedCharLength }, status: "SUCCESS" }
      })
    )
  )
  const outputFileUri = yield* Work.writeLines(context, files.TEXT, lines)
  const status = counts.failure === 0 ? "SUCCESS" : counts.success === 0 ? "FAILURE" : "PARTIAL_SUCCESS"
  yield* finish(context, params, found?.uri ?? "", [{ embeddingType: "TEXT", status, outputFileUri }])
})

const maxImageBytes = 50_000_000

const embedImage = Effect.fnUntraced(function*<R>(
  context: Work.Context<R>,
  params: Params,
  { detailLevel, format, source }: NonNullable<Params["image"]>
) {
  const found = yield* Source.open(context.store, source, context.region)
  const bytes = Buffer.from(yield* Source.bytesOf(found, maxImageBytes)).toString("base64")
  const image = { format, source: { bytes }, ...(detailLevel === undefined ? undefined : { detailLevel }) }
  const { embedding } = yield* embedOne(context, params, { image })
  const outputFileUri = yield* Work.writeJson(context, files.IMAGE, {
    embedding,
    segmentMetadata: { segmentIndex: 0 },
    status: "SUCCESS"
  })
  yield* finish(context, params, found.uri, [{ embeddingType: "IMAGE", status: "SUCCESS", outputFileUri }])
})

const maxSegments = 1434

const maxSeconds = 2 * 3600

const embedRecording = Effect.fnUntraced(function*<R>(
  context: Work.Context<R>,
  params: Params,
  { segmentationConfig: { durationSeconds = 5 }, source }: NonNullable<Params["audio" | "video"]>,
  kinds: ReadonlyArray<Kind>
) {
  const found = yield* Source.open(context.store, source, context.region)
  const recording = yield* Source.recordingOf(found)
  const parts = Source.parts({ start: 0, end: Math.min(recording.duration, maxSeconds + 1) }, durationSeconds)
  if (recording.duration > maxSeconds) return yield* AwsError.validation("The input is longer than 2 hours.")
  if (parts.length > maxSegments) {
    return yield* AwsError.validation(`The input has ${parts.length} segments; it may have ${maxSegments}.`)
  }
  const dimensions = dimensionOf(params)
  const written: Array<Written> = []
  for (const embeddingType of kinds) {
    const lines = Stream.map(Stream.zipWithIndex(Stream.fromIterable(parts)), ([{ end, start }, segmentIndex]) => ({
      embedding: Source.vectorOf(recording, { kind: embeddingType, start, dimensions }),
      segmentMetadata: { segmentIndex, segmentStartSeconds: start, segmentEndSeconds: end },
      status: "SUCCESS"
    }))
    const outputFileUri = yield* Work.writeLines(context, files[embeddingType], lines)
    written.push({ embeddingType, status: "SUCCESS", outputFileUri })
  }
  yield* finish(context, params, found.uri, written)
})
