/**
 * An LRU cache in memory, bounded by entries and bytes.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"

/** At most `capacity` entries, of `maxBytes` together with their keys. */
export interface Bounds {
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
}

/** Bounds that may be any value. */
export const bounds: Check.Check<Bounds> = Check.partial({
  capacity: Check.number({ min: 0, remedy: "Use a number of entries from 0" }),
  maxBytes: Check.number({ min: 0, remedy: "Use a number of bytes from 0" })
})

/** A store as both caches use it. */
export interface Lru {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: string, value: Uint8Array]>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void>
}

export const make = ({ capacity = 10_000, maxBytes = 64 * 1024 * 1024 }: Bounds = {}): Lru => {
  // A map keeps insertion order, and a read inserts again: the first key is the least recently used.
  const entries = new Map<string, Stored>()
  let total = 0

  const remove = (key: string): Stored | undefined => {
    const found = entries.get(key)
    if (found === undefined) return undefined
    entries.delete(key)
    total -= size(key, found)
    return found
  }
  const add = (key: string, entry: Stored) => {
    entries.set(key, entry)
    total += size(key, entry)
  }

  return {
    getMany: (keys) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        keys.map((key) => {
          const found = remove(key)
          if (found === undefined || found.expires <= now) return undefined
          add(key, found)
          return found.value
        })),
    setMany: (added, timeToLive) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
        for (const [key, value] of added) {
          remove(key)
          const entry = { value, expires }
          // An entry larger than the cache must not evict all others.
          if (size(key, entry) <= maxBytes) add(key, entry)
        }
        for (const key of entries.keys()) {
          if (entries.size <= capacity && total <= maxBytes) break
          remove(key)
        }
      })
  }
}

interface Stored {
  readonly value: Uint8Array
  readonly expires: number
}

const size = (key: string, { value }: Stored): number => key.length + value.byteLength
