/**
 * Objects in S3, as far as batch jobs need them; each function is one attempt, with typed errors.
 *
 * `@aws-sdk/client-s3` is an optional package, loaded when a layer is built. Its upload helper is not used: what it leaves
 * behind when it is aborted cannot be found out.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type * as BedrockClient from "../BedrockClient.ts"
import * as BedrockError from "../BedrockError.ts"
import * as Siblings from "../client/siblings.ts"
import * as Failure from "../error/Failure.ts"
import * as Location from "./Location.ts"

/**
 * An object. `sha256`: its SHA-256 in base64, where S3 knows it; of an object of parts that of the digests of all parts,
 * with `-` and their number.
 */
export interface Stored {
  readonly size: number
  readonly etag: string | undefined
  readonly sha256: string | undefined
}

/** An object of a listing. */
export interface Listed {
  readonly key: string
  readonly size: number
  readonly etag: string | undefined
}

/** A part of an upload; `sha256` of its bytes, in base64. */
export interface Part {
  readonly number: number
  readonly etag: string | undefined
  readonly sha256: string
}

/** The bytes from `start` until before `end`; of the object with this `etag` only. */
export interface Range {
  readonly start: number
  readonly end: number
  readonly etag: string | undefined
}

/**
 * - `head`: an object, `undefined` when it is missing.
 * - `put`: a whole object. `open`, `part`, `complete`, `abort`: one in parts; `open` gives the id of the upload.
 * - `uploads`: the ids of uploads of this very key that were neither completed nor aborted.
 * - `list`: the objects whose keys begin like that of the location, in order.
 * - `read`: bytes as they arrive; fewer than asked where the object ends, or the connection does.
 * - `remove`: an object; nothing happens when it is missing.
 * - `regionOf`: the region of a bucket, where S3 says it.
 */
export interface Storage {
  readonly head: (location: Location.Location) => Effect.Effect<Stored | undefined, ProviderError.CallError>
  readonly put: (
    location: Location.Location,
    bytes: Uint8Array,
    sha256: string
  ) => Effect.Effect<void, ProviderError.CallError>
  readonly open: (location: Location.Location) => Effect.Effect<string, ProviderError.CallError>
  readonly part: (
    location: Location.Location,
    upload: string,
    part: { readonly number: number; readonly bytes: Uint8Array; readonly sha256: string }
  ) => Effect.Effect<Part, ProviderError.CallError>
  readonly complete: (
    location: Location.Location,
    upload: string,
    parts: ReadonlyArray<Part>
  ) => Effect.Effect<void, ProviderError.CallError>
  readonly abort: (location: Location.Location, upload: string) => Effect.Effect<void, ProviderError.CallError>
  readonly uploads: (location: Location.Location) => Effect.Effect<ReadonlyArray<string>, ProviderError.CallError>
  readonly list: (location: Location.Location) => Stream.Stream<Listed, ProviderError.CallError>
  readonly read: (
    location: Location.Location,
    range: Range
  ) => Stream.Stream<Uint8Array, ProviderError.CallError>
  readonly remove: (location: Location.Location) => Effect.Effect<void, ProviderError.CallError>
  readonly regionOf: (bucket: string) => Effect.Effect<string | undefined, ProviderError.CallError>
}

/**
 * How to reach S3.
 *
 * - `endpoint`: a URL in place of AWS's own, such as a VPC endpoint or an emulator; else `AWS_ENDPOINT_URL_S3`,
 *   `AWS_ENDPOINT_URL`.
 * - `forcePathStyle`: whether the bucket is in the path and not in the host name.
 * - `region`: of the buckets; that of the client when missing.
 */
export interface Options {
  readonly endpoint?: string | undefined
  readonly forcePathStyle?: boolean | undefined
  readonly region?: string | undefined
}

/** `bucketOwner`: the account that has to own the buckets. `kmsKey`: what new objects are encrypted with. */
export interface Protection {
  readonly bucketOwner?: string | undefined
  readonly kmsKey?: string | undefined
}

