/**
 * An LRU map: what programs are asked about, such as names of models, is not kept for ever.
 */

/**
 * - `get`: the value of a key, which counts as a use of it.
 * - `set`: adds or replaces a value, and gives those that were dropped for it.
 */
export interface BoundedMap<Key, Value> {
  readonly entries: ReadonlyMap<Key, Value>
  readonly get: (key: Key) => Value | undefined
  readonly set: (key: Key, value: Value) => ReadonlyArray<Value>
  readonly delete: (key: Key) => boolean
}

/** Builds a map of at most `capacity` keys. One whose value is in use is never dropped: then the map is larger. */
export const make = <Key, Value extends {}>(
  capacity: number,
  isInUse: (value: Value) => boolean = () => false
): BoundedMap<Key, Value> => {
  // A map keeps the order in which keys were set: the least recently used is the first.
  const entries = new Map<Key, Value>()
  const add = (key: Key, value: Value) => {
    entries.delete(key)
    entries.set(key, value)
  }
  return {
    entries,
    get: (key) => {
      const value = entries.get(key)
      if (value !== undefined) add(key, value)
      return value
    },
    set: (key, value) => {
      add(key, value)
      const dropped: Array<Value> = []
      for (const [other, value] of entries) {
        if (entries.size <= capacity) break
        if (other === key || isInUse(value)) continue
        entries.delete(other)
        dropped.push(value)
      }
      return dropped
    },
    delete: (key) => entries.delete(key)
  }
}
