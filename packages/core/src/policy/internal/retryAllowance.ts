/**
 * A retry budget in force: a bucket that calls and time fill, and retries empty.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Watchdog from "../../internal/watchdog.ts"
import type * as Telemetry from "../../Telemetry.ts"
import type * as RetryBudget from "../RetryBudget.ts"
import * as WaitingLine from "./waitingLine.ts"

/**
 * - `onCall`: a first attempt, which earns a share of a retry.
 * - `onRetry`: waits until the budget has a retry left, first come first served, and takes it.
 */
export interface RetryAllowance {
  readonly onCall: Effect.Effect<void>
  readonly onRetry: (target: Telemetry.Target) => Effect.Effect<void>
}

/** Builds the allowance of a policy; one that has no budget lets every retry through. */
export const make = (budget: RetryBudget.RetryBudget | undefined): Effect.Effect<RetryAllowance> =>
  budget === undefined
    ? Effect.succeed({ onCall: Effect.void, onRetry: () => Effect.void })
    : Effect.map(Watchdog.now, (now) => inForce(budget, now))

/** Only the first in line looks at the clock; the others wait for their turn to be first. */
const inForce = ({ perSecond, reserve, share }: RetryBudget.RetryBudget, start: number): RetryAllowance => {
  const line = Semaphore.makeUnsafe(1)
  let left = reserve
  let filledAt = start
  let inLine = 0
  let onEarned: (() => void) | undefined

  const taken = (now: number): boolean => {
    left = Math.min(reserve, left + perSecond * (now - filledAt) / 1000)
    filledAt = now
    if (left < 1) return false
    left--
    return true
  }

  const earned = Effect.callback<void>((resume) => {
    onEarned = () => resume(Effect.void)
    return Effect.sync(() => {
      onEarned = undefined
    })
  })

  const first: Effect.Effect<void> = Effect.flatMap(Watchdog.now, (now) => {
    if (taken(now)) return Effect.void
    // A millisecond more than none: what is missing may be less than a timer can measure.
    const missing = Math.max(1, Math.ceil((1 - left) / perSecond * 1000))
    return Effect.andThen(
      Number.isFinite(missing) ? Effect.raceFirst(earned, Effect.sleep(missing)) : earned,
      first
    )
  })

  return {
    onCall: Effect.suspend(() => {
      left += share
      if (left >= 1) onEarned?.()
      return Effect.void
    }),
    onRetry: (target) =>
      Effect.flatMap(Watchdog.now, (now) => {
        if (inLine === 0 && taken(now)) return Effect.void
        inLine++
        return line.withPermit(first).pipe(
          Effect.ensuring(Effect.sync(() => inLine--)),
          (wait) => WaitingLine.recorded(wait, target, "retry-budget")
        )
      })
  }
}
