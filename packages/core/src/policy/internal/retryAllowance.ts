/** A retry budget in force: a bucket that calls and time fill, and retries empty. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import * as Watchdog from "../../internal/watchdog.ts"
import type * as Telemetry from "../../Telemetry.ts"
import type * as RetryBudget from "../RetryBudget.ts"
import * as WaitQueue from "./waitQueue.ts"

/** A first attempt earns a share of a retry; a retry waits in a FIFO queue until the budget has one left, and takes it. */
export interface RetryAllowance {
  readonly onCall: Effect.Effect<void>
  readonly onRetry: (target: Telemetry.Target) => Effect.Effect<void>
}

export const make = (budget: RetryBudget.RetryBudget | undefined): Effect.Effect<RetryAllowance> =>
  budget === undefined
    ? Effect.succeed({ onCall: Effect.void, onRetry: () => Effect.void })
    : Effect.map(Watchdog.now, (now) => inForce(budget, now))

const inForce = ({ perSecond, reserve, share }: RetryBudget.RetryBudget, start: number): RetryAllowance => {
  const queue = Semaphore.makeUnsafe(1)
  const earned = Latch.makeUnsafe(false)
  let left = reserve
  let filledAt = start
  let waiting = 0

  const taken = (now: number): boolean => {
    left = Math.min(reserve, left + perSecond * (now - filledAt) / 1000)
    filledAt = now
    if (left < 1) return false
    left--
    return true
  }

  /** Only the head of the queue looks at the clock; the others wait to be its head. */
  const head: Effect.Effect<void> = Effect.flatMap(Watchdog.now, (now) => {
    earned.closeUnsafe()
    if (taken(now)) return Effect.void
    // A millisecond more than none: what is missing may be less than a timer can measure.
    const missing = Duration.millis(Math.max(1, Math.ceil((1 - left) / perSecond * 1000)))
    return Effect.andThen(Effect.timeoutOption(earned.await, missing), head)
  })

  return {
    onCall: Effect.sync(() => {
      left += share
      if (left >= 1) earned.openUnsafe()
    }),
    onRetry: (target) =>
      Effect.flatMap(Watchdog.now, (now) => {
        if (waiting === 0 && taken(now)) return Effect.void
        waiting++
        const wait = Effect.ensuring(queue.withPermit(head), Effect.sync(() => waiting--))
        return WaitQueue.recorded(wait, target, "retry-budget")
      })
  }
}
