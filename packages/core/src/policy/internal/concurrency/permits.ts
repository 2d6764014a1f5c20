/** Permits for calls in flight: a fixed number of them, or a limit that adapts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Concurrency from "../../Concurrency.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as AdaptivePermits from "./adaptivePermits.ts"
import * as Permit from "./permit.ts"

export const make = (concurrency: Concurrency.Concurrency): Effect.Effect<Permit.Permits, never, Scope.Scope> =>
  typeof concurrency === "number" ? Effect.sync(() => fixed(concurrency)) : AdaptivePermits.make(concurrency)

/** One number for all calls, whatever their model. Calls wait only while every permit is taken. */
const fixed = (limit: number): Permit.Permits => {
  const queue = WaitQueue.make()
  let used = 0
  let gauges: Permit.Gauges | undefined
  const show = Effect.suspend(() => gauges === undefined ? Effect.void : gauges.used(used))
  const takeFree = () => used < limit && ++used > 0
  const release = () => {
    if (!queue.next()) used--
  }
  const permit: Permit.Permit = { release: () => Effect.andThen(Effect.sync(release), show) }
  const granted = Effect.as(show, permit)
  return {
    load: () => used / limit,
    take: (target, restore) =>
      Effect.suspend(() => {
        if (!takeFree()) {
          return Effect.as(WaitQueue.recorded(queue.wait(restore, takeFree, release), target, "concurrency"), permit)
        }
        if (gauges !== undefined) return granted
        gauges = Permit.gauges({ "gen_ai.provider.name": target.provider })
        return Effect.andThen(gauges.limit(limit), granted)
      })
  }
}
