/**
 * Reads documents: Markdown, HTML, PDF and plain text.
 *
 * What is read keeps its place: lines or pages, and offsets in the text. `Splitter` cuts it into chunks.
 */
import * as Effect from "effect/Effect"
import type * as Document from "./Document.ts"
import * as DocumentError from "./DocumentError.ts"
import * as Format from "./format/Format.ts"
import * as Html from "./format/Html.ts"
import * as Markdown from "./format/Markdown.ts"
import type { Parsed } from "./format/Parsed.ts"
import * as Pdf from "./format/Pdf.ts"
import * as PlainText from "./format/PlainText.ts"
import * as Check from "./internal/check.ts"
import * as Decode from "./internal/decode.ts"

/**
 * A document to read.
 *
 * - `name`: what citations and keys call it, such as the path of a file.
 * - `bytes`: the whole file; they are not changed.
 * - `mediaType`: says the format, and with `; charset=…` the encoding of the text. Without one, the extension of the name
 *   says the format, else the first bytes do.
 */
export interface Source {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mediaType?: string | undefined
}

/** `maxBytes`: the most bytes of a file, and the most characters of the text of a PDF; 32 MiB by default. */
export interface Options {
  readonly maxBytes?: number | undefined
}

/**
 * Reads a document. Equal bytes give equal documents.
 *
 * Text is UTF-8, or UTF-16 with a byte order mark, or in the encoding that the media type or the page itself names. Control
 * characters and halves of surrogate pairs are left out and counted (`removed`).
 *
 * - HTML: scripts, navigation and hidden elements are left out; style sheets are not read.
 * - PDF: `emptyPages` are those without text. Fonts that need tables of characters which the file does not have (some
 *   Chinese, Japanese and Korean ones) give no text.
 *
 * Fails with
 * - `InvalidOptionError` if an argument cannot be right;
 * - `UnsupportedFormatError` for other media types, and for binary content whose format nothing says;
 * - `TextDecodingError`, with the offset of the first wrong byte;
 * - `DocumentTooLargeError` above `maxBytes`, a million blocks or 100,000 pages;
 * - `UnreadableDocumentError` for a PDF that is damaged or locked;
 * - `NoTextError` for a PDF of which no page has text.
 *
 * @example
 * const document = yield* Reader.read({ name: "handbook.md", bytes: yield* fileSystem.readFile(path) })
 */
export const read = Effect.fnUntraced(function*(
  source: Source,
  options: Options = {}
): Effect.fn.Return<Document.Document, DocumentError.DocumentError> {
  const { bytes, mediaType, name } = yield* Check.struct<Source>("source", source, {
    name: Check.name,
    bytes: Check.bytes,
    mediaType: Check.optional(Check.text)
  })
  const { maxBytes = usualLimit } = yield* Check.struct<Options>("options", options, {
    maxBytes: Check.optional(Check.whole(1))
  })
  if (bytes.length > maxBytes) {
    return yield* new DocumentError.DocumentTooLargeError({
      document: name,
      unit: "bytes",
      actual: bytes.length,
      limit: maxBytes,
      message: `${name} has ${bytes.length} bytes; ${maxBytes} are the limit. Divide it, or set \`maxBytes\``
    })
  }
  const { charset, format } = yield* Effect.fromResult(Format.find({ name, bytes, mediaType }))
  const parsed = yield* parse(name, format, bytes, charset, maxBytes)
  return { name, format, emptyPages: [], ...parsed }
}, Effect.withSpan("Reader.read", {}, { captureStackTrace: false }))

const usualLimit = 32 * 1024 * 1024

const parse = (
  name: string,
  format: Document.Format,
  bytes: Uint8Array,
  charset: string | undefined,
  maxBytes: number
): Effect.Effect<Parsed, DocumentError.DocumentError> => {
  switch (format) {
    case "pdf":
      return Pdf.read(name, bytes, maxBytes)
    case "html":
      return Effect.flatMap(
        Decode.decode(name, bytes, charset ?? Html.charsetOf(bytes)),
        (text) => Html.read(name, text)
      )
    case "markdown":
      return Effect.flatMap(Decode.decode(name, bytes, charset), (text) => Markdown.read(name, text))
    case "text":
      return Effect.flatMap(Decode.decode(name, bytes, charset), (text) => PlainText.read(name, text))
  }
}
