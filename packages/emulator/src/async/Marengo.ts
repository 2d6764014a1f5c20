/**
 * Asynchronous embeddings of TwelveLabs Marengo, versions 2.7 and 3.0: texts and images as in InvokeModel, audio and video
 * in clips, all in one `output.json`.
 *
 * Read from the Bedrock user guide, "TwelveLabs Marengo Embed": the requests, their ranges, and the members of `data`.
 * Assumed: clips of a recording whose segmentation is dynamic have the shortest length that is allowed, and a fused
 * embedding has `fused` for its option.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as Body from "../invoke/Body.ts"
import * as Image from "../invoke/embedding/Image.ts"
import * as Violation from "../Violation.ts"
import * as Source from "./Source.ts"
import * as Work from "./Work.ts"

const optional = Schema.optionalKey

const seconds = (minimum: number, maximum: number) =>
  Schema.Finite.check(
    Schema.makeFilter((value) =>
      value >= minimum && value <= maximum || `${value} is not between ${minimum} and ${maximum}`
    )
  )

const someOf = <const Values extends ReadonlyArray<string>>(values: Values) =>
  Schema.Array(Body.oneOf(values)).check(Body.itemsBetween(1, values.length))

const MediaSource = Schema.Struct({
  base64String: optional(Image.Base64),
  s3Location: optional(Image.S3Location)
})

const longest = 4 * 3600

const read27 = Body.reader(Schema.Struct({
  inputType: Body.oneOf(["video", "audio"]),
  mediaSource: MediaSource,
  startSec: optional(seconds(0, longest)),
  lengthSec: optional(seconds(0, longest)),
  useFixedLengthSec: optional(seconds(2, 10)),
  minClipSec: optional(seconds(1, 5)),
  embeddingOption: optional(someOf(["visual-text", "visual-image", "audio"]))
}))

const Recording30 = Schema.Struct({
  mediaSource: MediaSource,
  startSec: optional(seconds(0, longest)),
  endSec: optional(seconds(0, longest)),
  segmentation: optional(Schema.Struct({
    method: Body.oneOf(["dynamic", "fixed"]),
    dynamic: optional(Schema.Struct({ minDurationSec: seconds(1, 5) })),
    fixed: optional(Schema.Struct({ durationSec: seconds(1, 10) }))
  })),
  embeddingOption: optional(someOf(["visual", "audio", "transcription"])),
  embeddingType: optional(someOf(["separate_embedding", "fused_embedding"])),
  embeddingScope: optional(someOf(["clip", "asset"]))
})

const read30 = Body.reader(Schema.Struct({
  inputType: Body.oneOf(["video", "audio"]),
  video: optional(Recording30),
  audio: optional(Recording30),
  inferenceId: optional(Schema.String)
}))

/** A recording to embed. `clip`: seconds of each part. `scoped`: whether an entry says its scope. */
interface Plan {
  readonly source: typeof MediaSource.Type
  readonly start: number
  readonly end: (duration: number) => number
  readonly clip: number
  readonly options: ReadonlyArray<string | undefined>
  readonly scopes: ReadonlyArray<"clip" | "asset">
  readonly scoped: boolean
  readonly dimensions: number
}

/** The work of a body for version 2.7. */
export const prepare27 = (body: unknown): Result.Result<Work.Work, AwsError.AwsError> =>
  isRecording(body)
    ? Result.flatMap(read27(body), (given) =>
      toWork({
        source: given.mediaSource,
        start: given.startSec ?? 0,
        end: (duration) => given.lengthSec === undefined ? duration : (given.startSec ?? 0) + given.lengthSec,
        clip: given.useFixedLengthSec ?? given.minClipSec ?? (given.inputType === "video" ? 4 : 10),
        options: given.inputType === "video" ? given.embeddingOption ?? allOptions27 : [undefined],
        scopes: ["clip"],
        scoped: false,
        dimensions: 1024
      }))
    : Result.succeed((context) => embedWhole(context, body))

const allOptions27 = ["visual-text", "visual-image", "audio"]

