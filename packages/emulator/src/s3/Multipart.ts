/**
 * Uploads in parts: begun, filled part by part, and completed or aborted. The parts stay in memory until then.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as AwsError from "../AwsError.ts"
import * as Buckets from "./Bucket.ts"
import type { Call } from "./Call.ts"
import * as Checksum from "./Checksum.ts"
import * as Listing from "./Listing.ts"
import * as S3Error from "./S3Error.ts"
import * as S3Response from "./S3Response.ts"
import * as Upload from "./Upload.ts"
import * as Xml from "./Xml.ts"

/** The smallest part that is not the last: Amazon S3 User Guide, "multipart upload limits". */
const minPartBytes = 5 * 1024 * 1024

const maxParts = 10_000

/** CreateMultipartUpload. */
export const create = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const { headers, route, store } = call
  const named = headers["x-amz-checksum-algorithm"]
  const algorithm = named === undefined ? undefined : Checksum.named(named)
  if (named !== undefined && algorithm === undefined) {
    return yield* S3Error.make("InvalidRequest", "Checksum algorithm provided is unsupported.")
  }
  yield* store.budget.reserve(Buckets.overhead)
  const id = Array.from({ length: 64 }, () => letters.charAt(call.random(letters.length))).join("")
  bucket.uploads.set(id, {
    id,
    algorithm,
    key: route.key,
    initiated: store.now(),
    headers: S3Response.describe(headers),
    parts: new Map()
  })
  return S3Response.xml("InitiateMultipartUploadResult", { Bucket: bucket.name, Key: route.key, UploadId: id }, {
    ...(algorithm === undefined
      ? undefined
      : { "x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "COMPOSITE" })
  })
})

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const uploadOf = ({ route }: Call, bucket: Buckets.Bucket): Effect.Effect<Buckets.Upload, AwsError.AwsError> => {
  const upload = bucket.uploads.get(route.query["uploadId"] ?? "")
  return upload?.key === route.key ? Effect.succeed(upload) : Effect.fail(S3Error.make("NoSuchUpload"))
}

/** UploadPart; a part with the same number replaces the former one. */
export const uploadPart = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const { body, headers, route, store } = call
  const upload = yield* uploadOf(call, bucket)
  const number = /^\d{1,5}$/.test(route.query["partNumber"] ?? "") ? Number(route.query["partNumber"]) : 0
  if (number < 1 || number > maxParts) {
    return yield* S3Error.make("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
  }
  const { bytes, checksum } = yield* Effect.fromResult(Upload.decode(headers, body))
  if (checksum !== undefined && upload.algorithm !== undefined && checksum.algorithm !== upload.algorithm) {
    return yield* S3Error.make(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${upload.algorithm.toLowerCase()}, actual checksum Type: ${checksum.algorithm.toLowerCase()}`
    )
  }
  yield* store.budget.reserve(bytes.length + Buckets.overhead)
  // the upload may have been completed while the part arrived
  if (bucket.uploads.get(upload.id) !== upload) {
    store.budget.release(bytes.length + Buckets.overhead)
    return yield* S3Error.make("NoSuchUpload")
  }
  const former = upload.parts.get(number)
  if (former !== undefined) store.budget.release(former.bytes.length + Buckets.overhead)
  const etag = `"${Checksum.md5(bytes).toString("hex")}"`
  upload.parts.set(number, {
    number,
    etag,
    bytes,
    lastModified: store.now(),
    checksum: upload.algorithm === undefined ? undefined : Checksum.of(upload.algorithm, bytes)
  })
  return S3Response.empty(200, {
    etag,
    ...(checksum === undefined ? undefined : { [Checksum.headerOf(checksum.algorithm)]: checksum.value })
  })
})

/** CompleteMultipartUpload: the object has the parts that the request lists, the others are dropped. */
export const complete = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const { body, headers, route, store } = call
  const upload = yield* uploadOf(call, bucket)
  const listed = Xml.items(body, "CompleteMultipartUpload", "Part")
  if (listed === undefined || listed.length === 0 || listed.length > maxParts) {
    return yield* S3Error.make("MalformedXML")
  }
  const parts: Array<Buckets.Part> = []
  for (const [index, given] of listed.entries()) {
    const part = yield* partOf(upload, given)
    const before = parts.at(-1)
    if (before !== undefined && before.number >= part.number) return yield* S3Error.make("InvalidPartOrder")
    if (index < listed.length - 1 && part.bytes.length < minPartBytes) return yield* S3Error.make("EntityTooSmall")
    parts.push(part)
  }
  yield* S3Response.checkNew(headers, bucket, route.key)
  const { algorithm } = upload
  const checksums = parts.map(({ checksum }) => checksum).filter(Predicate.isNotUndefined)
  const size = parts.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const all = sizeOf(upload)
  // another request may have completed or aborted it meanwhile
  if (!bucket.uploads.delete(upload.id)) return yield* S3Error.make("NoSuchUpload")
  // what was reserved for the parts is now the object's
  store.budget.release(all)
  store.budget.force(size + Buckets.overhead)
  const object = yield* store.commit(bucket, parts.map(({ bytes }) => bytes), {
    key: upload.key,
    size,
    etag: `"${
      Checksum.md5(Buffer.concat(parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), "hex")))).toString("hex")
    }-${parts.length}"`,
    headers: upload.headers,
    checksum: algorithm === undefined || checksums.length < parts.length
      ? undefined
      : { algorithm, value: Checksum.ofParts(algorithm, checksums) }
  }).pipe(
    Effect.onError(() => Effect.sync(() => store.budget.release(size + Buckets.overhead)))
  )
  return S3Response.xml("CompleteMultipartUploadResult", {
    Location: `/${bucket.name}/${upload.key}`,
    Bucket: bucket.name,
    Key: upload.key,
    ETag: object.etag,
    ...(object.checksum === undefined
      ? undefined
      : { [Checksum.elementOf(object.checksum.algorithm)]: object.checksum.value, ChecksumType: "COMPOSITE" })
  })
})

