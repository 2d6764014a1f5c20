/** Keeps the values with the highest scores of any number of them. */

/** A value and its score. */
export interface Scored<out A> {
  readonly value: A
  readonly score: number
}

/** - `add`: looks at a value; `best`: the highest scores so far, the best first, of equal ones the earlier. */
export interface Nearest<A> {
  readonly add: (value: A, score: number) => void
  readonly best: () => ReadonlyArray<Scored<A>>
}

/** Keeps `limit` values, and as many again in between. */
export const make = <A>(limit: number): Nearest<A> => {
  let kept: Array<Scored<A>> = []
  let least = -Infinity
  const shrink = () => {
    kept = kept.toSorted((a, b) => b.score - a.score).slice(0, limit)
    least = kept.length < limit ? -Infinity : kept.at(-1)?.score ?? -Infinity
  }
  return {
    add: (value, score) => {
      if (Number.isNaN(score) || score <= least) return
      kept.push({ value, score })
      if (kept.length >= 2 * limit + 16) shrink()
    },
    best: () => {
      shrink()
      return kept
    }
  }
}
