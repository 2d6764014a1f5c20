/**
 * A map that forgets what was not asked for the longest: for what is kept under names that users of a program choose.
 */
export interface LeastRecent<A> {
  readonly get: (key: string) => A | undefined
  readonly set: (key: string, value: A) => void
}

/** Keeps as many entries as `capacity`. */
export const make = <A>(capacity: number): LeastRecent<A> => {
  // A map keeps the order in which its keys were set.
  const kept = new Map<string, A>()
  const set = (key: string, value: A) => {
    kept.delete(key)
    kept.set(key, value)
    for (const oldest of kept.keys()) {
      if (kept.size <= capacity) break
      kept.delete(oldest)
    }
  }
  return {
    get: (key) => {
      const value = kept.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
    set
  }
}
