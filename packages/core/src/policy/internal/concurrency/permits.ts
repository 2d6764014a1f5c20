/**
 * Permits for calls in flight: a fixed number of them, or as many as the provider turns out to take.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Telemetry from "../../../Telemetry.ts"
import type * as Concurrency from "../../Concurrency.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as AdaptivePermits from "./adaptivePermits.ts"
import * as PermitGauges from "./permitGauges.ts"

/** How the call that held a permit ended: only `answered` and `refused`, by `RateLimitError`, change a limit. */
export type Outcome = "answered" | "refused" | "other"

/** The permission for one call; it is given back exactly once. */
export interface Permit {
  readonly release: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * Waits for a permit in a FIFO queue. An interrupted wait takes none.
 *
 * Between taking a permit and being sure to give it back nothing may interrupt: take it inside
 * `Effect.uninterruptibleMask` and hand over its `restore`, and only the wait itself can be interrupted.
 */
export interface Permits {
  readonly take: (target: Telemetry.Target, restore?: WaitQueue.Restore) => Effect.Effect<Permit>
}

/** Builds the permits of a policy. */
export const make = (concurrency: Concurrency.Concurrency): Effect.Effect<Permits, never, Scope.Scope> =>
  typeof concurrency === "number" ? Effect.sync(() => fixed(concurrency)) : AdaptivePermits.make(concurrency)

/** One number for all calls, whatever their model. Calls wait only while every permit is taken. */
const fixed = (limit: number): Permits => {
  const queue = WaitQueue.make()
  let used = 0
  let gauges: PermitGauges.PermitGauges | undefined
  const show = Effect.suspend(() => gauges === undefined ? Effect.void : gauges.used(used))
  const takeFree = () => {
    if (used >= limit) return false
    used++
    return true
  }
  const giveBack = () => {
    if (!queue.next()) used--
  }
  const permit: Permit = { release: () => Effect.andThen(Effect.sync(giveBack), show) }
  const granted = Effect.as(show, permit)
  const introduced = ({ provider }: Telemetry.Target) =>
    Effect.suspend(() => {
      gauges = PermitGauges.make({ "gen_ai.provider.name": provider })
      return Effect.andThen(gauges.limit(limit), granted)
    })
  return {
    take: (target, restore) =>
      Effect.uninterruptibleMask((masked) => {
        if (takeFree()) return gauges === undefined ? introduced(target) : granted
        return Effect.as(
          WaitQueue.recorded(queue.wait(restore ?? masked, takeFree, giveBack), target, "concurrency"),
          permit
        )
      })
  }
}
