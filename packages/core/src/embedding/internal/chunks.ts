/** The embeddings of the pieces of a text. */
import type * as Embedding from "../Embedding.ts"
import * as Vector from "../Vector.ts"

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
  const { lane, model, vector } = pieces[0]!.embedding
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const sums = new Float64Array(vector.length)
  for (const { embedding, length } of pieces) {
    embedding.vector.forEach((value, index) => sums[index] = sums[index]! + value * length / total)
  }
  const inputTokens = sum(pieces.map(({ embedding }) => embedding.inputTokens))
  return {
    vector: normalize === false ? Float32Array.from(sums) : Vector.normalizeInPlace(Float32Array.from(sums)),
    model,
    ...(lane !== undefined && pieces.every(({ embedding }) => embedding.lane === lane) && { lane }),
    ...(inputTokens === undefined ? undefined : { inputTokens })
  }
}

/** The sum of counts of tokens; `undefined` when one is. */
export const sum = (counts: ReadonlyArray<number | undefined>): number | undefined =>
  counts.reduce((sum, count) => sum === undefined || count === undefined ? undefined : sum + count, 0)
