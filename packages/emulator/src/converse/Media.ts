/**
 * Formats and media types: `png` in Converse is `image/png` in core.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"

/** The media type of each format, by kind of block. */
export const mediaTypes = {
  image: { gif: "image/gif", jpeg: "image/jpeg", png: "image/png", webp: "image/webp" },
  document: {
    pdf: "application/pdf",
    csv: "text/csv",
    doc: "application/msword",
    docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    xls: "application/vnd.ms-excel",
    xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    html: "text/html",
    txt: "text/plain",
    md: "text/markdown"
  },
  video: {
    mkv: "video/x-matroska",
    mov: "video/quicktime",
    mp4: "video/mp4",
    webm: "video/webm",
    flv: "video/x-flv",
    mpeg: "video/mpeg",
    mpg: "video/mpeg",
    wmv: "video/x-ms-wmv",
    three_gp: "video/3gpp"
  },
  audio: {
    mp3: "audio/mpeg",
    opus: "audio/opus",
    wav: "audio/wav",
    aac: "audio/aac",
    flac: "audio/flac",
    mp4: "audio/mp4",
    ogg: "audio/ogg",
    mkv: "audio/x-matroska",
    mka: "audio/x-matroska",
    "x-aac": "audio/x-aac",
    m4a: "audio/m4a",
    mpeg: "audio/mpeg",
    mpga: "audio/mpeg",
    pcm: "audio/pcm",
    webm: "audio/webm"
  }
} as const

/** The format of a media type; the subtype, when it is not listed. */
export const formatOf = (kind: keyof typeof mediaTypes, mediaType: string): string => {
  const found = Object.entries(mediaTypes[kind]).find(([, listed]) => listed === mediaType)
  return found?.[0] ?? mediaType.slice(mediaType.indexOf("/") + 1)
}

/** A media source in a decoded request. */
export interface Source {
  readonly bytes?: Uint8Array
  readonly s3Location?: { readonly uri: string; readonly bucketOwner?: string }
}

/** Decodes a source; `undefined` when none is set. */
export const fromWire = (source: Source): Message.MediaSource | undefined =>
  source.bytes === undefined ? source.s3Location : { bytes: source.bytes }

/** Encodes a source. */
export const toWire = (source: Message.MediaSource): unknown =>
  "bytes" in source ? { bytes: Base64.encode(source.bytes) } : { s3Location: source }
