/** Requests to embed in segments, which may be any value, and their content, inline or in S3. */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as Families from "../embedding/Families.ts"
import * as Family from "../embedding/Family.ts"
import * as OwnOptions from "../internal/ownOptions.ts"
import { providerName } from "../internal/provider.ts"
import * as Location from "../storage/Location.ts"
import type { Storage } from "../storage/Storage.ts"
import * as Input from "./Input.ts"
import * as Media from "./Media.ts"

/** What to embed; `mediaType` such as `video/mp4`, `uri` of an object in S3. */
export type Source =
  | { readonly text: string }
  | { readonly bytes: Uint8Array; readonly mediaType: string }
  | { readonly uri: string; readonly mediaType: string }

/**
 * - `model`: that of the layer when missing: Nova Multimodal Embeddings, or TwelveLabs Marengo.
 * - `source`: see {@link Source}. What does not fit into a request is put into the folder `input` of the layer.
 * - `purpose`, `dimensions`, `truncate`: as in `EmbeddingOptions`; Marengo has no purposes, and one length of vectors.
 * - `segment`: the longest segments: of text in `characters` (Nova: 800 to 50,000), of audio and video as a `duration` in
 *   whole seconds (Nova: 1 to 30, Marengo: up to 10). The model's own default when missing.
 * - `audioVideo`: one vector for both, or one for each, the default; of Nova.
 * - `body`: more fields of the model's own format; these win.
 * - `token`: the service starts one invocation for it. By default the same request has the same token, so that a program
 *   that starts again finds its invocation.
 */
export interface Request {
  readonly model?: string | undefined
  readonly source: Source
  readonly purpose?: Embedding.Purpose | undefined
  readonly dimensions?: number | undefined
  readonly truncate?: "none" | "start" | "end" | undefined
  readonly segment?:
    | { readonly characters?: number | undefined; readonly duration?: Duration.Input | undefined }
    | undefined
  readonly audioVideo?: "combined" | "separate" | undefined
  readonly body?: Family.Fields | undefined
  readonly token?: string | undefined
}

/** What the options of a layer say about content. */
export interface Settings {
  readonly storage: Storage
  readonly model?: string | undefined
  readonly input?: Location.Location | undefined
  readonly output: Location.Location
  readonly bucketOwner?: string | undefined
  readonly family?: Families.Name | undefined
  readonly retry: Schedule.Schedule<unknown, ProviderError.CallError>
}

/** A request as it is sent: its input as JSON. */
export interface Encoded {
  readonly model: string
  readonly input: string
  readonly token: string
}

/** Validates and encodes a request, after its content is in S3 where it has to be. */
export const encode = Effect.fnUntraced(function*(
  settings: Settings,
  given: Request
): Effect.fn.Return<Encoded, ProviderError.CallError> {
  const request = yield* Check.run(requestOf, given, { provider: providerName, whole: "request" })
  const { body, dimensions, segment = {}, source } = request
  const { model = settings.model ?? "" } = request
  const invalid = (field: string, problem: string, remedy: string) =>
    ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy })
  const family = Families.find(model, settings.family)
  const known = family && Input.models.get(family.name)
  if (family === undefined || known === undefined) {
    const remedy = "Use amazon.nova-2-multimodal-embeddings-v1:0 or a twelvelabs.marengo-embed model"
    return yield* invalid("model", `"${model}" does not embed in segments`, remedy)
  }
  if (dimensions !== undefined && !family.dimensions.allowed.includes(dimensions)) {
    const remedy = `Use ${family.dimensions.allowed.join(", ")}, or leave it out`
    return yield* invalid("dimensions", `the model does not support vectors of ${dimensions} numbers`, remedy)
  }
  const content = yield* contentOf(known, source, settings, invalid)
  if ("uri" in content && known.needsOwner && settings.bucketOwner === undefined) {
    const remedy = "Set `bucketOwner` in the options of the layer to the account that has the bucket"
    return yield* invalid("source", "the model needs the owner of a bucket", remedy)
  }
  const fields = known.encode(content, {
    purpose: request.purpose ?? "document",
    truncate: request.truncate ?? "none",
    audioVideo: request.audioVideo ?? "separate",
    dimensions,
    characters: segment.characters,
    duration: segment.duration,
    bucketOwner: settings.bucketOwner
  })
  const input = yield* Effect.try({
    try: () => JSON.stringify(Family.merge(fields, body ?? {})),
    catch: () => invalid("body", "it is not JSON", "Use plain JSON values")
  })
  const { token = digest(JSON.stringify([model, input, Location.toUri(settings.output)])) } = request
  return { model, input, token }
})

