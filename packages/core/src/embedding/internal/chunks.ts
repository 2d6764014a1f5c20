/**
 * Cuts a text that exceeds the model's limit into pieces, and averages their embeddings.
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

/** The embedding of a piece, and its characters. */
export interface Piece {
  readonly embedding: Embedding.Embedding
  readonly length: number
}

/** The average of at least one piece, weighted by length. It is not normalized, so averages can be averaged again. */
export const average = (pieces: ReadonlyArray<Piece>): Embedding.Embedding => {
  const { model, vector } = pieces[0]!.embedding
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const sums = new Float64Array(vector.length)
  for (const { embedding, length } of pieces) {
    const weight = length / total
    embedding.vector.forEach((value, index) => sums[index] = sums[index]! + value * weight)
  }
  return { vector: Float32Array.from(sums), model, ...tokens(pieces) }
}

/** An average as it is returned. */
export const finish = (
  embedding: Embedding.Embedding,
  { normalize }: Embedding.ResolvedOptions
): Embedding.Embedding => normalize === false ? embedding : { ...embedding, vector: Vector.normalize(embedding.vector) }

const boundary = (text: string, start: number, length: number): number => {
  const limit = start + length
  for (let end = limit; end > limit - length / 4 && end > start + 1; end--) {
    if (/\s/u.test(text.charAt(end - 1))) return end
  }
  return (text.codePointAt(limit - 1) ?? 0) > 0xffff ? limit - 1 : limit
}

const tokens = (pieces: ReadonlyArray<Piece>): { readonly inputTokens?: number } => {
  let inputTokens = 0
  for (const { embedding } of pieces) {
    if (embedding.inputTokens === undefined) return {}
    inputTokens += embedding.inputTokens
  }
  return { inputTokens }
}
