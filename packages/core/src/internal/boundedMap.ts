/**
 * An LRU map: keys such as model names come from requests, so that their number must be bounded.
 */

/** `get` counts as a use; `set` returns the values that were evicted. */
export interface BoundedMap<Key, Value> {
  readonly entries: ReadonlyMap<Key, Value>
  readonly get: (key: Key) => Value | undefined
  readonly set: (key: Key, value: Value) => ReadonlyArray<Value>
  readonly delete: (key: Key) => boolean
}

/** A map of at most `capacity` keys, and those whose values are in use: they are never evicted. */
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