const partOf = (
  { algorithm, parts }: Buckets.Upload,
  given: Readonly<Record<string, string>>
): Effect.Effect<Buckets.Part, AwsError.AwsError> => {
  const part = parts.get(Number(given["PartNumber"]))
  const told = algorithm === undefined ? undefined : given[Checksum.elementOf(algorithm)]
  return part === undefined || part.etag.slice(1, -1) !== (given["ETag"] ?? "").replaceAll("\"", "") ||
      (told !== undefined && told !== part.checksum)
    ? Effect.fail(S3Error.make("InvalidPart"))
    : Effect.succeed(part)
}

const sizeOf = ({ parts }: Buckets.Upload): number =>
  [...parts.values()].reduce((sum, { bytes }) => sum + bytes.length + Buckets.overhead, Buckets.overhead)

/** AbortMultipartUpload. */
export const abort = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const upload = yield* uploadOf(call, bucket)
  if (bucket.uploads.delete(upload.id)) call.store.budget.release(sizeOf(upload))
  return S3Response.empty(204)
})

/** ListParts. */
export const list = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const { query } = call.route
  const upload = yield* uploadOf(call, bucket)
  const most = yield* S3Response.wholeOf(query, "max-parts", { otherwise: 1000, least: 0, most: 1000 })
  const marker = yield* S3Response.wholeOf(query, "part-number-marker", { otherwise: 0, least: 0, most: maxParts })
  const left = [...upload.parts.values()].filter(({ number }) => number > marker).sort((a, b) => a.number - b.number)
  const shown = left.slice(0, most)
  const { algorithm } = upload
  return S3Response.xml("ListPartsResult", {
    Bucket: bucket.name,
    Key: upload.key,
    UploadId: upload.id,
    PartNumberMarker: marker,
    NextPartNumberMarker: shown.at(-1)?.number ?? marker,
    MaxParts: most,
    IsTruncated: left.length > shown.length && most > 0,
    ChecksumAlgorithm: algorithm,
    StorageClass: "STANDARD",
    Part: shown.map(({ bytes, checksum, etag, lastModified, number }) => ({
      PartNumber: number,
      LastModified: Listing.instant(lastModified),
      ETag: etag,
      Size: bytes.length,
      ...(algorithm === undefined ? undefined : { [Checksum.elementOf(algorithm)]: checksum })
    }))
  })
})
