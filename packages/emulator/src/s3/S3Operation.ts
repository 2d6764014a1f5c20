/**
 * The operations of S3 that the emulator has, path style, with their methods and paths; and which requests are for S3.
 */
import * as Result from "effect/Result"

/** The operations of S3. */
export const operations = [
  "AbortMultipartUpload",
  "CompleteMultipartUpload",
  "CreateBucket",
  "CreateMultipartUpload",
  "DeleteBucket",
  "DeleteObject",
  "DeleteObjects",
  "GetBucketLocation",
  "GetObject",
  "HeadBucket",
  "HeadObject",
  "ListBuckets",
  "ListMultipartUploads",
  "ListObjectsV2",
  "ListParts",
  "PutObject",
  "UploadPart"
] as const

/** One of them. */
export type S3Operation = (typeof operations)[number]

/** A request for S3: `bucket` and `key` are empty where it names none; `query` has the last of repeated parameters. */
export interface Route {
  readonly operation: S3Operation
  readonly bucket: string
  readonly key: string
  readonly query: Readonly<Record<string, string>>
}

/**
 * Whether a request is for S3 and not for Bedrock: by the service its signature is for, or else by its host, such as
 * `s3.us-east-1.localhost`. A bucket may have any name, also one that begins a path of Bedrock.
 */
export const isFor = ({ headers, target }: {
  readonly headers: Readonly<Record<string, string>>
  readonly target: string
}): boolean => {
  if (target === "/_strata" || target.startsWith("/_strata/")) return false
  const authorization = headers["authorization"]
  if (authorization !== undefined) return scopePattern.test(authorization)
  return hostPattern.test(headers[":authority"] ?? headers["host"] ?? "")
}

const scopePattern = /^AWS4-HMAC-SHA256\s.*Credential=[^/,\s]*\/[^/,\s]*\/[^/,\s]*\/s3\//i

const hostPattern = /^s3[.-]/i

/** The operation of a request; `undefined` when there is none for its method and path, or its path is malformed. */
export const fromTarget = (method: string, target: string): Route | undefined => {
  const [path = "", search = ""] = splitOnce(target, "?")
  const [encodedBucket = "", encodedKey = ""] = splitOnce(path.slice(1), "/")
  const bucket = decode(encodedBucket)
  const key = decode(encodedKey)
  if (bucket === undefined || key === undefined) return undefined
  const query = Object.fromEntries(new URLSearchParams(search))
  const operation = bucket === "" ? ofService(method) : key === "" ? ofBucket(method, query) : ofObject(method, query)
  return operation === undefined ? undefined : { operation, bucket, key, query }
}

type Query = Readonly<Record<string, string>>

const ofService = (method: string): S3Operation | undefined => method === "GET" ? "ListBuckets" : undefined

const ofBucket = (method: string, query: Query): S3Operation | undefined => {
  const has = (name: string) => Object.hasOwn(query, name)
  switch (method) {
    case "PUT":
      return Object.keys(query).every((name) => name === "x-id") ? "CreateBucket" : undefined
    case "HEAD":
      return "HeadBucket"
    case "DELETE":
      return Object.keys(query).every((name) => name === "x-id") ? "DeleteBucket" : undefined
    case "GET":
      if (query["list-type"] === "2") return "ListObjectsV2"
      return has("location") ? "GetBucketLocation" : has("uploads") ? "ListMultipartUploads" : undefined
    case "POST":
      return has("delete") ? "DeleteObjects" : undefined
    default:
      return undefined
  }
}

const ofObject = (method: string, query: Query): S3Operation | undefined => {
  const has = (name: string) => Object.hasOwn(query, name)
  // of the object's tags, permissions, versions …
  if (["tagging", "acl", "retention", "legal-hold", "torrent", "attributes", "restore", "select"].some(has)) {
    return undefined
  }
  switch (method) {
    case "PUT":
      return has("uploadId") ? "UploadPart" : "PutObject"
    case "GET":
      return has("uploadId") ? "ListParts" : "GetObject"
    case "HEAD":
      return "HeadObject"
    case "DELETE":
      return has("uploadId") ? "AbortMultipartUpload" : "DeleteObject"
    case "POST":
      return has("uploads") ? "CreateMultipartUpload" : has("uploadId") ? "CompleteMultipartUpload" : undefined
    default:
      return undefined
  }
}

const splitOnce = (text: string, separator: string): readonly [string, string] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)]
}

const decode = (encoded: string): string | undefined =>
  Result.getOrUndefined(Result.try(() => decodeURIComponent(encoded)))
