/**
 * Limits of adaptive concurrency in the memory of this process. One that was not asked for in an hour is forgotten.
 */
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"
import * as LimitCurve from "./limitCurve.ts"

/** Builds a store without limits; `state/AdaptiveLimits.ts` says what it does. */
export const make = () => makeIn(new Map())

/** A limit, and when it was last asked for, in milliseconds of the monotonic clock. */
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
      const known = limits.get(key)
      if (known === undefined) forget(now)
      const { epoch, limit } = next(
        known !== undefined && now - known.usedAt < hour ? known : { limit: initial, epoch: 0 }
      )
      limits.set(key, { limit, epoch, usedAt: now })
      return { limit, epoch }
    })

  /** Each new key looks at two others, in turn, and forgets the unused: so old ones go faster than new ones come. */
  const forget = (now: number) => {
    let looks = 2
    for (const [key, kept] of limits) {
      if (looks-- === 0) return
      limits.delete(key)
      if (now - kept.usedAt < hour) limits.set(key, kept)
    }
  }

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
