/**
 * The errors of reading and splitting, as one flat union. None holds text of a document.
 */
import * as Schema from "effect/Schema"

const fields = {
  /** The name of the source. */
  document: Schema.String,
  message: Schema.String
}

/** An argument or an option cannot be right. `field` is its path, `remedy` what to do about it. */
export class InvalidOptionError extends Schema.TaggedError<InvalidOptionError>()("InvalidOptionError", {
  field: Schema.String,
  problem: Schema.String,
  remedy: Schema.String,
  message: Schema.String
}) {}

/** The document is of no format that can be read here; `mediaType` if it was given. */
export class UnsupportedFormatError extends Schema.TaggedError<UnsupportedFormatError>()("UnsupportedFormatError", {
  ...fields,
  mediaType: Schema.optional(Schema.String)
}) {}

/** The bytes are no text of the `encoding`. `offset` is that of the first byte that is wrong, where it is known. */
export class TextDecodingError extends Schema.TaggedError<TextDecodingError>()("TextDecodingError", {
  ...fields,
  encoding: Schema.String,
  offset: Schema.optional(Schema.Finite)
}) {}

/** The document is larger than the limit. `actual` is missing where reading ended at the limit. */
export class DocumentTooLargeError extends Schema.TaggedError<DocumentTooLargeError>()("DocumentTooLargeError", {
  ...fields,
  unit: Schema.Literals(["bytes", "characters", "blocks", "pages"]),
  limit: Schema.Finite,
  actual: Schema.optional(Schema.Finite)
}) {}

/** The document is broken, or locked with a password (`isLocked`). */
export class UnreadableDocumentError extends Schema.TaggedError<UnreadableDocumentError>()("UnreadableDocumentError", {
  ...fields,
  isLocked: Schema.Boolean,
  cause: Schema.optional(Schema.Defect())
}) {}

/** A PDF without any text: it is probably scanned. `pages` is how many it has. */
export class NoTextError extends Schema.TaggedError<NoTextError>()("NoTextError", {
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
