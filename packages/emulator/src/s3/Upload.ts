/**
 * The body of an upload: framed by `aws-chunked` or not, with the checksums that a client sends in headers, or behind it.
 */
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import type * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import * as Checksum from "./Checksum.ts"
import * as S3Error from "./S3Error.ts"

/** The content, and the checksum it was verified with. */
export interface Upload {
  readonly bytes: Uint8Array
  readonly checksum: Checksum.Checksum | undefined
}

/** Whether the content is framed, whose frames are signed or end with a trailer. */
const isFramed = (headers: Exchange.Headers): boolean =>
  headers["x-amz-content-sha256"]?.startsWith("STREAMING-") === true

/**
 * The number of bytes to read for an upload, framing included; fails when the client does not tell.
 */
export const lengthOf = (headers: Exchange.Headers): Result.Result<number, AwsError.AwsError> => {
  const told = headers["content-length"] ?? headers["x-amz-decoded-content-length"]
  if (told === undefined) return Result.fail(S3Error.make("MissingContentLength"))
  const length = Number(told)
  if (!Number.isSafeInteger(length) || length < 0) return Result.fail(S3Error.make("InvalidArgument"))
  return Result.succeed(headers["content-length"] === undefined ? framed(length) : length)
}

/** At most: each frame of 8 KB or more has a head with a signature, and there is a trailer. */
const framed = (length: number): number => length + Math.ceil(length / 8_192) * 128 + 4_096

/** Decodes and verifies a body. The signatures of single frames are not verified. */
export const decode = (
  headers: Exchange.Headers,
  body: Uint8Array
): Result.Result<Upload, AwsError.AwsError> =>
  Result.gen(function*() {
    const { bytes, trailer } = isFramed(headers)
      ? yield* unframe(body, headers["x-amz-decoded-content-length"])
      : { bytes: body, trailer: {} }
    const hash = headers["x-amz-content-sha256"]
    if (hash !== undefined && /^[0-9a-f]{64}$/i.test(hash)) {
      const own = Crypto.createHash("sha256").update(body).digest("hex")
      if (own !== hash.toLowerCase()) return yield* Result.fail(S3Error.make("XAmzContentSHA256Mismatch"))
    }
    const md5 = headers["content-md5"]
    if (md5 !== undefined) {
      if (Buffer.from(md5, "base64").length !== 16) return yield* Result.fail(S3Error.make("InvalidDigest"))
      if (Checksum.md5(bytes).toString("base64") !== md5) return yield* Result.fail(S3Error.make("BadDigest"))
    }
    const checksum = yield* checksumOf({ ...headers, ...trailer })
    if (checksum !== undefined && Checksum.of(checksum.algorithm, bytes) !== checksum.value) {
      return yield* Result.fail(
        S3Error.make(
          "BadDigest",
          `The ${checksum.algorithm} you specified did not match the calculated checksum.`
        )
      )
    }
    return { bytes, checksum }
  })

/** The one checksum of a request. */
const checksumOf = (headers: Exchange.Headers): Result.Result<Checksum.Checksum | undefined, AwsError.AwsError> => {
  const given = Checksum.algorithms.flatMap((algorithm) => {
    const value = headers[Checksum.headerOf(algorithm)]
    return value === undefined ? [] : [{ algorithm, value }]
  })
  return given.length > 1
    ? Result.fail(
      S3Error.make(
        "InvalidRequest",
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
      )
    )
    : Result.succeed(given[0])
}

interface Unframed {
  readonly bytes: Uint8Array
  readonly trailer: Exchange.Headers
}

/** Frames of a hexadecimal size, `;chunk-signature=…` where they are signed, and the bytes; then lines of a trailer. */
const unframe = (body: Uint8Array, told: string | undefined): Result.Result<Unframed, AwsError.AwsError> => {
  const source = Buffer.from(body.buffer, body.byteOffset, body.length)
  const pieces: Array<Uint8Array> = []
  let at = 0
  let total = 0
  for (;;) {
    const lineEnd = source.indexOf("\r\n", at)
    if (lineEnd < 0) return Result.fail(incomplete)
    const [, size] = /^([0-9a-f]{1,8})(?:;[\x20-\x7e]{0,256})?$/i.exec(source.toString("latin1", at, lineEnd)) ?? []
    if (size === undefined) return Result.fail(incomplete)
    const length = parseInt(size, 16)
    at = lineEnd + 2
    if (length === 0) break
    if (at + length + 2 > source.length || source.toString("latin1", at + length, at + length + 2) !== "\r\n") {
      return Result.fail(incomplete)
    }
    pieces.push(source.subarray(at, at + length))
    total += length
    at += length + 2
  }
  if (told !== undefined && Number(told) !== total) return Result.fail(incomplete)
  const trailer = source.toString("latin1", at).split("\r\n").flatMap((line) => {
    const [, name, value] = /^([\w-]+):\s*(.*?)\s*$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const]
  })
  return Result.succeed({ bytes: Buffer.concat(pieces), trailer: Object.fromEntries(trailer) })
}

const incomplete = S3Error.make("IncompleteBody")
