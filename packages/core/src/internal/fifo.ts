/** A FIFO queue from which entries can leave before their turn. */
export interface Fifo<A> {
  readonly size: () => number
  readonly add: (entry: A) => void
  readonly delete: (entry: A) => boolean
  readonly first: () => A | undefined
  readonly ahead: (entry: A, most: number) => number
}

/** Builds a queue of distinct entries. `ahead` counts those before an entry, up to `most`. */
export const make = <A extends {}>(): Fifo<A> => {
  const entries = new Set<A>()
  // One iterator goes on through the set: each new one would begin with the places of all that have left.
  let heads = entries.values()
  let head: A | undefined

  const advance = () => {
    let next = heads.next()
    if (next.done === true) {
      heads = entries.values()
      next = heads.next()
    }
    return next.done === true ? undefined : next.value
  }

  return {
    size: () => entries.size,
    add: (entry) => void entries.add(entry),
    delete: (entry) => {
      if (entry === head) head = undefined
      return entries.delete(entry)
    },
    first: () => head ??= advance(),
    ahead: (entry, most) => {
      let count = 0
      for (const other of entries) {
        if (other === entry || count === most) break
        count++
      }
      return count
    }
  }
}
