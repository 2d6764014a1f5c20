/**
 * Cuts a document into ranges of its text, each within a limit of tokens.
 *
 * From the beginning of a range it finds how far the limit reaches, and goes back from there to the best place to cut: the end
 * of a block, else of a sentence or line, else of a word. So the limit holds for whatever a block is, and the time is in
 * proportion to the length.
 */
import * as Chunk from "../Chunk.ts"
import type * as Document from "../Document.ts"
import * as Boundary from "./boundary.ts"
import * as Sections from "./sections.ts"

export interface Limits {
  readonly maxTokens: number
  readonly overlapTokens: number
  readonly count: (text: string) => number
}

/** A range of the text, and the blocks where it begins and ends. */
export interface Range {
  readonly start: number
  readonly end: number
  readonly context: string
  readonly tokens: number
  readonly firstBlock: Document.Block
  readonly lastBlock: Document.Block
}

/** The ranges of a document; `undefined`, and no more, where not even one character is within the limit. */
export function* ranges(document: Document.Document, limits: Limits): Generator<Range | undefined> {
  const { blocks, text } = document
  const { count, maxTokens, overlapTokens } = limits
  const contextOf = contexts(document, limits)
  // How long the latest range was, which is a good guess of the next one.
  let usual = maxTokens * 3
  for (const section of Sections.of(blocks)) {
    const sectionEnd = blocks[section.last]!.end
    let block = section.first
    let previous: number | undefined
    let start = afterSpace(text, blocks[block]!.start)
    while (start < sectionEnd) {
      while (blocks[block]!.end <= start) block++
      const firstBlock = blocks[block]!
      // Between blocks are marks without text.
      start = Math.max(start, firstBlock.start)
      let context = contextOf(firstBlock)
      const tokensOf = (from: number, to: number) => count(Chunk.withContext({ context, text: text.slice(from, to) }))
      const reachOf = (reserved: number) =>
        furthest(text, start, sectionEnd, usual, (to) => tokensOf(start, to) <= maxTokens - reserved)
      let reach = reachOf(previous === undefined ? 0 : overlapTokens)
      if (reach === start) reach = reachOf(0)
      // Headings are left out where not one character has room beside them.
      if (reach === start && context !== "") {
        context = ""
        reach = reachOf(0)
      }
      if (reach === start) return yield undefined
      usual = reach - start
      const cut = reach === sectionEnd ? reach : bestCut(document, section, block, start, reach)
      let end = start + text.slice(start, cut).trimEnd().length

      let from = previous === undefined || overlapTokens === 0
        ? start
        : overlapStart(
          text,
          previous,
          start,
          grainOf(firstBlock),
          (from) => count(text.slice(from, start)) <= overlapTokens
        )
      let tokens = tokensOf(from, end)
      // Some counts are not larger for longer texts.
      if (tokens > maxTokens && from < start) tokens = tokensOf(from = start, end)
      if (tokens > maxTokens) tokens = tokensOf(start, end = reach)

      while (blocks[block + 1] !== undefined && blocks[block + 1]!.start < end) block++
      yield { start: from, end, context, tokens, firstBlock, lastBlock: blocks[block]! }
      previous = start
      start = afterSpace(text, end)
    }
  }
}

/** The title and the headings around a block, or the last of them, in a quarter of the room. */
const contexts = ({ title }: Document.Document, { count, maxTokens }: Limits) => {
  let latest: { readonly headings: ReadonlyArray<string>; readonly context: string } | undefined
  return ({ headings }: Document.Block): string => {
    if (latest?.headings === headings) return latest.context
    const titles = title === undefined || title === headings[0] ? [...headings] : [title, ...headings]
    while (titles.length > 0 && count(titles.join(separator)) > maxTokens / 4) titles.shift()
    latest = { headings, context: titles.join(separator) }
    return latest.context
  }
}

const separator = " > "

const afterSpace = (text: string, offset: number): number => {
  let after = offset
  while (after < text.length && /\s/.test(text.charAt(after))) after++
  return after
}

/**
 * The largest offset up to `most` that is within the limit, or a little less, at the end of a code point; `start` if there is
 * none.
 */
const furthest = (
  text: string,
  start: number,
  most: number,
  guess: number,
  isWithin: (end: number) => boolean
): number => {
  let low = start
  let high = most
  for (let length = Math.max(1, guess);; length *= 2) {
    const end = aligned(text, Math.min(most, start + length))
    if (end > start) {
      if (!isWithin(end)) {
        high = end
        break
      }
      if (end === most) return most
      low = end
    }
  }
  while (high - low > Math.max(1, (low - start) / precision)) {
    let middle = aligned(text, (low + high) >>> 1)
    if (middle <= low) middle = low + 2
    if (middle >= high) break
    if (isWithin(middle)) low = middle
    else high = middle
  }
  return low
}

/** The part of its length that a range may be too short. */
const precision = 50

/** The offset, or the one before it if it cuts a surrogate pair. */
const aligned = (text: string, offset: number) => Boundary.isBetweenCodePoints(text, offset) ? offset : offset - 1

/** The end of the last block in the first part of a section that is within reach, or a place to cut in a block. */
const bestCut = (
  { blocks, text }: Document.Document,
  section: Sections.Section,
  block: number,
  start: number,
  reach: number
): number => {
  let end: number | undefined
  let index = block
  for (; index < section.last && blocks[index]!.end <= reach; index++) {
    // A heading is not left alone.
    if (blocks[index]!.kind === "heading" && blocks[index + 1]!.kind !== "heading") continue
    end = blocks[index]!.end
  }
  return end !== undefined && end - start > (reach - start) / 3
    ? end
    : Boundary.last(text, start, reach, grainOf(blocks[index]!))
}

const grainOf = ({ kind }: Document.Block): Boundary.Grain =>
  kind === "code" || kind === "table" || kind === "html" || kind === "metadata" ? "lines" : "sentences"

/** Where the overlap begins: `start` if there is none. */
const overlapStart = (
  text: string,
  previous: number,
  start: number,
  grain: Boundary.Grain,
  isWithin: (from: number) => boolean
): number => {
  let low = previous
  let high = start
  while (high - low > 1) {
    let middle = aligned(text, (low + high) >>> 1)
    if (middle <= low) middle = low + 2
    if (middle >= high) break
    if (isWithin(middle)) high = middle
    else low = middle
  }
  return afterSpace(text, Boundary.first(text, high, start, grain))
}
