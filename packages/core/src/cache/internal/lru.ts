/**
 * Bytes under keys in the memory of this process: those not asked for the longest go first.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"

/** How much is kept at most: `capacity` entries, of `maxBytes` together with their keys. */
export interface Bounds {
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
}

/** Bounds that may be any value. */
export const bounds: Check.Check<Bounds> = Check.partial({
  capacity: Check.number({ min: 0, remedy: "Use a number of entries from 0" }),
  maxBytes: Check.number({ min: 0, remedy: "Use a number of bytes from 0" })
})

/** What was kept until now. */
export interface RecentlyUsed {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: string, value: Uint8Array]>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void>
}

/** Builds an empty memory. */
export const make = ({ capacity = 10_000, maxBytes = 64 * 1024 * 1024 }: Bounds = {}): RecentlyUsed => {
  // A map keeps the order in which keys were set: the first one is the one not asked for the longest.
  const kept = new Map<string, Kept>()
  let total = 0

  const remove = (key: string): Kept | undefined => {
    const found = kept.get(key)
    if (found === undefined) return undefined
    kept.delete(key)
    total -= size(key, found)
    return found
  }
  const add = (key: string, entry: Kept) => {
    kept.set(key, entry)
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
    setMany: (entries, timeToLive) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
        for (const [key, value] of entries) {
          remove(key)
          const entry = { value, expires }
          // What would not fit alone must not drive everything else out.
          if (size(key, entry) <= maxBytes) add(key, entry)
        }
        for (const key of kept.keys()) {
          if (kept.size <= capacity && total <= maxBytes) break
          remove(key)
        }
      })
  }
}

interface Kept {
  readonly value: Uint8Array
  readonly expires: number
}

const size = (key: string, { value }: Kept): number => key.length + value.byteLength
