/**
 * The output of an asynchronous invocation: vectors, and which part of the content each is of.
 *
 * Nova writes a line for each segment into files by content, Marengo one JSON document. Total: what cannot be read is a
 * `MalformedResponseError`.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as BedrockError from "../BedrockError.ts"
import * as Answer from "../embedding/Answer.ts"
import * as Failure from "../error/Failure.ts"
import * as Download from "../storage/Download.ts"
import * as Lines from "../storage/Lines.ts"
import * as Location from "../storage/Location.ts"
import type { Listed, Storage } from "../storage/Storage.ts"

/**
 * The vector of a part of the content.
 *
 * - `content`: what it is of, as the model names it, in lower case: `text`, `image`, `audio`, `video`,
 *   `audio-video-combined`, of Marengo `visual`, `transcription` … `whole`: of all of it, not of a segment.
 * - `index`: of the segment, from 0, where the model counts them.
 * - `startSeconds`, `endSeconds`: of audio and video. `startCharacter`, `endCharacter`: of text, from the first until before
 *   the second.
 * - `truncatedAt`: the character after which a text was cut, to fit into the model.
 */
export interface Segment {
  readonly vector: Float32Array
  readonly content: string
  readonly whole: boolean
  readonly index?: number | undefined
  readonly startSeconds?: number | undefined
  readonly endSeconds?: number | undefined
  readonly startCharacter?: number | undefined
  readonly endCharacter?: number | undefined
  readonly truncatedAt?: number | undefined
}

/** A document of Marengo is parsed as a whole: four hours of video have some 50 MB. */
const largestDocument = 256_000_000

const longestLine = 1_000_000

/**
 * The segments below a folder. One that the model failed on is left out; after all others the stream fails with the error
 * of the first of them.
 */
export const read = (
  storage: Storage,
  folder: Location.Location,
  asked: Failure.Asked,
  options: Download.Options
): Stream.Stream<Segment, ProviderError.CallError> =>
  Stream.suspend(() => {
    let found = 0
    let failure: ProviderError.CallError | undefined
    const files = Stream.flatMap(
      Stream.fromEffect(Effect.retry(Stream.runCollect(storage.list(folder)), options.retry)),
      Stream.fromIterable
    )
    const segments = Stream.flatMap(files, (file) => entriesOf(storage, folder.bucket, file, asked, options)).pipe(
      Stream.filterMap(({ content, entry }) => {
        const segment = decode(entry, content, asked)
        found++
        if (Result.isFailure(segment)) failure ??= segment.failure
        return Result.mapError(segment, () => undefined)
      })
    )
    const end = Effect.suspend(() => {
      if (failure !== undefined) return Effect.fail(failure)
      return found > 0 ? Effect.succeed(Stream.empty) : Effect.fail(malformed(asked, folder, "there are no segments"))
    })
    return Stream.concat(segments, Stream.unwrap(end))
  })

interface Entry {
  readonly content: string
  readonly entry: unknown
}

const entriesOf = (
  storage: Storage,
  bucket: string,
  file: Listed,
  asked: Failure.Asked,
  options: Download.Options
): Stream.Stream<Entry, ProviderError.CallError> => {
  const location = { bucket, key: file.key }
  const name = file.key.slice(file.key.lastIndexOf("/") + 1)
  const [, content, lines] = /^embedding-([a-z-]+)\.json(l)?$/u.exec(name) ?? []
  if (content !== undefined && lines !== undefined) {
    return Lines.split(Download.bytes(storage, bucket, file, options), longestLine).pipe(
      Stream.map((line) => ({
        content,
        entry: line === undefined ? undefined : Result.getOrElse(Answer.parse(line), () => undefined)
      }))
    )
  }
  if (content === undefined && name !== "output.json") return Stream.empty
  return Stream.unwrap(Effect.gen(function*() {
    const bytes = yield* Download.whole(storage, location, largestDocument, options)
    const parsed = bytes && Answer.parse(bytes)
    if (parsed === undefined) return yield* malformed(asked, location, `it has more than ${largestDocument} bytes`)
    if (Result.isFailure(parsed)) return yield* malformed(asked, location, parsed.failure)
    const { data = parsed.success } = parsed.success
    const entries: ReadonlyArray<unknown> = Array.isArray(data) ? data : [data]
    return Stream.map(Stream.fromIterable(entries), (entry) => ({ content: content ?? "unknown", entry }))
  }))
}

/** An entry of either model: their names differ, and none has two meanings. */
const decode = (
  entry: unknown,
  content: string,
  asked: Failure.Asked
): Result.Result<Segment, ProviderError.CallError> => {
  const { embeddingOption, embeddingScope, failureReason, message, segmentMetadata, status, ...own } = fieldsOf(entry)
  const place = { ...fieldsOf(segmentMetadata), ...own }
  const index = number(place["segmentIndex"])
  if (status === "FAILURE") return Result.fail(failureOf(failureReason, message, index, asked))
  return Result.mapBoth(Answer.vector(own["embedding"], "embedding"), {
    onFailure: (problem) => Failure.malformed(asked, problem),
    onSuccess: (vector): Segment => ({
      vector,
      content: (typeof embeddingOption === "string" ? embeddingOption : content).toLowerCase(),
      whole: embeddingScope === "asset",
      ...defined("index", index),
      ...defined("startSeconds", number(place["segmentStartSeconds"]) ?? number(place["startSec"])),
      ...defined("endSeconds", number(place["segmentEndSeconds"]) ?? number(place["endSec"])),
      ...defined("startCharacter", number(place["segmentStartCharPosition"])),
      ...defined("endCharacter", number(place["segmentEndCharPosition"])),
      // 0 where nothing was cut
      ...defined("truncatedAt", number(place["truncatedCharLength"]) || undefined)
    })
  })
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => Predicate.isObject(value) ? value : {}

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined

const defined = <Name extends string>(name: Name, value: number | undefined): { readonly [N in Name]?: number } =>
  // A computed key loses its type.
  value === undefined ? {} : { [name]: value } as { readonly [N in Name]: number }

const failureOf = (
  reason: unknown,
  message: unknown,
  index: number | undefined,
  { model, region, server }: Failure.Asked
): ProviderError.CallError => {
  const name = typeof reason === "string" ? exceptions.get(reason) ?? "ValidationException" : "ValidationException"
  const words = typeof message === "string" && message !== "" ? message : String(reason ?? "it failed")
  const place = index === undefined ? "a segment" : `segment ${index}`
  return BedrockError.fromUnknown(Object.assign(new Error(`${place}: ${words}`), { name }), { model, region, server })
}

const exceptions: ReadonlyMap<string, string> = new Map([
  ["RATE_LIMIT_EXCEEDED", "ThrottlingException"],
  ["INTERNAL_SERVER_EXCEPTION", "InternalServerException"]
])

const malformed = (asked: Failure.Asked, location: Location.Location, problem: string) =>
  Failure.malformed(asked, `${Location.toUri(location)}: ${problem}`)
