/**
 * The errors of reading and splitting, as one flat union. None holds text of a document.
 */
import * as Schema from "effect/Schema"
import * as TaggedError from "./internal/taggedError.ts"

const fields = {
  /** The name of the source. */
  document: Schema.String,
  message: Schema.String
}

/**
 * An argument or an option cannot be right.
 *
 * When: `Reader.read` or `Splitter.split` gets a value of the wrong type or out of range.
 *
 * - `field`: its path; `problem`: what is wrong with it; `remedy`: what to do about it.
 *
 * Remedy: change what `field` names, as `remedy` says.
 */
export class InvalidOptionError extends TaggedError.make<InvalidOptionError>()("InvalidOptionError", {
  field: Schema.String,
  problem: Schema.String,
  remedy: Schema.String,
  message: Schema.String
}) {}

/**
 * The document has no format that can be read here.
 *
 * When: the media type is another one than Markdown, HTML, PDF or text, or binary content has no known format.
 *
 * - `mediaType`: as it was given, if it was.
 *
 * Remedy: convert the document, or give its `mediaType` if it is one of the formats.
 */
export class UnsupportedFormatError extends TaggedError.make<UnsupportedFormatError>()("UnsupportedFormatError", {
  ...fields,
  mediaType: Schema.optional(Schema.String)
}) {}

/**
 * The bytes are no text of the encoding.
 *
 * When: a document is not UTF-8, and neither a byte order mark, nor the media type, nor the page names another
 * encoding.
 *
 * - `encoding`: the one that was tried; `offset`: of the first byte that is wrong, where it is known.
 *
 * Remedy: give the encoding in the media type: `text/html; charset=windows-1252`.
 */
export class TextDecodingError extends TaggedError.make<TextDecodingError>()("TextDecodingError", {
  ...fields,
  encoding: Schema.String,
  offset: Schema.optional(Schema.Finite)
}) {}

/**
 * The document is larger than a limit.
 *
 * When: a file has more bytes than `maxBytes`, or more blocks or pages than can be read.
 *
 * - `unit`, `limit`: of the limit; `actual`: the size, missing where reading ended at the limit.
 *
 * Remedy: divide the document, or raise `maxBytes`.
 */
export class DocumentTooLargeError extends TaggedError.make<DocumentTooLargeError>()("DocumentTooLargeError", {
  ...fields,
  unit: Schema.Literals(["bytes", "characters", "blocks", "pages"]),
  limit: Schema.Finite,
  actual: Schema.optional(Schema.Finite)
}) {}

/**
 * The document is damaged, or locked with a password.
 *
 * When: a PDF has no pages that can be read, or needs a password.
 *
 * - `isLocked`: it needs a password.
 *
 * Remedy: repair or unlock the file.
 */
export class UnreadableDocumentError extends TaggedError.make<UnreadableDocumentError>()("UnreadableDocumentError", {
  ...fields,
  isLocked: Schema.Boolean,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The PDF has no text at all, so it is probably scanned.
 *
 * When: no page of a PDF has text.
 *
 * - `pages`: how many it has.
 *
 * Remedy: recognize its text with other software first, or send its pages to a model as images.
 */
export class NoTextError extends TaggedError.make<NoTextError>()("NoTextError", {
  ...fields,
  pages: Schema.Finite
}) {}

/** What reading a document fails with. */
export type DocumentError = typeof DocumentError.Type
export const DocumentError = Schema.Union([
  InvalidOptionError,
  UnsupportedFormatError,
  TextDecodingError,
  DocumentTooLargeError,
  UnreadableDocumentError,
  NoTextError
])
