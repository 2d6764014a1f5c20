/**
 * Splits Markdown and documentation comments into sentences.
 *
 * A bullet, a table row and a `@tag` are sentences of their own; a heading belongs to the sentences under it. Code
 * blocks are dropped, and so are the markers of lists, headings, quotes and comments. All other words are kept, in
 * order.
 */

/** A sentence on one line, and its heading: empty when there is none. */
export interface Sentence {
  readonly text: string
  readonly heading: string
}

/** The sentences of a text that contain a letter or a digit. */
export const split = (text: string): ReadonlyArray<Sentence> => {
  const sentences: Array<Sentence> = []
  let heading = ""
  for (const block of blocksOf(text)) {
    if (headingMark.test(block)) heading = block.replace(headingMark, "")
    else sentences.push(...sentencesOf(block.replace(listMark, "")).map((text) => ({ text, heading })))
  }
  return sentences
}

/** Groups of lines: those of a paragraph, of a bullet with its wrapped lines, of a heading. */
const blocksOf = (text: string): ReadonlyArray<string> => {
  const blocks: Array<Array<string>> = [[]]
  let fence: string | undefined
  let inComment = false
  for (const raw of text.split(/\r\n?|\n/)) {
    const opens = fence === undefined && /^\s*\/\*\*/.test(raw)
    const line = opens || inComment ? withoutFrame(raw) : raw.replace(quoteMark, "").trim()
    inComment = (opens || inComment) && !raw.trimEnd().endsWith("*/")

    const mark = /^(?:```|~~~)/.exec(line)?.[0]
    if (fence !== undefined || mark !== undefined) {
      if (fence === undefined) blocks.push([])
      fence = fence === undefined ? mark : mark === fence ? undefined : fence
      continue
    }
    if (line === "" || blockStart.test(line)) blocks.push([])
    blocks.at(-1)?.push(line)
    if (oneLiner.test(line)) blocks.push([])
  }
  return blocks.map((lines) => lines.join(" ").replace(/\s+/g, " ").trim())
}

/** A line of a documentation comment without its asterisks and slashes. */
const withoutFrame = (line: string) => line.trim().replace(/^\/\*\*|^\*(?![*/])/, "").replace(/\*\/$/, "").trim()

const quoteMark = /^\s*(?:>\s?)+/
const headingMark = /^#{1,6}\s+/
const listMark = /^(?:[-*+•]|\d+[.)])\s+/
const blockStart = /^(?:[-*+•]\s|\d+[.)]\s|#{1,6}\s|\||@\p{L}|[-=*_]{3,}$)/u
const oneLiner = /^(?:#{1,6}\s|\||[-=*_]{3,}$)/

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" })

const sentencesOf = (block: string): ReadonlyArray<string> => {
  const sentences: Array<string> = []
  let sentence = ""
  for (const { segment } of segmenter.segment(block)) {
    sentence += segment
    if (abbreviation.test(sentence) || isOpen(sentence)) continue
    sentences.push(sentence.trim())
    sentence = ""
  }
  return [...sentences, sentence.trim()].filter((sentence) => /[\p{L}\p{N}]/u.test(sentence))
}

/** Abbreviations whose dot does not end a sentence, although the segmenter splits there before a capital. */
const abbreviation = /(?:^|[\s(])(?:e\.g|i\.e|cf|vs|approx|mr|mrs|ms|dr|prof)\.\s+$/i

/** A dot inside `code` or **bold** does not end a sentence. */
const isOpen = (sentence: string) =>
  sentence.split("`").length % 2 === 0 || sentence.replace(/`[^`]*`/g, "").split("**").length % 2 === 0
