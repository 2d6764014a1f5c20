/**
 * What the responses of S3 share: the headers of an object, ranges, and conditions.
 */
import * as Effect from "effect/Effect"
import type * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import type * as Buckets from "./Bucket.ts"
import * as Checksum from "./Checksum.ts"
import * as S3Error from "./S3Error.ts"
import * as Xml from "./Xml.ts"

/** 200 with a document. */
export const xml = (root: string, content: Xml.Node, headers?: Exchange.Headers): HttpResponse.Whole => ({
  type: "whole",
  status: 200,
  headers: { "content-type": "application/xml", ...headers },
  body: Xml.document(root, content)
})

/** Without a body. */
export const empty = (status: number, headers: Exchange.Headers = {}): HttpResponse.Whole => ({
  type: "whole",
  status,
  headers,
  body: new Uint8Array(0)
})

/** What S3 keeps of the headers of an upload; `aws-chunked` is about the transfer and not about the object. */
export const describe = (headers: Exchange.Headers): Exchange.Headers => {
  const encoding = (headers["content-encoding"] ?? "").split(",").map((name) => name.trim())
    .filter((name) => name !== "" && name.toLowerCase() !== "aws-chunked").join(",")
  return Object.fromEntries([
    ...Object.entries(headers).filter(([name]) => kept.has(name) || name.startsWith("x-amz-meta-")),
    ["content-type", headers["content-type"] ?? "binary/octet-stream"],
    ...(encoding === "" ? [] : [["content-encoding", encoding] as const])
  ])
}

const kept: ReadonlySet<string> = new Set(["cache-control", "content-disposition", "content-language", "expires"])

/** Of a GET or HEAD; `range` as of {@link rangeOf}. */
export const headersOf = (
  { checksum, etag, headers, lastModified, size }: Buckets.StoredObject,
  request: Exchange.Headers,
  range: readonly [number, number] | undefined
): Exchange.Headers => ({
  ...headers,
  etag,
  "accept-ranges": "bytes",
  "last-modified": new Date(lastModified).toUTCString(),
  "content-length": String(range === undefined ? size : range[1] - range[0]),
  ...(range === undefined ? undefined : { "content-range": `bytes ${range[0]}-${range[1] - 1}/${size}` }),
  ...(checksum === undefined || range !== undefined || request["x-amz-checksum-mode"]?.toUpperCase() !== "ENABLED"
    ? undefined
    : {
      [Checksum.headerOf(checksum.algorithm)]: checksum.value,
      "x-amz-checksum-type": checksum.value.includes("-") ? "COMPOSITE" : "FULL_OBJECT"
    })
})

/**
 * The range of a request, from its start up to, but not including, its end; `undefined` for all of it. Several ranges, and
 * what is no range, are ignored, as in the service.
 */
export const rangeOf = (
  { range = "" }: Exchange.Headers,
  size: number
): Effect.Effect<readonly [number, number] | undefined, AwsError.AwsError> => {
  const [found, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.trim()) ?? []
  if (found === undefined || (from === "" && to === "")) return Effect.succeed(undefined)
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1)
  if (from !== "" && to !== "" && Number(to) < Number(from)) return Effect.succeed(undefined)
  return start >= size
    ? Effect.fail(S3Error.make("InvalidRange", undefined, { "content-range": `bytes */${size}` }))
    : Effect.succeed([start, end])
}

/** Whether `if-none-match` names the object; fails when `if-match` does not. */
export const isUnchanged = (
  headers: Exchange.Headers,
  { etag }: Buckets.StoredObject
): Effect.Effect<boolean, AwsError.AwsError> => {
  const [match, noneMatch] = [headers["if-match"], headers["if-none-match"]]
  if (match !== undefined && !names(match, etag)) return Effect.fail(S3Error.make("PreconditionFailed"))
  return Effect.succeed(noneMatch !== undefined && names(noneMatch, etag))
}

/** `if-none-match: *` writes only what is not there, `if-match` only what is still the same. */
export const checkNew = (
  headers: Exchange.Headers,
  bucket: Buckets.Bucket,
  key: string
): Effect.Effect<void, AwsError.AwsError> => {
  const [match, noneMatch] = [headers["if-match"], headers["if-none-match"]]
  const object = bucket.objects.get(key)
  if (match !== undefined && object === undefined) return Effect.fail(S3Error.make("NoSuchKey"))
  return (match !== undefined && object !== undefined && !names(match, object.etag)) ||
      (noneMatch !== undefined && object !== undefined && names(noneMatch, object.etag))
    ? Effect.fail(S3Error.make("PreconditionFailed"))
    : Effect.void
}

const names = (header: string, etag: string): boolean =>
  header.split(",").some((name) =>
    name.trim() === "*" || name.trim().replaceAll("\"", "") === etag.replaceAll("\"", "")
  )

/** A whole number of a query between bounds; fails for anything else. */
export const wholeOf = (
  query: Readonly<Record<string, string>>,
  name: string,
  { otherwise, least, most }: { readonly otherwise: number; readonly least: number; readonly most: number }
): Effect.Effect<number, AwsError.AwsError> => {
  const text = query[name]
  if (text === undefined || text === "") return Effect.succeed(otherwise)
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  return value >= least
    ? Effect.succeed(Math.min(value, most))
    : Effect.fail(S3Error.make("InvalidArgument", `Provided ${name} not an integer or within integer range`))
}
