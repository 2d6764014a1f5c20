/**
 * Media types and the formats Bedrock calls them, both ways; where the bytes are, both ways.
 */
import type {
  AudioFormat,
  DocumentFormat,
  DocumentSource,
  ImageFormat,
  VideoFormat
} from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/Message"

/** Pairs of a media type and a format. Where one stands twice, the first pair counts. */
type Formats<Format> = ReadonlyArray<readonly [mediaType: string, format: Format]>

/** What an image may be. */
export const image: Formats<ImageFormat> = [
  ["image/png", "png"],
  ["image/jpeg", "jpeg"],
  ["image/gif", "gif"],
  ["image/webp", "webp"]
]

/** What a document may be. */
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

/** What a video may be. */
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

/** What a recording may be. */
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

/** The format of a media type, parameters such as `; charset=utf-8` left aside. */
export const formatOf = <Format>(formats: Formats<Format>, mediaType: string): Format | undefined => {
  const plain = mediaType.split(";", 1).join().trim().toLowerCase()
  return formats.find(([known]) => known === plain)?.[1]
}

/** The media type of a format. */
export const mediaTypeOf = (formats: Formats<string>, format: string): string | undefined =>
  formats.find(([, known]) => known === format)?.[0]

/** A source as Bedrock writes it. */
export const encodeSource = (source: Message.MediaSource) =>
  "bytes" in source ? { bytes: source.bytes } : {
    s3Location: {
      uri: source.uri,
      ...(source.bucketOwner === undefined ? undefined : { bucketOwner: source.bucketOwner })
    }
  }

/** A source of a document, which may also be text. */
export const encodeDocumentSource = (source: Message.DocumentSource): DocumentSource =>
  "text" in source
    ? { text: source.text }
    : "pieces" in source
    ? { content: source.pieces.map((text) => ({ text })) }
    : encodeSource(source)

/** A source Bedrock wrote; nothing when it holds neither bytes nor a location. */
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