/** The work of a body for version 3.0. */
export const prepare30 = (body: unknown): Result.Result<Work.Work, AwsError.AwsError> =>
  isRecording(body)
    ? Result.flatMap(read30(body), (given) => {
      const found = given[given.inputType]
      if (found === undefined) return Result.fail(missing(given.inputType))
      const { embeddingOption, embeddingScope, embeddingType = ["separate_embedding"], segmentation } = found
      const all = given.inputType === "video" ? ["visual", "audio", "transcription"] : ["audio", "transcription"]
      return toWork({
        source: found.mediaSource,
        start: found.startSec ?? 0,
        end: (duration) => found.endSec ?? duration,
        clip: segmentation?.method === "fixed"
          ? segmentation.fixed?.durationSec ?? 6
          : segmentation?.dynamic?.minDurationSec ?? 4,
        options: [
          ...embeddingType.includes("separate_embedding") ? embeddingOption ?? all : [],
          ...embeddingType.includes("fused_embedding") ? ["fused"] : []
        ],
        scopes: embeddingScope ?? ["clip", "asset"],
        scoped: true,
        dimensions: 512
      })
    })
    : Result.succeed((context) => embedWhole(context, body))

const isRecording = (body: unknown): boolean =>
  typeof body === "object" && body !== null && "inputType" in body &&
  (body.inputType === "video" || body.inputType === "audio")

const missing = (key: string) => Violation.malformedInput(`#: required key [${key}] not found`)

const toWork = (plan: Plan): Result.Result<Work.Work, AwsError.AwsError> => {
  const { base64String, s3Location } = plan.source
  return (base64String === undefined) === (s3Location === undefined)
    ? Result.fail(
      Violation.malformedInput("#/mediaSource: either [base64String] or [s3Location] is required")
    )
    : Result.succeed((context) => embedRecording(context, plan))
}

/** A bound of the output; the service's is the length of the input. */
const maxEntries = 10_000

const embedRecording = Effect.fnUntraced(function*<R>(context: Work.Context<R>, plan: Plan) {
  const { base64String, s3Location } = plan.source
  const source = yield* Source.open(
    context.store,
    { ...(base64String && { bytes: base64String }), ...(s3Location && { s3Location }) },
    context.region
  )
  const recording = yield* Source.recordingOf(source)
  if (recording.duration > longest) return yield* AwsError.validation("The input is longer than 4 hours.")
  const [start, end] = [plan.start, Math.min(recording.duration, plan.end(recording.duration))]
  if (start >= end) return yield* AwsError.validation("The part to embed is empty, or behind the end of the input.")
  const parts = plan.scopes.flatMap((scope) =>
    (scope === "asset" ? [{ start, end }] : Source.parts({ start, end }, plan.clip)).map((part) => ({ ...part, scope }))
  )
  if (parts.length * plan.options.length > maxEntries) {
    return yield* AwsError.validation(`The input has more than ${maxEntries} embeddings: use longer clips.`)
  }
  const data = parts.flatMap((part) =>
    plan.options.map((option) => ({
      embedding: Source.vectorOf(recording, {
        kind: `${part.scope} ${option ?? ""}`,
        start: part.start,
        dimensions: plan.dimensions
      }),
      embeddingOption: option,
      ...(plan.scoped ? { embeddingScope: part.scope } : undefined),
      startSec: part.start,
      endSec: part.end
    }))
  )
  yield* Work.writeJson(context, "output.json", { data })
})

const maxImageBytes = 25_000_000

/** A text or an image, as by InvokeModel, with images of S3 put into the body. */
const embedWhole = Effect.fnUntraced(function*<R>(context: Work.Context<R>, body: unknown) {
  const { output } = yield* context.answer(yield* inlined(context, body, 0))
  yield* Work.writeJson(context, "output.json", output)
})

/** Media sources are two levels deep at most. */
const inlined: <R>(
  context: Work.Context<R>,
  value: unknown,
  depth: number
) => Effect.Effect<unknown, AwsError.AwsError> = Effect.fnUntraced(function*(context, value, depth) {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > 2) return value
  const entries: Array<readonly [string, unknown]> = []
  for (const [key, member] of Object.entries(value)) {
    const location = key === "mediaSource" ? yield* Effect.option(decodeLocation(member)) : undefined
    if (location === undefined || location._tag === "None") {
      entries.push([key, yield* inlined(context, member, depth + 1)])
      continue
    }
    const source = yield* Source.open(context.store, location.value, context.region)
    const bytes = yield* Source.bytesOf(source, maxImageBytes)
    entries.push([key, { base64String: Buffer.from(bytes).toString("base64") }])
  }
  return Object.fromEntries(entries)
})

const decodeLocation = Schema.decodeUnknownEffect(Schema.Struct({ s3Location: Image.S3Location }))
