/**
 * Cuts texts between characters: grapheme clusters, such as an emoji of several code points, unless one is longer than what
 * is left of the text; never inside a surrogate pair.
 */
import * as TextTokens from "../../internal/textTokens.ts"
import type * as ProviderError from "../../ProviderError.ts"

/** At most `length` code units of a text, without its `start` or its `end`; of an emoji all or nothing. */
export const shorten = (text: string, length: number, side: "start" | "end"): string => {
  if (length >= text.length) return text
  const characters = charactersOf(text)
  return side === "end"
    ? text.slice(0, boundaryBefore(characters, text, Math.floor(length), 0))
    : text.slice(boundaryAfter(characters, text, text.length - Math.floor(length)))
}

/** {@link shorten} to a share, from 0 to 1, of the length of a text in some unit. */
export const shortenTo = (
  share: number,
  text: string,
  unit: ProviderError.Measured["unit"],
  side: "start" | "end"
): string => shorten(text, fitting(text, share, measures[unit], side), side)

/**
 * The pieces of a text, in order, each of at most `length` code units, none of them blank; `length` is 2 or more.
 *
 * A piece ends after the last white space in its last quarter, if any.
 */
export const pieces = (text: string, length: number): ReadonlyArray<string> =>
  cut(text, (start) => start + Math.floor(length))

/** A text in `count` pieces of about as many tokens each; a blank one is left out. */
export const divide = (text: string, count: number): ReadonlyArray<string> => {
  let left = count
  return cut(text, (start) => {
    const rest = text.slice(start)
    return start + (left > 1 ? fitting(rest, 1 / left--, measures.tokens, "end") : rest.length)
  })
}

const cut = (text: string, limitFrom: (start: number) => number): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  const characters = charactersOf(text)
  let start = 0
  while (start < text.length) {
    // At least one character, or there is no end.
    const limit = Math.max(limitFrom(start), start + 2)
    const end = limit < text.length
      ? boundaryBefore(characters, text, afterSpace(text, start, limit), start)
      : text.length
    const piece = text.slice(start, end)
    if (/\S/u.test(piece)) pieces.push(piece)
    start = end
  }
  return pieces
}

const afterSpace = (text: string, start: number, limit: number): number => {
  for (let end = limit; end > limit - (limit - start) / 4 && end > start + 1; end--) {
    if (/\s/u.test(text.charAt(end - 1))) return end
  }
  return limit
}

const charactersOf = (text: string) => new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text)

type Characters = ReturnType<typeof charactersOf>

/** The boundary at or before an index, after `start` where that can be. */
const boundaryBefore = (characters: Characters, text: string, index: number, start: number): number => {
  const { index: boundary } = characters.containing(index) ?? { index }
  return boundary > start ? boundary : isInPair(text, index) ? index - 1 : index
}

/** The boundary at or after an index, before the end where that can be. */
const boundaryAfter = (characters: Characters, text: string, index: number): number => {
  const { index: before, segment } = characters.containing(index) ?? { index, segment: "" }
  const boundary = before === index ? index : before + segment.length
  return boundary < text.length ? boundary : isInPair(text, index) ? index + 1 : index
}

const isInPair = (text: string, index: number): boolean => (text.codePointAt(index - 1) ?? 0) > 0xffff

const measures: Readonly<Record<ProviderError.Measured["unit"], (text: string) => number>> = {
  tokens: TextTokens.count,
  characters: (text) => text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0),
  bytes: (text) => new TextEncoder().encode(text).length
}

/** The code units of the longest part of a text, from one side, that measures at most a share of the whole. */
const fitting = (text: string, share: number, measure: (text: string) => number, side: "start" | "end"): number => {
  // Sums of fractions are not exact.
  const most = measure(text) * share + 1e-6
  let fits = 0
  let exceeds = text.length + 1
  while (exceeds - fits > 1) {
    const middle = (fits + exceeds) >>> 1
    const part = side === "end" ? text.slice(0, middle) : text.slice(text.length - middle)
    if (measure(part) <= most) fits = middle
    else exceeds = middle
  }
  return fits
}
