/**
 * Images in the bodies of embedding models: in base64 or as data URIs. Only the first bytes of an image are examined.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Crypto from "node:crypto"
import * as AwsError from "../../AwsError.ts"
import * as Violation from "../../Violation.ts"

const image = (decode: (text: string) => Result.Result<Embedding.Image, SchemaIssue.Issue>) =>
  Schema.String.pipe(Schema.decodeTo(
    Schema.Struct({ bytes: Schema.Uint8Array, mediaType: Schema.String }),
    SchemaTransformation.transformEffect<Embedding.Image, string>({
      decode: (text) => Effect.fromResult(decode(text)),
      encode: ({ bytes }) => Effect.succeed(Encoding.encode(bytes))
    })
  ))

/** Bytes in base64, at least one. The media type is detected from the first bytes. */
export const Base64 = image((text) =>
  Result.map(decodeBytes(text), (bytes) => ({ bytes, mediaType: mediaTypeOf(bytes) }))
)

/** A data URI in base64 of one of these formats, such as `png`. */
export const dataUri = (formats: ReadonlyArray<string>) => {
  const pattern = `^data:image/(${formats.join("|")});base64,`
  const prefix = new RegExp(pattern, "i")
  return image((text) => {
    const [found, format = ""] = prefix.exec(text) ?? []
    return found === undefined
      ? invalid(`string [${text.slice(0, 40)}] does not match pattern ${pattern}`)
      : Result.map(decodeBytes(text.slice(found.length)), (bytes) => ({
        bytes,
        mediaType: `image/${format.toLowerCase()}`
      }))
  })
}

/** The location of an image in S3. */
export const S3Location = Schema.Struct({ uri: Schema.String, bucketOwner: Schema.optionalKey(Schema.String) })

/** The image required at `key`, at the JSON pointer `at`. Objects in S3 are not read. */
export const required = (
  found: Embedding.Image | undefined,
  stored: typeof S3Location.Type | undefined,
  at: string,
  key: string
): Result.Result<Embedding.Image, AwsError.AwsError> => {
  if (found !== undefined) return Result.succeed(found)
  return Result.fail(
    stored === undefined ? Violation.malformedInput(`${at}: required key [${key}] not found`) : inStorage
  )
}

/** The error for an object in S3. */
export const inStorage = AwsError.validation("This emulator does not read from S3: send the content in the body.")

/** A pseudo-random unit vector derived from the bytes: equal images have equal vectors, all others are far apart. */
export const vectorOf = ({ bytes }: Embedding.Image, dimensions: number): Float32Array => {
  const digest = Crypto.createHash("shake256", { outputLength: dimensions * 2 }).update(bytes).digest()
  // An odd number is never zero, so the length is not either
  const vector = Float32Array.from({ length: dimensions }, (_, index) => digest.readInt16LE(index * 2) | 1)
  const length = Math.hypot(...vector)
  return vector.map((x) => x / length)
}

const decodeBytes = (text: string): Result.Result<Uint8Array, SchemaIssue.Issue> =>
  Result.match(Encoding.decode(text), {
    onFailure: () => invalid("the text is not valid base64"),
    onSuccess: (bytes) => bytes.length === 0 ? invalid("expected minLength: 1, actual: 0") : Result.succeed(bytes)
  })

const invalid = (message: string) => Result.fail(new SchemaIssue.InvalidValue({ message }))

/** The first bytes of each format, as Latin-1. In WebP the name comes after the file size. */
const signatures: ReadonlyArray<readonly [string, RegExp]> = [
  ["image/png", /^\x89PNG/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8/],
  ["image/webp", /^RIFF.{4}WEBP/s]
]

const mediaTypeOf = (bytes: Uint8Array): string => {
  const start = String.fromCharCode(...bytes.subarray(0, 12))
  return signatures.find(([, signature]) => signature.test(start))?.[0] ?? "application/octet-stream"
}
