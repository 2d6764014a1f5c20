/**
 * Answers the requests of S3 that bulk work needs: buckets, objects, ranges, lists, and uploads in parts.
 *
 * There are no versions, permissions, tags, encryption or copies: what asks for those is refused.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import type * as Buckets from "./Bucket.ts"
import type { Call } from "./Call.ts"
import * as Checksum from "./Checksum.ts"
import * as Listing from "./Listing.ts"
import * as Multipart from "./Multipart.ts"
import * as S3Error from "./S3Error.ts"
import * as S3Response from "./S3Response.ts"
import * as Upload from "./Upload.ts"
import * as Xml from "./Xml.ts"

type Response = Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError>

/** The response. */
export const respond = (call: Call): Response => {
  const { route, store } = call
  switch (route.operation) {
    case "ListBuckets":
      return Effect.sync(() => Listing.buckets(store))
    case "CreateBucket":
      return Effect.map(
        store.createBucket(route.bucket, call.region),
        () => S3Response.empty(200, { location: `/${route.bucket}` })
      )
    default:
      return Effect.flatMap(bucketOf(call), (bucket) => ofBucket(call, bucket))
  }
}

const bucketOf = Effect.fnUntraced(function*({ headers, region, route, store }: Call) {
  const bucket = yield* store.bucket(route.bucket)
  const expected = headers["x-amz-expected-bucket-owner"]
  if (expected !== undefined && expected !== bucket.owner) return yield* S3Error.make("AccessDenied")
  // the one question that any region answers
  if (bucket.region !== region && route.operation !== "GetBucketLocation") {
    return yield* S3Error.redirect(bucket.region)
  }
  if (Buffer.byteLength(route.key) > maxKeyBytes) return yield* S3Error.make("KeyTooLongError")
  return bucket
})

const maxKeyBytes = 1024

const ofBucket = (call: Call, bucket: Buckets.Bucket): Response => {
  const { route, store } = call
  switch (route.operation) {
    case "HeadBucket":
      return Effect.succeed(S3Response.empty(200, { "x-amz-bucket-region": bucket.region }))
    case "DeleteBucket":
      return Effect.as(store.deleteBucket(bucket.name), S3Response.empty(204))
    case "GetBucketLocation":
      // the oldest region has no name here
      return Effect.succeed(
        S3Response.xml("LocationConstraint", bucket.region === "us-east-1" ? "" : bucket.region)
      )
    case "ListObjectsV2":
      return Listing.objects(bucket, route.query)
    case "ListMultipartUploads":
      return Listing.uploads(bucket, route.query)
    case "PutObject":
      return putObject(call, bucket)
    case "GetObject":
      return getObject(call, bucket)
    case "HeadObject":
      return headObject(call, bucket)
    case "DeleteObject":
      return Effect.as(store.remove(bucket, route.key), S3Response.empty(204))
    case "DeleteObjects":
      return deleteObjects(call, bucket)
    case "CreateMultipartUpload":
      return Multipart.create(call, bucket)
    case "UploadPart":
      return Multipart.uploadPart(call, bucket)
    case "CompleteMultipartUpload":
      return Multipart.complete(call, bucket)
    case "AbortMultipartUpload":
      return Multipart.abort(call, bucket)
    case "ListParts":
      return Multipart.list(call, bucket)
    // answered before
    case "CreateBucket":
    case "ListBuckets":
      return Effect.fail(S3Error.make("MethodNotAllowed"))
  }
}

const putObject = Effect.fnUntraced(function*({ body, headers, route, store }: Call, bucket: Buckets.Bucket) {
  if (headers["x-amz-copy-source"] !== undefined) {
    return yield* S3Error.make("InvalidRequest", "This emulator does not copy objects: get and put them.")
  }
  yield* S3Response.checkNew(headers, bucket, route.key)
  const { bytes, checksum } = yield* Effect.fromResult(Upload.decode(headers, body))
  const object = yield* store.put(bucket, route.key, bytes, {
    headers: S3Response.describe(headers),
    checksum
  })
  return S3Response.empty(200, {
    etag: object.etag,
    ...(checksum === undefined ? undefined : {
      [Checksum.headerOf(checksum.algorithm)]: checksum.value,
      "x-amz-checksum-type": "FULL_OBJECT"
    })
  })
})

const getObject = Effect.fnUntraced(function*(call: Call, bucket: Buckets.Bucket) {
  const { headers, route, store } = call
  const object = yield* store.object(bucket, route.key)
  if (yield* S3Response.isUnchanged(headers, object)) return S3Response.empty(304, { etag: object.etag })
  const range = yield* S3Response.rangeOf(headers, object.size)
  const [start, end] = range ?? [0, object.size]
  const answer: HttpResponse.Streamed = {
    type: "stream",
    status: range === undefined ? 200 : 206,
    headers: S3Response.headersOf(object, headers, range),
    frames: Stream.suspend(() => store.read(object, start, end))
  }
  return answer
})

const headObject = Effect.fnUntraced(function*({ headers, route, store }: Call, bucket: Buckets.Bucket) {
  // a HEAD has no body to say the code in
  const object = yield* Effect.mapError(store.object(bucket, route.key), () => S3Error.make("NotFound"))
  if (yield* S3Response.isUnchanged(headers, object)) return S3Response.empty(304, { etag: object.etag })
  const range = yield* S3Response.rangeOf(headers, object.size)
  return S3Response.empty(range === undefined ? 200 : 206, S3Response.headersOf(object, headers, range))
})

const deleteObjects = Effect.fnUntraced(function*({ body, headers, store }: Call, bucket: Buckets.Bucket) {
  const { bytes } = yield* Effect.fromResult(Upload.decode(headers, body))
  const named = Xml.items(bytes, "Delete", "Object")
  if (named === undefined || named.length === 0 || named.length > 1000) return yield* S3Error.make("MalformedXML")
  const keys = named.map(({ Key }) => Key)
  if (!keys.every((key) => key !== undefined && key !== "")) return yield* S3Error.make("MalformedXML")
  for (const key of keys) if (key !== undefined) yield* store.remove(bucket, key)
  const quiet = /<Quiet>\s*true\s*<\/Quiet>/.test(new TextDecoder().decode(bytes))
  return S3Response.xml("DeleteResult", { Deleted: quiet ? [] : keys.map((key) => ({ Key: key })) })
})
