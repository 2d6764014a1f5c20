/**
 * Files as parts of a message: images, documents, recordings, and any text.
 */
import type { Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as CommandError from "../process/CommandError.ts"

/** Bytes of all files together that a request can hold: Bedrock takes 25 MB, in which they are base64. */
export const maxBytes = 18_000_000

/** The part of a file, by its name and its content. */
export const read = Effect.fnUntraced(function*(file: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const info = yield* Effect.mapError(fileSystem.stat(file), unreadable(file))
  if (info.type === "Directory") {
    return yield* CommandError.usage(`${file} is a folder: name the files in it`)
  }
  if (info.size > BigInt(maxBytes)) {
    return yield* CommandError.usage(
      `${file} has ${Math.ceil(Number(info.size) / 1_000_000)} MB: a request takes ${maxBytes / 1_000_000} MB of files`
    )
  }
  const bytes = yield* Effect.mapError(fileSystem.readFile(file), unreadable(file))
  return yield* of(path.basename(file), bytes)
})

const unreadable = (file: string) => (cause: PlatformError.PlatformError) =>
  CommandError.usage(`${file} cannot be read: ${CommandError.whyNot(cause)}`, cause)

/** The part of a content with a name. */
export const of = Effect.fnUntraced(function*(
  name: string,
  bytes: Uint8Array
): Effect.fn.Return<Message.UserPart, CommandError.CommandError> {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""
  const mediaType = signatureOf(bytes) ?? mediaTypes[extension]
  if (mediaType === undefined) return yield* text(name, bytes)
  const source = { bytes }
  switch (mediaType.split("/", 1)[0]) {
    case "image":
      return { type: "image", mediaType, source }
    case "video":
      return { type: "video", mediaType, source }
    case "audio":
      return { type: "audio", mediaType, source }
    default:
      return { type: "document", mediaType, name: documentName(name), source }
  }
})

/** Text is part of the prompt: any model reads it, and may quote the name. */
const text = Effect.fnUntraced(function*(name: string, bytes: Uint8Array) {
  const decoded = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: (cause) =>
      CommandError.usage(
        `${name} is neither text in UTF-8 nor an image, document, video or recording that models read`,
        cause
      )
  })
  const escaped = decoded.replace(/<(\/?document)/gi, "&lt;$1")
  return {
    type: "text" as const,
    text: `<document source="${name.replace(/["<>&\r\n]/g, "_")}">\n${escaped}\n</document>\n`
  }
})

/** Names of documents may hold letters, digits, single spaces, hyphens and brackets. */
const documentName = (name: string): string =>
  name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}()[\]-]+/gu, " ").trim().slice(0, 200) || "document"

/** Types that models read by the bytes they begin with: names can be wrong, and are for pictures of cameras and phones. */
const signatureOf = (bytes: Uint8Array): string | undefined => {
  const begins = (text: string, at = 0) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", at, at + text.length) === text
  if (begins("\x89PNG\r\n")) return "image/png"
  if (begins("\xff\xd8\xff")) return "image/jpeg"
  if (begins("GIF8")) return "image/gif"
  if (begins("RIFF") && begins("WEBP", 8)) return "image/webp"
  if (begins("%PDF-")) return "application/pdf"
  return undefined
}

const office = "application/vnd.openxmlformats-officedocument"

/** Types that are known by the extension; any other file is text. */
const mediaTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
  doc: "application/msword",
  docx: `${office}.wordprocessingml.document`,
  xls: "application/vnd.ms-excel",
  xlsx: `${office}.spreadsheetml.sheet`,
  mp4: "video/mp4",
  mov: "video/quicktime",
  mkv: "video/x-matroska",
  webm: "video/webm",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  flac: "audio/flac"
}
