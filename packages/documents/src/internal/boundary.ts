/**
 * Where a text may be cut: between lines, sentences, words, characters as people see them, and code points.
 */

/** `lines`: text whose lines have a meaning, such as code and tables; other text is cut between sentences. */
export type Grain = "sentences" | "lines"

/**
 * The last good place to cut after `from` and not after `to`, which are between two code points. The finer the cut, the closer
 * to `to`: that of a sentence may leave two thirds of the room empty, that of a word half of it.
 */
export const last = (text: string, from: number, to: number, grain: Grain): number => {
  const third = from + Math.floor((to - from) / 3)
  const half = from + Math.floor((to - from) / 2)
  const coarse = grain === "lines" ? lineEnd(text, third, to) : sentenceEnd(text, third, to)
  return coarse ?? spaceEnd(text, half, to) ?? segmentEnd(words, text, from, half, to) ??
    segmentEnd(graphemes, text, from, from, to) ?? to
}

/**
 * The first good place to begin after `from`, such that what is left until `to` is whole sentences, lines or words; `to` if
 * there is none.
 */
export const first = (text: string, from: number, to: number, grain: Grain): number => {
  if (grain === "lines") {
    const end = text.indexOf("\n", from)
    return end === -1 || end >= to ? to : end + 1
  }
  for (const segmenter of [sentences, words]) {
    for (const { index, segment } of segmenter.segment(flowing(text.slice(from, to)))) {
      // What begins at `from` itself is probably the rest of something.
      if (index > 0 && /[\p{L}\p{N}]/u.test(segment)) return from + index
    }
  }
  return to
}

/** Whether an offset does not cut a surrogate pair. */
export const isBetweenCodePoints = (text: string, offset: number): boolean =>
  !(/[\ud800-\udbff]/.test(text.charAt(offset - 1)) && /[\udc00-\udfff]/.test(text.charAt(offset)))

const sentences = new Intl.Segmenter("en", { granularity: "sentence" })
const words = new Intl.Segmenter("en", { granularity: "word" })
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** How far the segmenters look beyond the place to cut: what follows decides whether it is one. */
const lookahead = 64

/** How far back a space is searched. */
const lookback = 256

const lineEnd = (text: string, least: number, to: number): number | undefined => {
  const end = text.lastIndexOf("\n", to - 1) + 1
  return end > least ? end : undefined
}

const sentenceEnd = (text: string, least: number, to: number): number | undefined => {
  const end = lastSegmentEnd(sentences, flowing(text.slice(least, to + lookahead)), to - least)
  return end > 0 ? least + end : undefined
}

const spaceEnd = (text: string, least: number, to: number): number | undefined => {
  for (let end = to; end > Math.max(least, to - lookback); end--) {
    if (/\s/.test(text.charAt(end - 1)) || /\s/.test(text.charAt(end))) return end
  }
}

/** From `from` on, since whether two signs of a flag belong together depends on all before them. */
const segmentEnd = (segmenter: Intl.Segmenter, text: string, from: number, least: number, to: number) => {
  const end = from + lastSegmentEnd(segmenter, text.slice(from, to + lookahead), to - from)
  return end > least ? end : undefined
}

/** The last end of a segment up to `most`, or 0. */
const lastSegmentEnd = (segmenter: Intl.Segmenter, text: string, most: number): number => {
  let end = 0
  for (const { index, segment } of segmenter.segment(text)) {
    if (index + segment.length > most) break
    end = index + segment.length
  }
  return end
}

/** A sentence goes on in the next line; to the segmenter the end of a line is that of a sentence. */
const flowing = (text: string): string => text.replace(/(?<!\n)\n(?!\n)/g, " ")
