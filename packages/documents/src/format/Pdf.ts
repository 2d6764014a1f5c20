/**
 * PDF: the text of each page, one page at a time. Headings are what stands in larger letters than most of the text.
 */
import * as Effect from "effect/Effect"
import * as DocumentError from "../DocumentError.ts"
import * as Decode from "../internal/decode.ts"
import * as Outline from "../internal/outline.ts"
import * as PdfPages from "../PdfPages.ts"
import type { Parsed } from "./Parsed.ts"
import type * as PdfText from "./PdfText.ts"

interface PagedParagraph extends PdfText.Paragraph {
  readonly page: number
}

/** `most`: the most characters of text. */
export const read = Effect.fnUntraced(function*(document: string, bytes: Uint8Array, most: number) {
  const pages = yield* PdfPages.open(document, bytes)
  if (pages.count > mostPages) return yield* tooLarge(document, "pages", mostPages, pages.count)
  const paragraphs: Array<PagedParagraph> = []
  const emptyPages: Array<number> = []
  let removed = 0
  let room = most
  for (let page = 1; page <= pages.count; page++) {
    const before = paragraphs.length
    for (const { size, text } of yield* pages.read(page)) {
      const cleaned = Decode.clean(text)
      const kept = cleaned.text.trim()
      removed += cleaned.removed
      room -= kept.length
      if (kept !== "") paragraphs.push({ text: kept, size, page })
    }
    if (room < 0) return yield* tooLarge(document, "characters", most)
    if (paragraphs.length === before) emptyPages.push(page)
  }
  if (paragraphs.length === 0) {
    return yield* new DocumentError.NoTextError({
      document,
      pages: pages.count,
      message:
        `${document} has no text on its ${pages.count} pages: it is probably scanned. Recognize its text (OCR) first`
    })
  }
  return yield* assembled(document, paragraphs, { removed, pages: pages.count, emptyPages })
}, Effect.scoped)

const mostPages = 100_000

const tooLarge = (document: string, unit: "pages" | "characters", limit: number, actual?: number) =>
  Effect.fail(
    new DocumentError.DocumentTooLargeError({
      document,
      unit,
      limit,
      actual,
      message: `${document} has ${actual ?? `more than ${limit}`} ${unit}; ${limit} are the limit`
    })
  )

const assembled = Effect.fnUntraced(function*(
  document: string,
  paragraphs: ReadonlyArray<PagedParagraph>,
  rest: Pick<Parsed, "removed" | "pages" | "emptyPages">
) {
  const outline = Outline.make(document)
  const levelOf = headingLevels(paragraphs)
  const pieces: Array<string> = []
  let start = 0
  for (const { page, size, text } of paragraphs) {
    const end = start + text.length
    const level = levelOf({ size, text })
    const position = { unit: "page", first: page, last: page } as const
    outline.add(
      level === undefined
        ? { kind: "paragraph", start, end, position }
        : { kind: "heading", level, title: text, start, end, position }
    )
    pieces.push(text)
    start = end + separator.length
  }
  yield* outline.check
  const text = pieces.join(separator)
  const parsed: Parsed = { text, blocks: outline.blocks(text), ...rest }
  return parsed
})

const separator = "\n\n"

/** Levels of headings by the size of their letters, the largest is 1; `undefined` for other paragraphs. */
const headingLevels = (paragraphs: ReadonlyArray<PdfText.Paragraph>) => {
  const characters = new Map<number, number>()
  for (const { size, text } of paragraphs) {
    characters.set(rounded(size), (characters.get(rounded(size)) ?? 0) + text.length)
  }
  const [[usual] = [0]] = [...characters].sort(([, one], [, other]) => other - one)
  const isHeading = ({ size, text }: PdfText.Paragraph) =>
    rounded(size) >= usual * 1.15 && text.length <= longestHeading && /\p{L}/u.test(text)
  const sizes = [...new Set(paragraphs.filter(isHeading).map(({ size }) => rounded(size)))].sort((one, other) =>
    other - one
  )
  const levels = new Map(sizes.map((size, index) => [size, Math.min(index + 1, 6)]))
  return (paragraph: PdfText.Paragraph) => isHeading(paragraph) ? levels.get(rounded(paragraph.size)) : undefined
}

/** To half a point. */
const rounded = (size: number) => Math.round(size * 2) / 2

const longestHeading = 200
