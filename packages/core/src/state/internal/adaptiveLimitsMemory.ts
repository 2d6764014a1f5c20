/** Limits of adaptive concurrency in the memory of this process. One that is not used for an hour is forgotten. */
import * as Effect from "effect/Effect"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import { type Adaptive, type Current, grown, shrunk } from "./limitCurve.ts"

/** A limit, and when it was last used, in milliseconds of the monotonic clock. */
export interface Kept extends Current {
  readonly usedAt: number
}

const hour = 3_600_000

export const make = (limits = new Map<string, Kept>()) => {
  const change = (key: string, { initial }: Adaptive, next: (current: Current) => Current): Effect.Effect<Current> =>
    Effect.map(Watchdog.now, (now) => {
      const isUnused = ({ usedAt }: Kept) => now - usedAt >= hour
      const known = limits.get(key)
      if (known === undefined) BoundedMap.sweep(limits, isUnused)
      const { epoch, limit } = next(known === undefined || isUnused(known) ? { limit: initial, epoch: 0 } : known)
      limits.set(key, { limit, epoch, usedAt: now })
      return { limit, epoch }
    })

  return {
    read: (key: string, adaptive: Adaptive) => change(key, adaptive, (current) => current),
    increase: (key: string, adaptive: Adaptive, answered: number) =>
      change(key, adaptive, (current) => ({ ...current, limit: grown(adaptive, current, answered) })),
    decrease: (key: string, adaptive: Adaptive, epoch: number, refused: number) =>
      change(key, adaptive, (current) =>
        epoch < current.epoch
          ? current
          : { limit: shrunk(adaptive, current.limit, refused), epoch: epoch + 1 })
  }
}
