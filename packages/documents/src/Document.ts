/**
 * What was read from a file: its text, and the blocks of the text with their headings and positions.
 */

/** The formats that `Reader` reads. */
export type Format = "markdown" | "text" | "html" | "pdf"

/** `metadata` is the front matter of Markdown, `html` a block of HTML within Markdown. */
export type Kind = "heading" | "paragraph" | "list-item" | "quote" | "code" | "table" | "html" | "metadata"

/** Where something stands in the file: lines or pages, counted from 1, `last` included. */
export interface Position {
  readonly unit: "line" | "page"
  readonly first: number
  readonly last: number
}

/**
 * A heading, a paragraph, an item of a list, a block of code, a table (of HTML: a row of it), and so on.
 *
 * - `text`: `document.text.slice(start, end)`; offsets are in UTF-16 code units, as those of JavaScript's strings.
 * - `headings`: the titles of the sections that the block stands in, from the outermost one, without markup, each of 200
 *   characters at most. That of a heading does not include itself.
 * - `title`, `level`: of a heading.
 */
export interface Block {
  readonly kind: Kind
  readonly text: string
  readonly start: number
  readonly end: number
  readonly headings: ReadonlyArray<string>
  readonly title?: string | undefined
  readonly level?: number | undefined
  readonly position: Position
}

/**
 * A file that was read.
 *
 * - `name`: the name of the source.
 * - `title`: of the front matter of Markdown, or of the `title` element of HTML.
 * - `text`: of Markdown and plain text the file itself, with `\n` for all ends of lines; else the visible text. Well-formed,
 *   and without control characters.
 * - `blocks`: in the order of the text, apart from each other. All text but white space, rules and lone marks is in a block.
 * - `removed`: how many characters were left out of the text: control characters and halves of surrogate pairs.
 * - `pages`, `emptyPages`: of a PDF, how many pages it has, and which of them, counted from 1, have no text: they are blank,
 *   scanned, or cannot be read.
 */
export interface Document {
  readonly name: string
  readonly format: Format
  readonly title?: string | undefined
  readonly text: string
  readonly blocks: ReadonlyArray<Block>
  readonly removed: number
  readonly pages?: number | undefined
  readonly emptyPages: ReadonlyArray<number>
}
