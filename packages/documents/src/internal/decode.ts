/**
 * Bytes → text: UTF-8, UTF-16 with a byte order mark, or the encoding that was named. Nothing is ever replaced by U+FFFD.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as DocumentError from "../DocumentError.ts"

/** Decodes without the byte order mark, which wins over the `charset`. */
export const decode = (
  document: string,
  bytes: Uint8Array,
  charset: string | undefined
): Effect.Effect<string, DocumentError.TextDecodingError> => {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return utf8(document, bytes, 3)
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16(document, bytes, 2, true)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return utf16(document, bytes, 2, false)
  const encoding = charset?.toLowerCase() ?? "utf-8"
  switch (encoding) {
    case "utf-8":
    case "utf8":
    case "us-ascii":
      return utf8(document, bytes, 0)
    case "utf-16":
    case "utf-16le":
      return utf16(document, bytes, 0, true)
    case "utf-16be":
      return utf16(document, bytes, 0, false)
    default:
      return named(document, bytes, encoding)
  }
}

const utf8 = (document: string, bytes: Uint8Array, from: number) => {
  const rest = bytes.subarray(from)
  return Result.match(Result.try(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(rest)), {
    onSuccess: (text) => Effect.succeed(text),
    onFailure: () => {
      const offset = from + firstInvalid(rest)
      return failure(
        document,
        "utf-8",
        offset,
        `is not UTF-8: byte ${offset} is wrong. Convert it, or name its encoding in the media type: text/plain; ` +
          "charset=windows-1252"
      )
    }
  })
}

/** The offset of the first bytes that are not UTF-8, among some that are wrong. */
const firstInvalid = (bytes: Uint8Array): number => {
  const lossy = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
  let offset = 0
  let from = 0
  for (;;) {
    const at = lossy.indexOf("\ufffd", from)
    offset += new TextEncoder().encode(lossy.slice(from, at)).length
    // A character that says "unknown" may also stand in the text itself.
    const isReal = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd
    if (!isReal || at === -1) return offset
    offset += 3
    from = at + 1
  }
}

/** Halves of surrogate pairs are kept for now: they are cleaned away with other characters, and counted. */
const utf16 = (document: string, bytes: Uint8Array, from: number, isLittleEndian: boolean) => {
  const encoding = isLittleEndian ? "utf-16le" : "utf-16be"
  if ((bytes.length - from) % 2 === 1) {
    const offset = bytes.length - 1
    return failure(document, encoding, offset, `is not UTF-16: byte ${offset}, the last one, is half of a unit`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: Array<string> = []
  for (let start = from; start < bytes.length; start += unitsAtOnce * 2) {
    const length = Math.min(unitsAtOnce, (bytes.length - start) / 2)
    const units = Uint16Array.from({ length }, (_, index) => view.getUint16(start + index * 2, isLittleEndian))
    pieces.push(String.fromCharCode(...units))
  }
  return Effect.succeed(pieces.join(""))
}

/** Few enough to be the arguments of a call. */
const unitsAtOnce = 8192

const named = (document: string, bytes: Uint8Array, encoding: string) =>
  Result.match(Result.try(() => new TextDecoder(encoding, { fatal: true })), {
    onFailure: () =>
      failure(document, encoding, undefined, "is in an encoding that is not known here. Convert it to UTF-8"),
    onSuccess: (decoder) =>
      Result.match(Result.try(() => decoder.decode(bytes)), {
        onFailure: () => failure(document, encoding, undefined, `is not ${encoding} as it says. Convert it to UTF-8`),
        onSuccess: (text) => Effect.succeed(text)
      })
  })

const failure = (document: string, encoding: string, offset: number | undefined, what: string) =>
  Effect.fail(new DocumentError.TextDecodingError({ document, encoding, offset, message: `${document} ${what}` }))

/** The text without control characters and halves of surrogate pairs, and how many there were. */
export const clean = (text: string): { readonly text: string; readonly removed: number } => {
  const cleaned = text.replace(unwanted, "")
  return { text: cleaned, removed: text.length - cleaned.length }
}

/** Databases, JSON and providers refuse them. */
const unwanted = /(?![\t\n\v\f\r\u0085])[\p{Cc}\p{Cs}]/gu
