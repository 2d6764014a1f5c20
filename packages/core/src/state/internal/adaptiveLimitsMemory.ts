/**
 * Limits of adaptive concurrency in the memory of this process. One that is not used for an hour is forgotten.
 */
import * as Effect from "effect/Effect"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as LimitCurve from "./limitCurve.ts"

/** Builds a store without limits; `state/AdaptiveLimits.ts` says what it does. */
export const make = () => makeIn(new Map())

/** A limit, and when it was last used, in milliseconds of the monotonic clock. */
export interface Kept extends LimitCurve.Current {
  readonly usedAt: number
}

/** Builds a store whose limits can be looked at. */
export const makeIn = (limits: Map<string, Kept>) => {
  const change = (
    key: string,
    { initial }: LimitCurve.Adaptive,
    next: (current: LimitCurve.Current) => LimitCurve.Current
  ): Effect.Effect<LimitCurve.Current> =>
    Effect.map(Watchdog.now, (now) => {
      const isUnused = ({ usedAt }: Kept) => now - usedAt >= hour
      const known = limits.get(key)
      if (known === undefined) BoundedMap.sweep(limits, isUnused)
      const { epoch, limit } = next(known === undefined || isUnused(known) ? { limit: initial, epoch: 0 } : known)
      limits.set(key, { limit, epoch, usedAt: now })
      return { limit, epoch }
    })

  return {
    read: (key: string, adaptive: LimitCurve.Adaptive) => change(key, adaptive, (current) => current),
    increase: (key: string, adaptive: LimitCurve.Adaptive, answered: number) =>
      change(key, adaptive, (current) => ({
        limit: LimitCurve.grown(adaptive, current, answered),
        epoch: current.epoch
      })),
    decrease: (key: string, adaptive: LimitCurve.Adaptive, epoch: number, refused: number) =>
      change(key, adaptive, (current) =>
        epoch < current.epoch
          ? current
          : { limit: LimitCurve.shrunk(adaptive, current.limit, refused), epoch: epoch + 1 })
  }
}

const hour = 3_600_000
