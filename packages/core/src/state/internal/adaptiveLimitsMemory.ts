/** Limits of adaptive concurrency in the memory of this process. One that is not used for an hour is forgotten. */
import * as Effect from "effect/Effect"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import { type Current, kept, operations } from "./limitCurve.ts"

/** A limit, and when it was last used, in milliseconds of the monotonic clock. */
export interface Kept extends Current {
  readonly usedAt: number
}

export const make = (limits = new Map<string, Kept>()) =>
  operations((_, key, { initial }, next): Effect.Effect<Current> =>
    Effect.map(Watchdog.now, (now) => {
      const isUnused = ({ usedAt }: Kept) => now - usedAt >= kept
      const known = limits.get(key)
      if (known === undefined) BoundedMap.sweep(limits, isUnused)
      const { epoch, limit } = next(known === undefined || isUnused(known) ? { limit: initial, epoch: 0 } : known)
      limits.set(key, { limit, epoch, usedAt: now })
      return { limit, epoch }
    })
  )
