/** Permits for calls in flight: a fixed number of them, or a limit that adapts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Telemetry from "../../../Telemetry.ts"
import type * as Concurrency from "../../Concurrency.ts"
import type * as Key from "../../Key.ts"
import * as Share from "../share.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as AdaptivePermits from "./adaptivePermits.ts"
import * as FewestFirst from "./fewestFirst.ts"
import * as Permit from "./permit.ts"

export const make = (concurrency: Concurrency.Concurrency): Effect.Effect<Permit.Permits, never, Scope.Scope> =>
  Effect.suspend(() => {
    if (typeof concurrency === "number") return Effect.succeed(fixed(concurrency))
    if (!("permits" in concurrency)) return AdaptivePermits.make(concurrency)
    const { key, permits } = concurrency
    return Effect.succeed(key === undefined ? fixed(permits) : fair(permits, key))
  })

/** One number for all calls, whatever their model. Calls wait only while every permit is taken. */
const fixed = (limit: number): Permit.Permits => {
  const queue = WaitQueue.make()
  let used = 0
  let gauges: Permit.Gauges | undefined
  const show = Effect.suspend(() => gauges === undefined ? Effect.void : gauges.used(used))
  const takeFree = () => {
    if (used >= limit) return false
    used++
    return true
  }
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

/** The same, fair between the keys of calls. */
const fair = (limit: number, key: Key.Key): Permit.Permits => {
  const order = FewestFirst.make()
  const queue = WaitQueue.make(order)
  let used = 0
  let gauges: Permit.Gauges | undefined
  const show = Effect.suspend(() => gauges === undefined ? Effect.void : gauges.used(used))
  const release = (share: string) => {
    order.free(share)
    if (!queue.next()) used--
  }
  const take = (target: Telemetry.Target, restore: WaitQueue.Restore, share: string) => {
    const takeFree = () => {
      if (used >= limit) return false
      used++
      order.use(share)
      return true
    }
    const permit: Permit.Permit = { release: () => Effect.andThen(Effect.sync(() => release(share)), show) }
    if (!takeFree()) {
      const wait = queue.wait(restore, takeFree, () => release(share), share)
      return Effect.as(WaitQueue.recorded(wait, target, "concurrency"), permit)
    }
    const shown = Effect.as(show, permit)
    if (gauges !== undefined) return shown
    gauges = Permit.gauges({ "gen_ai.provider.name": target.provider })
    return Effect.andThen(gauges.limit(limit), shown)
  }
  return {
    load: () => used / limit,
    take: (target, restore, metadata) =>
      Effect.flatMap(
        restore(Share.of(key, target, metadata, Permit.option)),
        (share) => take(target, restore, share)
      )
  }
}
