import type * as Document from "../Document.ts"

/** What the reader of one format gives. */
export type Parsed =
  & Pick<Document.Document, "text" | "blocks" | "removed">
  & Partial<Pick<Document.Document, "title" | "pages" | "emptyPages">>
