/**
 * The smallest vector index there is: all vectors in memory, compared one by one.
 */
import type { Embedding } from "@strata/core"

/** A value and how close it is to the question: the cosine, 1 for the same direction. */
export interface Hit<A> {
  readonly value: A
  readonly score: number
}

/** A value and its vector, such as an `Embedding.Embedded`. */
export interface Entry<A> {
  readonly value: A
  readonly embedding: Pick<Embedding.Embedding, "vector">
}

/** The `count` entries closest to the question, the closest first. Vectors must have unit length. */
export const search = <A>(
  entries: ReadonlyArray<Entry<A>>,
  question: Embedding.Vector,
  count: number
): ReadonlyArray<Hit<A>> =>
  entries
    .map(({ embedding, value }) => ({ value, score: dot(embedding.vector, question) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)

const dot = (a: Embedding.Vector, b: Embedding.Vector): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
