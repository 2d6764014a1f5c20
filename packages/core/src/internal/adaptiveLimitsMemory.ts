/**
 * Limits of adaptive concurrency in the memory of this process.
 */
import * as Effect from "effect/Effect"
import type { AdaptiveLimits } from "../policy/AdaptiveLimits.ts"

/** Builds a store without limits. */
export const make = (): AdaptiveLimits => ({
  read: (_key, { initial }) => Effect.succeed({ limit: initial, epoch: 0 }),
  increase: (_key, { initial }) => Effect.succeed({ limit: initial, epoch: 0 }),
  decrease: (_key, { initial }) => Effect.succeed({ limit: initial, epoch: 0 })
})
