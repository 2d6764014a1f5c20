/**
 * Keeps the best of many scored rows, in a binary heap with the worst of those kept on top.
 */

/**
 * - `offer`: rows have to come in ascending order. `NaN` is no score.
 * - `take`: what was kept, best first; of equal scores, the earlier rows.
 */
export interface BestRows {
  readonly offer: (row: number, score: number) => void
  readonly take: () => ReadonlyArray<{ readonly index: number; readonly score: number }>
}

/** Keeps as many rows as `capacity`. */
export const make = (capacity: number): BestRows => {
  const scores = new Float64Array(capacity)
  const rows = new Float64Array(capacity)
  let size = 0

  const isWorse = (score: number, row: number, place: number): boolean =>
    score < scores[place]! || (score === scores[place]! && row > rows[place]!)

  const put = (place: number, score: number, row: number) => {
    scores[place] = score
    rows[place] = row
  }

  const rise = (score: number, row: number) => {
    let place = size++
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!isWorse(score, row, parent)) break
      put(place, scores[parent]!, rows[parent]!)
      place = parent
    }
    put(place, score, row)
  }

  const sink = (score: number, row: number) => {
    let place = 0
    for (let child = 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && isWorse(scores[child + 1]!, rows[child + 1]!, child)) child++
      if (isWorse(score, row, child)) break
      put(place, scores[child]!, rows[child]!)
      place = child
    }
    put(place, score, row)
  }

  return {
    offer: (row, score) => {
      if (size < capacity) {
        if (!Number.isNaN(score)) rise(score, row)
      } else if (score > scores[0]!) {
        sink(score, row)
      }
    },
    take: () =>
      Array.from(scores.subarray(0, size), (score, place) => ({ index: rows[place]!, score }))
        .sort((self, that) => self.score === that.score ? self.index - that.index : that.score > self.score ? 1 : -1)
  }
}
