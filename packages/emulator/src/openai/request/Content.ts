/**
 * Images, files and recordings of a request, as parts of a message.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as Reading from "./Reading.ts"

/** An image: a data URL, or the address of one, which is passed on. */
export const image = (url: string, at: string): Result.Result<Message.ImagePart, AwsError.AwsError> => {
  if (/^https?:\/\//.test(url)) {
    return Result.succeed({ type: "image", mediaType: "image/jpeg", source: { uri: url } })
  }
  const data = fromDataUrl(url)
  if (data === undefined) {
    return Reading.fail(
      `Invalid '${at}'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.`,
      at,
      "invalid_value"
    )
  }
  const { bytes, mediaType } = data
  if (!images.has(mediaType)) {
    return Reading.fail(
      `Invalid MIME type '${mediaType}' for '${at}'. Only image types are supported: image/png, image/jpeg, image/gif and image/webp.`,
      at,
      "invalid_image_format"
    )
  }
  return bytes === undefined
    ? Reading.fail(`Invalid base64 image_url.`, at, "invalid_base64")
    : Result.succeed({ type: "image", mediaType, source: { bytes } })
}

/** A file: its bytes in a data URL, or an address. There are no uploaded files. */
export const file = (
  { file_data: data, file_id: id, file_url: url, filename = "file" }: {
    readonly file_data?: string | undefined
    readonly file_id?: string | undefined
    readonly file_url?: string | undefined
    readonly filename?: string | undefined
  },
  at: string
): Result.Result<Message.DocumentPart, AwsError.AwsError> => {
  const name = filename.replace(/\.[^.]*$/, "") || "file"
  if (id !== undefined) {
    return Reading.fail(`Files [${id}] were not found. The emulator keeps none: send 'file_data'.`, `${at}.file_id`)
  }
  if (url !== undefined) {
    return Result.succeed({ type: "document", mediaType: "application/pdf", name, source: { uri: url } })
  }
  if (data === undefined) return Reading.mistyped("a string", undefined, `${at}.file_data`)
  const read = fromDataUrl(data)
  return read?.bytes === undefined
    ? Reading.fail(
      `Invalid '${at}.file_data'. Expected a base64-encoded data URL such as 'data:application/pdf;base64,…'.`,
      `${at}.file_data`,
      "invalid_value"
    )
    : Result.succeed({ type: "document", mediaType: read.mediaType, name, source: { bytes: read.bytes } })
}

/** A recording. */
export const audio = (
  { data, format }: { readonly data: string; readonly format: "wav" | "mp3" },
  at: string
): Result.Result<Message.AudioPart, AwsError.AwsError> =>
  Result.match(Base64.decode(data), {
    onFailure: () => Reading.fail(`Invalid '${at}.data': expected base64.`, `${at}.data`, "invalid_base64"),
    onSuccess: (bytes) =>
      Result.succeed({
        type: "audio",
        mediaType: format === "wav" ? "audio/wav" : "audio/mpeg",
        source: { bytes }
      })
  })

const images: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

/** The parts of a data URL; no `bytes` where they are not base64. */
const fromDataUrl = (url: string) => {
  const at = url.slice(0, maxHead).indexOf(";base64,")
  if (!url.startsWith("data:") || at < 0) return undefined
  const bytes = Result.getOrUndefined(Base64.decode(url.slice(at + ";base64,".length)))
  return { mediaType: url.slice("data:".length, at).toLowerCase(), bytes }
}

/** A longer head is no media type. */
const maxHead = 256
