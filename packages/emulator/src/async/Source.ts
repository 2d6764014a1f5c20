/**
 * The content that an asynchronous invocation embeds: an object in S3, or bytes in the request.
 *
 * The emulator decodes no media. The duration of a recording is that of its WAV header; else the one its object's metadata
 * says, as `x-amz-meta-duration-seconds`; else a second for each 100 KB.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as AwsError from "../AwsError.ts"
import * as JobRequest from "../batch/JobRequest.ts"
import * as Records from "../batch/Records.ts"
import * as Image from "../invoke/embedding/Image.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"

/** Where content is: `bytes` in base64. */
export type Location = typeof Location.Type
/** @see {@link Location} */
export const Location = Schema.Struct({
  bytes: Schema.optionalKey(Image.Base64),
  s3Location: Schema.optionalKey(Image.S3Location)
})

/** - `uri`: of the object; empty for content of the request. `duration`: what its metadata says, in seconds. */
export interface Source {
  readonly uri: string
  readonly size: number
  readonly duration: number | undefined
  readonly read: (start?: number, end?: number) => Stream.Stream<Uint8Array, AwsError.AwsError>
}

/** Finds content. Fails when there is none, or when the bucket is missing or not accessible. */
export const open = Effect.fnUntraced(function*(
  store: ObjectStore.ObjectStore,
  { bytes, s3Location }: Location,
  region: string
): Effect.fn.Return<Source, AwsError.AwsError> {
  if (bytes !== undefined) {
    const content = bytes.bytes
    return {
      uri: "",
      size: content.length,
      duration: undefined,
      read: (start, end) => Stream.succeed(content.subarray(start, end))
    }
  }
  const { bucketOwner, uri = "" } = s3Location ?? {}
  if (!/^s3:\/\/[a-z0-9.-]{3,63}\/./.test(uri)) return yield* AwsError.validation("Invalid S3 URI of the input.")
  const { bucket: name, key } = JobRequest.locate(uri)
  const bucket = yield* Records.bucketOf(store, name, { action: "GetObject", region, owner: bucketOwner })
  const object = yield* Effect.mapError(
    store.object(bucket, key),
    () => AwsError.validation(`The object does not exist: ${uri}`)
  )
  const told = Number(object.headers["x-amz-meta-duration-seconds"])
  return {
    uri,
    size: object.size,
    duration: Number.isFinite(told) && told > 0 ? told : undefined,
    read: (start, end) => store.read(object, start, end === undefined ? object.size : Math.min(end, object.size))
  }
})

/** All bytes of a source that may have so many. */
export const bytesOf = (source: Source, limit: number): Effect.Effect<Uint8Array, AwsError.AwsError> =>
  source.size > limit
    ? Effect.fail(AwsError.validation(`The input has ${source.size} bytes; it may have ${limit}.`))
    : Effect.map(Stream.runCollect(source.read()), (chunks) => Buffer.concat(chunks))

/** A recording: its length in seconds, and a hash of its bytes, of which its vectors are made. */
export interface Recording {
  readonly duration: number
  readonly digest: Uint8Array
}

/** Reads a recording once, in chunks. */
export const recordingOf = Effect.fnUntraced(function*(
  source: Source
): Effect.fn.Return<Recording, AwsError.AwsError> {
  const hash = Crypto.createHash("sha256")
  const head = Buffer.concat(yield* Stream.runCollect(source.read(0, wavHead)))
  yield* Stream.runForEach(source.read(), (chunk) => Effect.sync(() => void hash.update(chunk)))
  return {
    duration: wavSeconds(head, source.size) ?? source.duration ?? Math.max(1, source.size / bytesPerSecond),
    digest: hash.digest()
  }
})

/** The vector of a part of a recording. */
export const vectorOf = (
  { digest }: Recording,
  { dimensions, kind, start }: { readonly kind: string; readonly start: number; readonly dimensions: number }
): ReadonlyArray<number> =>
  Array.from(Image.vectorOf(
    { bytes: Buffer.concat([digest, Buffer.from(`${kind} ${start}`)]), mediaType: "application/octet-stream" },
    dimensions
  ))

/** Consecutive parts of a recording, each of so many seconds but the last. */
export const parts = (
  { end, start }: { readonly start: number; readonly end: number },
  seconds: number
): ReadonlyArray<{ readonly start: number; readonly end: number }> =>
  Array.from({ length: Math.max(0, Math.ceil((end - start) / seconds - 1e-9)) }, (_, index) => ({
    start: rounded(start + index * seconds),
    end: rounded(Math.min(end, start + (index + 1) * seconds))
  }))

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000

const bytesPerSecond = 100_000

const wavHead = 44

const wavSeconds = (head: Buffer, size: number): number | undefined => {
  if (head.length < wavHead || head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WAVE") {
    return undefined
  }
  const rate = head.readUInt32LE(28)
  return rate > 0 && size > wavHead ? (size - wavHead) / rate : undefined
}
