/**
 * A part of a document that is embedded and found as one, and says where it comes from.
 */
import type * as Document from "./Document.ts"

/**
 * A part of a document, for embedding and citations.
 *
 * - `source`: the name of the document.
 * - `index`: its place among the chunks of the document, from 0.
 * - `text`: `document.text.slice(start, end)`, well-formed, without white space around it.
 * - `headings`: the titles of the sections it stands in, from the outermost one, its own heading included.
 * - `context`: the title of the document and the headings that are not in the text itself, as ` > ` joins them; as much of
 *   them as fits into a quarter of the limit.
 * - `position`: its lines or pages in the file.
 * - `tokens`: how many {@link withContext} has, by the function that split the document.
 * - `hash`: SHA-256 of {@link withContext} in hexadecimal digits: equal chunks of any documents have the same one.
 * - `key`: made of the source, the offsets and the hash. No two chunks have the same, and the same chunk has it again.
 */
export interface Chunk {
  readonly source: string
  readonly index: number
  readonly text: string
  readonly start: number
  readonly end: number
  readonly headings: ReadonlyArray<string>
  readonly context: string
  readonly position: Document.Position
  readonly tokens: number
  readonly hash: string
  readonly key: string
}

/** What to embed: the context, a blank line and the text. */
export const withContext = (chunk: Pick<Chunk, "context" | "text">): string =>
  chunk.context === "" ? chunk.text : `${chunk.context}\n\n${chunk.text}`

/** Where a chunk stands, for people: `handbook.md, lines 3-9`, or `report.pdf, page 4`. */
export const cite = ({ position: { first, last, unit }, source }: Pick<Chunk, "position" | "source">): string =>
  `${source}, ${first === last ? `${unit} ${first}` : `${unit}s ${first}-${last}`}`
