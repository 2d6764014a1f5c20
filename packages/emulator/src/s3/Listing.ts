/**
 * Lists buckets, objects and uploads, page by page.
 */
import * as Effect from "effect/Effect"
import type * as AwsError from "../AwsError.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Region from "../region/Region.ts"
import type * as Buckets from "./Bucket.ts"
import type * as ObjectStore from "./ObjectStore.ts"
import * as S3Error from "./S3Error.ts"
import * as S3Response from "./S3Response.ts"
import * as Xml from "./Xml.ts"

type Query = Readonly<Record<string, string>>

const owner = { ID: Region.account, DisplayName: "strata" }

/** Of the account, in every region. */
export const buckets = (store: ObjectStore.ObjectStore): HttpResponse.Whole =>
  S3Response.xml("ListAllMyBucketsResult", {
    Owner: owner,
    Buckets: {
      Bucket: store.buckets().filter((bucket) => bucket.owner === Region.account).toSorted(byName).map((bucket) => ({
        Name: bucket.name,
        CreationDate: instant(bucket.created),
        BucketRegion: bucket.region
      }))
    }
  })

const byName = (self: Buckets.Bucket, that: Buckets.Bucket) => compare(self.name, that.name)

/** An entry of a page: an object, or a prefix that several share. */
type Entry =
  | { readonly type: "object"; readonly object: Buckets.StoredObject }
  | { readonly type: "prefix"; readonly prefix: string }

/** A page of the objects of a bucket in the order of their keys' bytes. */
export const objects = Effect.fnUntraced(function*(
  bucket: Buckets.Bucket,
  query: Query
): Effect.fn.Return<HttpResponse.Whole, AwsError.AwsError> {
  const { "continuation-token": token, "encoding-type": encoding, prefix = "", delimiter = "" } = query
  const most = yield* S3Response.wholeOf(query, "max-keys", { otherwise: 1000, least: 0, most: 1000 })
  if (encoding !== undefined && encoding !== "url") {
    return yield* S3Error.make("InvalidArgument", "Invalid Encoding Method specified in Request")
  }
  const after = token === undefined ? query["start-after"] ?? "" : fromToken(token)
  if (after === undefined) return yield* S3Error.make("InvalidArgument", "The continuation token provided is incorrect")
  const { entries, next } = page(matching(bucket, prefix), {
    prefix,
    delimiter,
    after,
    most,
    begins: token === undefined ? "inside" : "behind"
  })
  const written = (text: string) => encoding === "url" ? encodeURIComponent(text).replaceAll("%2F", "/") : text
  return S3Response.xml("ListBucketResult", {
    Name: bucket.name,
    Prefix: written(prefix),
    Delimiter: query["delimiter"] === undefined ? undefined : written(delimiter),
    MaxKeys: most,
    EncodingType: encoding,
    KeyCount: entries.length,
    IsTruncated: next !== undefined,
    ContinuationToken: token,
    NextContinuationToken: next === undefined ? undefined : toToken(next),
    StartAfter: query["start-after"] === undefined ? undefined : written(query["start-after"]),
    Contents: entries.flatMap((entry): ReadonlyArray<Xml.Node> =>
      entry.type === "prefix" ? [] : [{
        Key: written(entry.object.key),
        LastModified: instant(entry.object.lastModified),
        ETag: entry.object.etag,
        ChecksumAlgorithm: entry.object.checksum?.algorithm,
        Size: entry.object.size,
        StorageClass: "STANDARD",
        Owner: query["fetch-owner"] === "true" ? owner : undefined
      }]
    ),
    CommonPrefixes: entries.flatMap((entry) => entry.type === "prefix" ? [{ Prefix: written(entry.prefix) }] : [])
  })
})

/** The objects whose keys begin with a prefix, in order. */
export const matching = (bucket: Buckets.Bucket, prefix: string): ReadonlyArray<Buckets.StoredObject> =>
  [...bucket.objects.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => compare(a.key, b.key))

interface Page {
  readonly prefix: string
  readonly delimiter: string
  readonly after: string
  readonly begins: "behind" | "inside"
  readonly most: number
}

/** `next`: the last key or prefix of a page that is not the last one. */
const page = (objects: ReadonlyArray<Buckets.StoredObject>, { after, begins, delimiter, most, prefix }: Page) => {
  const entries: Array<Entry> = []
  let latest = ""
  for (const object of objects) {
    const at = delimiter === "" ? -1 : object.key.indexOf(delimiter, prefix.length)
    const shared = at < 0 ? undefined : object.key.slice(0, at + delimiter.length)
    const name = shared ?? object.key
    // a page goes on behind a prefix; a key to start after is inside of one
    if (compare(begins === "behind" ? name : object.key, after) <= 0 || (shared !== undefined && shared === latest)) {
      continue
    }
    if (entries.length === most) return { entries, next: most === 0 ? undefined : latest }
    latest = name
    entries.push(shared === undefined ? { type: "object", object } : { type: "prefix", prefix: shared })
  }
  return { entries, next: undefined }
}

/** The uploads of a bucket that are not complete, by key and then in the order of their beginning. */
export const uploads = Effect.fnUntraced(function*(
  bucket: Buckets.Bucket,
  query: Query
): Effect.fn.Return<HttpResponse.Whole, AwsError.AwsError> {
  const { "key-marker": keyMarker = "", "upload-id-marker": idMarker = "", prefix = "" } = query
  const most = yield* S3Response.wholeOf(query, "max-uploads", { otherwise: 1000, least: 1, most: 1000 })
  const left = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => compare(a.key, b.key) || compare(a.id, b.id))
    .filter(({ id, key }) =>
      compare(key, keyMarker) > 0 || (key === keyMarker && idMarker !== "" && compare(id, idMarker) > 0)
    )
  const shown = left.slice(0, most)
  const last = left.length > most ? shown.at(-1) : undefined
  return S3Response.xml("ListMultipartUploadsResult", {
    Bucket: bucket.name,
    KeyMarker: keyMarker,
    UploadIdMarker: idMarker,
    NextKeyMarker: last?.key,
    NextUploadIdMarker: last?.id,
    Prefix: prefix,
    MaxUploads: most,
    IsTruncated: last !== undefined,
    Upload: shown.map(({ algorithm, id, initiated, key }) => ({
      Key: key,
      UploadId: id,
      Initiator: owner,
      Owner: owner,
      StorageClass: "STANDARD",
      Initiated: instant(initiated),
      ChecksumAlgorithm: algorithm
    }))
  })
})

/** A time of XML. */
export const instant = (millis: number): string => new Date(millis).toISOString()

/** By the bytes of UTF-8, which differs from the order of JavaScript beyond the basic plane. */
const compare = (self: string, that: string): number => {
  for (let at = 0; at < self.length && at < that.length; at++) {
    const [a, b] = [self.charCodeAt(at), that.charCodeAt(at)]
    if (a === b) continue
    // surrogates are of characters above all others
    const [x, y] = [isSurrogate(a), isSurrogate(b)]
    return x === y ? a - b : x ? 1 : -1
  }
  return self.length - that.length
}

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff

const toToken = (key: string): string => Buffer.from(`v1:${key}`).toString("base64url")

const fromToken = (token: string): string | undefined => {
  const text = Buffer.from(token, "base64url").toString()
  return text.startsWith("v1:") ? text.slice(3) : undefined
}
