/**
 * Cuts texts, and averages the embeddings of their pieces.
 */
import type * as Embedding from "../Embedding.ts"
import * as Vector from "../Vector.ts"

/**
 * The pieces of a text, in order, each of at most `length` characters, none of them blank; `length` is 2 or more.
 *
 * A piece ends after the last white space in its last quarter, if any, and never inside a surrogate pair.
 */
export const cut = (text: string, length: number): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let start = 0
  while (start < text.length) {
    const end = text.length - start <= length ? text.length : boundary(text, start, Math.floor(length))
    const piece = text.slice(start, end)
    if (/\S/u.test(piece)) pieces.push(piece)
    start = end
  }
  return pieces
}

const boundary = (text: string, start: number, length: number): number => {
  const limit = start + length
  for (let end = limit; end > limit - length / 4 && end > start + 1; end--) {
    if (/\s/u.test(text.charAt(end - 1))) return end
  }
  return isInPair(text, limit) ? limit - 1 : limit
}

/** At most `length` characters of a text, without its `start` or its `end`; a surrogate pair is never split. */
export const shorten = (text: string, length: number, side: "start" | "end"): string => {
  if (side === "end") return text.slice(0, isInPair(text, length) ? length - 1 : length)
  const from = text.length - length
  return text.slice(isInPair(text, from) ? from + 1 : from)
}

const isInPair = (text: string, index: number): boolean => (text.codePointAt(index - 1) ?? 0) > 0xffff

/** The embedding of a piece, and its characters. */
export interface Piece {
  readonly embedding: Embedding.Embedding
  readonly length: number
}

/** The average of at least one piece, weighted by length, of unit length unless `normalize` is `false`. */
export const average = (
  pieces: ReadonlyArray<Piece>,
  { normalize }: Embedding.ResolvedOptions
): Embedding.Embedding => {
  const { model, vector } = pieces[0]!.embedding
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const sums = new Float64Array(vector.length)
  for (const { embedding, length } of pieces) {
    embedding.vector.forEach((value, index) => sums[index] = sums[index]! + value * length / total)
  }
  const inputTokens = sum(pieces.map(({ embedding }) => embedding.inputTokens))
  return {
    vector: normalize === false ? Float32Array.from(sums) : Vector.normalizeInPlace(Float32Array.from(sums)),
    model,
    ...(inputTokens === undefined ? undefined : { inputTokens })
  }
}

/** The sum of counts of tokens; `undefined` when one is. */
export const sum = (counts: ReadonlyArray<number | undefined>): number | undefined =>
  counts.reduce((sum, count) => sum === undefined || count === undefined ? undefined : sum + count, 0)