/** S3 with the credentials and connections of the client. Fails with `InvalidRequestError` when its package is missing. */
export const make = Effect.fnUntraced(function*(
  { region: home, sdk }: BedrockClient.BedrockClient["Service"],
  { endpoint, forcePathStyle, region }: Options,
  { bucketOwner, kmsKey }: Protection,
  use: string
): Effect.fn.Return<Storage, ProviderError.InvalidRequestError> {
  const Sdk = yield* Effect.promise(Siblings.s3)
  if (Sdk === undefined) return yield* Siblings.notInstalled(use, "@aws-sdk/client-s3")
  // The handler is the client's, which closes it: nothing here has to be closed.
  const client = new Sdk.S3Client({
    ...Siblings.configOf(sdk),
    ...(region === undefined ? undefined : { region }),
    ...(endpoint === undefined ? undefined : { endpoint }),
    ...(forcePathStyle === undefined ? undefined : { forcePathStyle }),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED"
  })
  const call = <A>(where: Location.Location, send: (abortSignal: AbortSignal) => Promise<A>) =>
    Siblings.call(sdk, { who: Location.toUri(where), region: region ?? home }, send)
  const at = ({ bucket, key }: Location.Location) => ({
    Bucket: bucket,
    Key: key,
    ...(bucketOwner === undefined ? undefined : { ExpectedBucketOwner: bucketOwner })
  })
  const list: Storage["list"] = (location) => {
    const { Key: _, ...bucket } = at(location)
    return Stream.paginate(undefined as string | undefined, (token) =>
      Effect.map(
        call(location, (abortSignal) =>
          client.send(
            new Sdk.ListObjectsV2Command({
              ...bucket,
              Prefix: location.key,
              ...(token === undefined ? undefined : { ContinuationToken: token })
            }),
            { abortSignal }
          )),
        ({ Contents = [], IsTruncated, NextContinuationToken }) => {
          const listed = Contents.flatMap(({ ETag, Key, Size }): ReadonlyArray<Listed> =>
            Key === undefined || Size === undefined ? [] : [{ key: Key, size: Size, etag: ETag }]
          )
          return [listed, nextPage(IsTruncated, NextContinuationToken)] as const
        }
      ))
  }
  /** The answer to a HEAD has no words: a listing tells expired credentials from a permission that is missing. */
  const explained = <A>(
    location: Location.Location,
    self: Effect.Effect<A, ProviderError.CallError>
  ): Effect.Effect<A, ProviderError.CallError> =>
    Effect.catch(self, (error) =>
      error._tag === "PermissionDeniedError" && error.providerMessage === undefined
        ? Effect.andThen(Stream.runDrain(Stream.take(list(location), 1)), Effect.fail(error))
        : Effect.fail(error))
  const stored = (location: Location.Location) => ({
    ...at(location),
    ContentType: "application/jsonl",
    ...(kmsKey === undefined ? undefined : { ServerSideEncryption: "aws:kms" as const, SSEKMSKeyId: kmsKey })
  })

  return {
    head: (location) =>
      explained(
        location,
        call(
          location,
          (abortSignal) =>
            client.send(new Sdk.HeadObjectCommand({ ...at(location), ChecksumMode: "ENABLED" }), { abortSignal })
        )
      ).pipe(
        Effect.map(({ ChecksumSHA256, ContentLength = 0, ETag }): Stored => ({
          size: ContentLength,
          etag: ETag,
          sha256: ChecksumSHA256
        })),
        Effect.catch((error) => BedrockError.isMissing(error) ? Effect.undefined : Effect.fail(error))
      ),
    put: (location, bytes, sha256) =>
      Effect.asVoid(call(location, (abortSignal) =>
        client.send(
          new Sdk.PutObjectCommand({ ...stored(location), Body: bytes, ChecksumSHA256: sha256 }),
          { abortSignal }
        ))),
    open: (location) =>
      Effect.flatMap(
        call(location, (abortSignal) =>
          client.send(
            new Sdk.CreateMultipartUploadCommand({ ...stored(location), ChecksumAlgorithm: "SHA256" }),
            { abortSignal }
          )),
        ({ UploadId }) =>
          UploadId === undefined
            ? Effect.fail(malformed(location, "the answer names no upload"))
            : Effect.succeed(UploadId)
      ),
    part: (location, upload, { bytes, number, sha256 }) =>
      Effect.map(
        call(location, (abortSignal) =>
          client.send(
            new Sdk.UploadPartCommand({
              ...at(location),
              UploadId: upload,
              PartNumber: number,
              Body: bytes,
              ChecksumSHA256: sha256
            }),
            { abortSignal }
          )),
        ({ ETag }): Part => ({ number, etag: ETag, sha256 })
      ),
    complete: (location, upload, parts) =>
      Effect.asVoid(call(location, (abortSignal) =>
        client.send(
          new Sdk.CompleteMultipartUploadCommand({
            ...at(location),
            UploadId: upload,
            MultipartUpload: {
              Parts: parts.map(({ etag, number, sha256 }) => ({
                PartNumber: number,
                ETag: etag,
                ChecksumSHA256: sha256
              }))
            }
          }),
          { abortSignal }
        ))),
    abort: (location, upload) =>
      call(
        location,
        (abortSignal) =>
          client.send(new Sdk.AbortMultipartUploadCommand({ ...at(location), UploadId: upload }), { abortSignal })
      ).pipe(
        Effect.asVoid,
        Effect.catch((error) => BedrockError.isMissing(error) ? Effect.void : Effect.fail(error))
      ),
    uploads: (location) => {
      const { Key: _, ...bucket } = at(location)
      const pages = Stream.paginate<Marker, string, ProviderError.CallError>({}, (marker) =>
        Effect.map(
          call(location, (abortSignal) =>
            client.send(
              new Sdk.ListMultipartUploadsCommand({ ...bucket, Prefix: location.key, ...marker }),
              { abortSignal }
            )),
          ({ IsTruncated, NextKeyMarker, NextUploadIdMarker, Uploads = [] }) => {
            const found = Uploads.flatMap(({ Key, UploadId }) =>
              Key === location.key && UploadId !== undefined ? [UploadId] : []
            )
            const isLast = IsTruncated !== true || NextKeyMarker === undefined
            const next = isLast ? Option.none() : Option.some({
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker === undefined ? undefined : { UploadIdMarker: NextUploadIdMarker })
            })
            return [found, next] as const
          }
        ))
      return Stream.runCollect(pages)
    },
    list,
    read: (location, { end, etag, start }) =>
      Stream.unwrap(Effect.gen(function*() {
        const { Body, ContentRange } = yield* Effect.acquireRelease(
          call(location, (abortSignal) =>
            client.send(
              new Sdk.GetObjectCommand({
                ...at(location),
                Range: `bytes=${start}-${end - 1}`,
                ...(etag === undefined ? undefined : { IfMatch: etag })
              }),
              { abortSignal }
            )),
          ({ Body }) => Effect.sync(() => destroy(Body)),
          { interruptible: true }
        )
        if (!isIterable(Body) || !(ContentRange ?? "").startsWith(`bytes ${start}-`)) {
          return yield* malformed(location, "the answer is not the range that was asked for")
        }
        return Stream.fromAsyncIterable(
          Body,
          (error) => BedrockError.fromUnknown(error, { who: Location.toUri(location), region: region ?? home })
        )
      })),
    remove: (location) =>
      Effect.asVoid(
        call(location, (abortSignal) => client.send(new Sdk.DeleteObjectCommand(at(location)), { abortSignal }))
      ),
    regionOf: (bucket) => {
      const location = { bucket, key: "" }
      const { Key: _, ...named } = at(location)
      const head = call(location, (abortSignal) => client.send(new Sdk.HeadBucketCommand(named), { abortSignal }))
      return Effect.map(explained(location, head), ({ BucketRegion }) => BucketRegion)
    }
  }
})

interface Marker {
  readonly KeyMarker?: string
  readonly UploadIdMarker?: string
}

const nextPage = (isTruncated: boolean | undefined, token: string | undefined) =>
  isTruncated === true && token !== undefined ? Option.some(token) : Option.none()

const malformed = (location: Location.Location, problem: string) =>
  Failure.malformed({ who: Location.toUri(location) }, problem)

const isIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  Predicate.hasProperty(body, Symbol.asyncIterator) && Predicate.isFunction(body[Symbol.asyncIterator])

const destroy = (body: unknown): void => {
  if (Predicate.hasProperty(body, "destroy") && Predicate.isFunction(body.destroy)) body.destroy()
}
