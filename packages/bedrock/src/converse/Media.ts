/**
 * Maps media types to Bedrock's formats and back, and media sources likewise.
 */
import type {
  AudioFormat,
  DocumentFormat,
  DocumentSource,
  ImageFormat,
  VideoFormat
} from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/chat/Message"

/** Pairs of a media type and a format. When one occurs twice, the first pair wins. */
type Formats<Format> = ReadonlyArray<readonly [mediaType: string, format: Format]>

/** Formats of images. */
export const image: Formats<ImageFormat> = [
  ["image/png", "png"],
  ["image/jpeg", "jpeg"],
  ["image/gif", "gif"],
  ["image/webp", "webp"]
]

/** Formats of documents. */
export const document: Formats<DocumentFormat> = [
  ["application/pdf", "pdf"],
  ["text/csv", "csv"],
  ["application/msword", "doc"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"],
  ["application/vnd.ms-excel", "xls"],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"],
  ["text/html", "html"],
  ["text/plain", "txt"],
  ["text/markdown", "md"]
]

/** Formats of videos. */
export const video: Formats<VideoFormat> = [
  ["video/mp4", "mp4"],
  ["video/quicktime", "mov"],
  ["video/x-matroska", "mkv"],
  ["video/webm", "webm"],
  ["video/x-flv", "flv"],
  ["video/mpeg", "mpeg"],
  ["video/mpg", "mpg"],
  ["video/x-ms-wmv", "wmv"],
  ["video/3gpp", "three_gp"]
]

/** Formats of audio. */
export const audio: Formats<AudioFormat> = [
  ["audio/mpeg", "mp3"],
  ["audio/mp3", "mp3"],
  ["audio/wav", "wav"],
  ["audio/x-wav", "wav"],
  ["audio/flac", "flac"],
  ["audio/ogg", "ogg"],
  ["audio/opus", "opus"],
  ["audio/aac", "aac"],
  ["audio/x-aac", "x-aac"],
  ["audio/mp4", "mp4"],
  ["audio/x-m4a", "m4a"],
  ["audio/webm", "webm"],
  ["audio/x-matroska", "mka"],
  ["audio/matroska", "mkv"],
  ["audio/x-mpeg", "mpeg"],
  ["audio/mpga", "mpga"],
  ["audio/pcm", "pcm"]
]

/** The format of a media type or one of its aliases; parameters such as `; charset=utf-8` are ignored. */
export const formatOf = <Format>(formats: Formats<Format>, mediaType: string): Format | undefined => {
  const plain = mediaType.split(";", 1).join().trim().toLowerCase()
  const known = formats.find(([known]) => known === plain) ??
    formats.find(([known]) => known === aliases.get(plain))
  return known?.[1]
}

/** Media types used by upload forms, browsers and operating systems instead of the registered names. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"],
  ["image/jfif", "image/jpeg"],
  ["image/x-jpeg", "image/jpeg"],
  ["image/x-jpg", "image/jpeg"],
  ["image/x-citrix-jpeg", "image/jpeg"],
  ["image/x-png", "image/png"],
  ["image/x-citrix-png", "image/png"],
  ["image/apng", "image/png"],
  ["image/x-gif", "image/gif"],
  ["image/x-webp", "image/webp"],

  ["application/x-pdf", "application/pdf"],
  ["application/acrobat", "application/pdf"],
  ["application/vnd.pdf", "application/pdf"],
  ["text/pdf", "application/pdf"],
  ["text/x-pdf", "application/pdf"],
  ["application/csv", "text/csv"],
  ["application/x-csv", "text/csv"],
  ["text/x-csv", "text/csv"],
  ["text/comma-separated-values", "text/csv"],
  ["text/x-comma-separated-values", "text/csv"],
  ["application/vnd.msword", "application/msword"],
  ["application/vnd.ms-word", "application/msword"],
  ["application/x-msword", "application/msword"],
  ["application/doc", "application/msword"],
  ["application/msexcel", "application/vnd.ms-excel"],
  ["application/x-msexcel", "application/vnd.ms-excel"],
  ["application/x-ms-excel", "application/vnd.ms-excel"],
  ["application/excel", "application/vnd.ms-excel"],
  ["application/x-excel", "application/vnd.ms-excel"],
  ["application/xls", "application/vnd.ms-excel"],
  ["application/docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  ["application/xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
  ["application/xhtml+xml", "text/html"],
  ["application/html", "text/html"],
  ["text/txt", "text/plain"],
  ["application/txt", "text/plain"],
  ["text/x-markdown", "text/markdown"],
  ["text/md", "text/markdown"],
  ["text/x-md", "text/markdown"],
  ["application/markdown", "text/markdown"],
  ["application/x-markdown", "text/markdown"],

  ["video/x-mp4", "video/mp4"],
  ["video/x-m4v", "video/mp4"],
  ["video/mpeg4", "video/mp4"],
  ["application/mp4", "video/mp4"],
  ["video/x-quicktime", "video/quicktime"],
  ["video/mov", "video/quicktime"],
  ["video/matroska", "video/x-matroska"],
  ["video/mkv", "video/x-matroska"],
  ["video/x-mkv", "video/x-matroska"],
  ["video/x-webm", "video/webm"],
  ["video/flv", "video/x-flv"],
  ["video/x-mpeg", "video/mpeg"],
  ["video/x-mpg", "video/mpg"],
  ["video/wmv", "video/x-ms-wmv"],
  ["video/x-wmv", "video/x-ms-wmv"],
  ["video/3gp", "video/3gpp"],
  ["video/three_gp", "video/3gpp"],

  ["audio/x-mp3", "audio/mp3"],
  ["audio/mpeg3", "audio/mp3"],
  ["audio/x-mpeg-3", "audio/mp3"],
  ["audio/x-mpegaudio", "audio/mp3"],
  ["audio/wave", "audio/wav"],
  ["audio/vnd.wave", "audio/wav"],
  ["audio/x-pn-wav", "audio/wav"],
  ["audio/x-wave", "audio/wav"],
  ["audio/x-flac", "audio/flac"],
  ["audio/x-ogg", "audio/ogg"],
  ["application/ogg", "audio/ogg"],
  ["audio/x-opus", "audio/opus"],
  ["audio/aacp", "audio/aac"],
  ["audio/m4a", "audio/x-m4a"],
  ["audio/x-mp4", "audio/mp4"],
  ["audio/mka", "audio/x-matroska"],
  ["audio/mkv", "audio/matroska"],
  ["audio/x-webm", "audio/webm"],
  ["audio/x-pcm", "audio/pcm"]
])

/** The media type of a format. */
export const mediaTypeOf = (formats: Formats<string>, format: string): string | undefined =>
  formats.find(([, known]) => known === format)?.[0]

/** Encodes a source. */
export const encodeSource = (source: Message.MediaSource) =>
  "bytes" in source ? { bytes: source.bytes } : {
    s3Location: {
      uri: source.uri,
      ...(source.bucketOwner === undefined ? undefined : { bucketOwner: source.bucketOwner })
    }
  }

/** Encodes the source of a document, which may also be text. */
export const encodeDocumentSource = (source: Message.DocumentSource): DocumentSource =>
  "text" in source
    ? { text: source.text }
    : "pieces" in source
    ? { content: source.pieces.map((text) => ({ text })) }
    : encodeSource(source)

/** Decodes a source; `undefined` when it has neither bytes nor a location. */
export const decodeSource = (
  source: {
    readonly bytes?: Uint8Array | undefined
    readonly s3Location?: { readonly uri: string | undefined; readonly bucketOwner?: string | undefined } | undefined
  } | undefined
): Message.MediaSource | undefined => {
  if (source?.bytes !== undefined) return { bytes: source.bytes }
  if (source?.s3Location?.uri === undefined) return undefined
  const { bucketOwner, uri } = source.s3Location
  return { uri, ...(bucketOwner === undefined ? undefined : { bucketOwner }) }
}
