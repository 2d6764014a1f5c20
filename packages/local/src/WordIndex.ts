/**
 * Scores texts by the words they share with a question: BM25, which weighs rare words more, and repeated words and words of
 * long texts less.
 */
import * as Words from "./Words.ts"

/** An index of texts. `scores`: for each text from 0, no common word, to less than 1. */
export interface WordIndex {
  readonly scores: (question: string) => Array<number>
}

/** Splits and counts the words once. */
export const make = (texts: ReadonlyArray<string>): WordIndex => {
  const split = texts.map(Words.split)
  const averageLength = split.reduce((sum, { length }) => sum + length, 0) / Math.max(1, texts.length)
  const postings = new Map<string, Array<Posting>>()
  for (const [text, words] of split.entries()) {
    const slowness = saturation * (1 - lengthWeight + lengthWeight * words.length / Math.max(1, averageLength))
    for (const [word, count] of countsOf(words)) {
      const posting = { text, weight: count / (count + slowness) }
      const found = postings.get(word)
      if (found === undefined) postings.set(word, [posting])
      else found.push(posting)
    }
  }
  const rarity = (holders: number) => Math.log(1 + (texts.length - holders + 0.5) / (holders + 0.5))
  return {
    scores: (question) => {
      const scores = texts.map(() => 0)
      let total = 0
      for (const word of new Set(Words.split(question))) {
        const found = postings.get(word) ?? []
        const weight = rarity(found.length)
        total += weight
        for (const posting of found) scores[posting.text] = scores[posting.text]! + weight * posting.weight
      }
      return scores.map((score) => total === 0 ? 0 : score / total)
    }
  }
}

/** A text that has the word, and how much the word says there, from 0 to 1. */
interface Posting {
  readonly text: number
  readonly weight: number
}

/** `k1`, how soon a repeated word says nothing more: later than usual, since details repeat what matters. */
const saturation = 3

/** `b`, how much the length of a text counts: less than usual, since details are of any length. */
const lengthWeight = 0.5

const countsOf = (words: ReadonlyArray<string>) => {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
