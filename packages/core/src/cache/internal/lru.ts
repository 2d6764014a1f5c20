/** Stores of bytes, and one in memory: an LRU cache, bounded by entries and bytes. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"

export type Entry = readonly [key: string, value: Uint8Array]

export interface Bytes<E = never> {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, E>
  readonly setMany: (entries: ReadonlyArray<Entry>, timeToLive?: Duration.Duration) => Effect.Effect<void, E>
}

/** At most `capacity` entries, of `maxBytes` together with their keys. */
export interface Bounds {
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
}

export const bounds: Check.Check<Bounds> = Check.partial({
  capacity: Check.number({ min: 0, remedy: "Use a number of entries from 0" }),
  maxBytes: Check.number({ min: 0, remedy: "Use a number of bytes from 0" })
})

export const make = ({ capacity = 10_000, maxBytes = 64 * 1024 * 1024 }: Bounds = {}): Bytes => {
  // A map keeps insertion order, and a read inserts again: the first key is the least recently used.
  const entries = new Map<string, { readonly value: Uint8Array; readonly expires: number }>()
  let total = 0

  const remove = (key: string) => {
    const found = entries.get(key)
    if (found !== undefined) total -= size(key, found.value)
    entries.delete(key)
    return found
  }
  const add = (key: string, value: Uint8Array, expires: number) => {
    entries.set(key, { value, expires })
    total += size(key, value)
  }

  return {
    getMany: (keys) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        keys.map((key) => {
          const found = remove(key)
          if (found === undefined || found.expires <= now) return undefined
          add(key, found.value, found.expires)
          return found.value
        })),
    setMany: (added, timeToLive = Duration.infinity) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        for (const [key, value] of added) {
          remove(key)
          // An entry larger than the cache must not evict all others.
          if (size(key, value) <= maxBytes) add(key, value, now + Duration.toMillis(timeToLive))
        }
        for (const key of entries.keys()) {
          if (entries.size <= capacity && total <= maxBytes) break
          remove(key)
        }
      })
  }
}

const size = (key: string, value: Uint8Array): number => key.length + value.byteLength
