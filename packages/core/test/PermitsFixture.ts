/**
 * What the tests of adaptive permits share: permits whose gates can be looked at, and ways to take them.
 */
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as AdaptivePermits from "../src/policy/internal/concurrency/adaptivePermits.ts"
import type * as Permit from "../src/policy/internal/concurrency/permit.ts"
import * as LimitsMemory from "../src/state/internal/adaptiveLimitsMemory.ts"
import { target } from "./ChatFixture.ts"

export const between = Concurrency.adaptive({ initial: 4, min: 1, max: 8 })

/** Permits whose gates can be looked at, over limits of their own. */
export const looked = Effect.fnUntraced(function*(adaptive: Concurrency.Adaptive, limits = LimitsMemory.make()) {
  const gates = new Map<string, AdaptivePermits.Gate>()
  const permits = yield* AdaptivePermits.make(adaptive, gates).pipe(
    Effect.provideService(AdaptiveLimits.AdaptiveLimits, limits)
  )
  const gate = () => gates.get(Telemetry.keyOf(target))!
  return { gates, gate, permits, open: () => gate().open, used: () => gate().used }
})

export const take = (permits: Permit.Permits, at = target) =>
  Effect.uninterruptibleMask((restore) => permits.take(at, restore, {}))

export const takeMany = (permits: Permit.Permits, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => take(permits))

/** Starts to wait for a permit. */
export const queue = (permits: Permit.Permits) => {
  const state = { permit: undefined as Permit.Permit | undefined }
  return Effect.map(
    Effect.forkChild(
      Effect.map(take(permits), (permit) => {
        state.permit = permit
      }),
      { startImmediately: true }
    ),
    (fiber) => ({ fiber, state })
  )
}

/** So many rounds in which every permit is taken and every call ends in one way. */
export const rounds = (permits: Permit.Permits, open: () => number, outcome: Permit.Outcome, count: number) =>
  Effect.gen(function*() {
    for (let round = 0; round < count; round++) {
      const taken = yield* takeMany(permits, open())
      for (const permit of taken) yield* permit.release(outcome)
    }
  })
