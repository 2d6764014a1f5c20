/** A priority queue whose entries can move and leave: a binary heap in which each entry knows its index. */
export interface Heap<A extends Entry> {
  readonly first: () => A | undefined
  readonly put: (entry: A) => void
  readonly delete: (entry: A) => void
  readonly ahead: (entry: A, most: number) => number
}

/** The `index` belongs to the heap; -1 outside of it. */
export interface Entry {
  index: number
}

/**
 * Builds a heap by an order that is strict.
 *
 * - `put`: inserts an entry, or moves it after its order has changed.
 * - `ahead`: counts those before an entry, up to `most`, without a look at the others.
 */
export const make = <A extends Entry>(isBefore: (one: A, other: A) => boolean): Heap<A> => {
  const entries: Array<A> = []

  const place = (entry: A, index: number) => {
    entries[index] = entry
    entry.index = index
  }

  const settle = (entry: A, start: number) => {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(entry, entries[parent]!)) break
      place(entries[parent]!, index)
      index = parent
    }
    for (;;) {
      const left = 2 * index + 1
      if (left >= entries.length) break
      const right = left + 1
      const child = right < entries.length && isBefore(entries[right]!, entries[left]!) ? right : left
      if (!isBefore(entries[child]!, entry)) break
      place(entries[child]!, index)
      index = child
    }
    place(entry, index)
  }

  return {
    first: () => entries[0],
    put: (entry) => settle(entry, entry.index < 0 ? entries.push(entry) - 1 : entry.index),
    delete: (entry) => {
      const { index } = entry
      if (index < 0) return
      entry.index = -1
      const last = entries.pop()!
      if (last !== entry) settle(last, index)
    },
    ahead: (entry, most) => {
      let count = 0
      // Children are after their parent: the search ends where an entry is not before this one.
      const visit = (index: number) => {
        const other = entries[index]
        if (other === undefined || count === most || !isBefore(other, entry)) return
        count++
        visit(2 * index + 1)
        visit(2 * index + 2)
      }
      visit(0)
      return count
    }
  }
}
