/**
 * Scores how well sentences answer a question: cosine of the vectors, plus the share of the question's words they
 * contain.
 */
import * as Words from "./Words.ts"

/** A text to compare, its heading, and its vector, which must not be zero. */
export interface Candidate {
  readonly text: string
  readonly heading?: string | undefined
  readonly vector: ArrayLike<number>
}

/**
 * One score for each candidate, in order, from below 0 to 1.5.
 *
 * Vectors alone confuse the names of an API, words alone miss a paraphrase.
 */
export const scores = (question: Candidate, candidates: ReadonlyArray<Candidate>): ReadonlyArray<number> => {
  const held = candidates.map(({ heading, text }) => new Set(words(`${heading ?? ""} ${text}`)))
  // Rare words weigh more: a word that every candidate contains distinguishes none.
  const weights = words(question.text).map((word) => {
    const holders = held.filter((words) => words.has(word)).length
    return [word, Math.log(1 + candidates.length / (1 + holders))] as const
  })
  const total = sum(weights.map(([, weight]) => weight)) || 1
  return candidates.map(({ vector }, index) => {
    const shared = sum(weights.map(([word, weight]) => held[index]?.has(word) === true ? weight : 0))
    return cosine(question.vector, vector) + wordShare * shared / total
  })
}

/** The weight of the words; 0.3 to 0.7 work equally well. */
const wordShare = 0.5

/** The cosine of the angle between two vectors: 1 for the same direction, 0 for unrelated or zero vectors. */
export const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let dot = 0
  let squareA = 0
  let squareB = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0
    const y = b[i] ?? 0
    dot += x * y
    squareA += x * x
    squareB += y * y
  }
  return squareA === 0 || squareB === 0 ? 0 : dot / Math.sqrt(squareA * squareB)
}

/** The words without duplicates. */
const words = (text: string): ReadonlyArray<string> => [...new Set(Words.split(text))]

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