type Invalid = (field: string, problem: string, remedy: string) => ProviderError.InvalidRequestError

const contentOf = Effect.fnUntraced(function*(
  { inline, stored }: Input.Model,
  source: Source,
  settings: Settings,
  invalid: Invalid
): Effect.fn.Return<Input.Content, ProviderError.CallError> {
  const { format, kind } = "text" in source ? textFormat : Media.formatOf(source.mediaType) ?? unknownFormat
  if (kind === undefined) {
    return yield* invalid("source.mediaType", "the models do not read it", `Use ${Media.mediaTypes.join(", ")}`)
  }
  const isStorable = stored.includes(kind)
  if ("uri" in source) {
    return isStorable
      ? { kind, format, uri: source.uri }
      : yield* invalid("source.uri", `the model takes no ${kind} from S3`, "Give the content itself")
  }
  const most = inline[kind] ?? 0
  const length = "text" in source ? source.text.length : source.bytes.length
  if (length <= most && (settings.input === undefined || !isStorable || kind !== "text")) {
    return "text" in source
      ? { kind: "text", text: source.text }
      : { kind, format, base64: Buffer.from(source.bytes).toString("base64") }
  }
  if (!isStorable || settings.input === undefined) {
    const remedy = isStorable
      ? "Set `input`, a folder in S3, in the options of the layer"
      : "Split it"
    return yield* invalid("source", `it has ${length} bytes or characters, and a request takes ${most}`, remedy)
  }
  const bytes = "text" in source ? new TextEncoder().encode(source.text) : source.bytes
  const name = Crypto.createHash("sha256").update(bytes).digest()
  const location = Location.inside(settings.input, `${name.toString("hex")}.${format}`)
  const found = yield* Effect.retry(settings.storage.head(location), settings.retry)
  if (found?.size !== bytes.length) {
    yield* Effect.retry(settings.storage.put(location, bytes, name.toString("base64")), settings.retry)
  }
  return { kind, format, uri: Location.toUri(location) }
})

const textFormat: Media.Format = { kind: "text", format: "txt" }

const unknownFormat = { kind: undefined, format: "" } as const

const digest = (text: string): string => Crypto.createHash("sha256").update(text).digest("hex")

const source: Check.Check<Source> = (given, at) => {
  const settled = sourceOf(given, at)
  if (settled === Check.refused) return settled
  const { bytes, mediaType, text, uri } = settled
  const remedy = "Give { text }, { bytes, mediaType } or { uri, mediaType }"
  if ([bytes, text, uri].filter((part) => part !== undefined).length !== 1) {
    return Check.refuse(at, "it has not exactly one of `text`, `bytes` and `uri`", remedy)
  }
  if (text !== undefined) return { text }
  if (mediaType === undefined) return Check.refuse(at, "it has no `mediaType`", remedy)
  if (bytes !== undefined) return { bytes, mediaType }
  return uri !== undefined && (Location.parse(uri)?.key ?? "") !== ""
    ? { uri, mediaType }
    : Check.refuse(at, "its `uri` is not that of an object in S3", "Write it like \"s3://my-bucket/a.mp4\"")
}

const sourceOf = Check.struct<{
  readonly text?: string | undefined
  readonly bytes?: Uint8Array | undefined
  readonly uri?: string | undefined
  readonly mediaType?: string | undefined
}>({
  text: Check.optional(Check.filled),
  bytes: Check.optional(Check.bytes),
  uri: Check.optional(Check.filled),
  mediaType: Check.optional(Check.filled)
})

const count = (what: string) => Check.number({ min: 1, whole: true, what, remedy: "Use a whole number from 1" })

const requestOf = Check.struct<
  Omit<Request, "segment"> & {
    readonly segment?:
      | { readonly characters?: number | undefined; readonly duration?: Duration.Duration | undefined }
      | undefined
  }
>({
  model: OwnOptions.model,
  source,
  purpose: Check.optional(Check.word(["document", "query", "classification", "clustering"])),
  dimensions: Check.optional(count("a number of dimensions")),
  truncate: Check.optional(Check.word(["none", "start", "end"])),
  segment: Check.optional(Check.struct({
    characters: Check.optional(count("a number of characters")),
    duration: Check.optional(Check.duration({ zero: false }))
  })),
  audioVideo: Check.optional(Check.word(["combined", "separate"])),
  // Its values are JSON, which is all that is checked.
  body: Check.optional(Check.jsonObject("Use an object with fields of the body") as Check.Check<Family.Fields>),
  token: Check.optional(Check.filled)
})
