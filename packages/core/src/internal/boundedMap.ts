/** Maps whose keys, such as model names, come from requests, so that their number must be bounded. */

/** An LRU map: `get` counts as a use; `set` returns the values that were evicted. */
export interface BoundedMap<Key, Value> {
  readonly entries: ReadonlyMap<Key, Value>
  readonly get: (key: Key) => Value | undefined
  readonly set: (key: Key, value: Value) => ReadonlyArray<Value>
  readonly delete: (key: Key) => boolean
}

/** A map of at most `capacity` keys, and those whose values are in use: they are never evicted. */
export const make = <Key, Value extends {}>(
  capacity: number,
  isInUse: (value: Value, key: Key) => boolean = () => false,
  entries = new Map<Key, Value>()
): BoundedMap<Key, Value> => {
  // A map keeps the order in which keys were set: the least recently used is the first.
  const put = (key: Key, value: Value) => {
    entries.delete(key)
    entries.set(key, value)
  }
  return {
    entries,
    get: (key) => {
      const value = entries.get(key)
      if (value !== undefined) put(key, value)
      return value
    },
    set: (key, value) => {
      put(key, value)
      const evicted: Array<Value> = []
      for (const [other, value] of entries) {
        if (entries.size <= capacity) break
        if (other === key || isInUse(value, other)) continue
        entries.delete(other)
        evicted.push(value)
      }
      return evicted
    },
    delete: (key) => entries.delete(key)
  }
}

/** Removes unused entries: two are looked at, in turn. Run before each new key, the unused go faster than new ones come. */
export const sweep = <Key, Value>(entries: Map<Key, Value>, isUnused: (value: Value) => boolean): void => {
  let looks = 2
  for (const [key, value] of entries) {
    if (looks-- === 0) return
    entries.delete(key)
    if (!isUnused(value)) entries.set(key, value)
  }
}

/** The value of a key, made when it is missing. */
export const getOrMake = <Key, Value extends {}>(
  map: { readonly get: (key: Key) => Value | undefined; readonly set: (key: Key, value: Value) => unknown },
  key: Key,
  make: () => Value
): Value => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
