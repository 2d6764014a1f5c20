/**
 * Permits for calls in flight: a fixed number of them, or as many as the provider turns out to take.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Concurrency from "../policy/Concurrency.ts"
import type * as Telemetry from "../Telemetry.ts"

/** How the call that held a permit ended: only `answered` and `refused`, by `RateLimitError`, teach something. */
export type Outcome = "answered" | "refused" | "other"

/** The permission for one call; it is given back exactly once. */
export interface Permit {
  readonly release: (outcome: Outcome) => Effect.Effect<void>
}

/** Waits for a permit, first come first served. An interrupted wait takes none. */
export interface Permits {
  readonly take: (target: Telemetry.Target) => Effect.Effect<Permit>
}

/** Builds the permits of a policy. */
export const make = (concurrency: Concurrency.Concurrency): Effect.Effect<Permits> =>
  Effect.map(Semaphore.make(typeof concurrency === "number" ? concurrency : concurrency.initial), (semaphore) => {
    const permit: Permit = { release: () => Effect.asVoid(semaphore.release(1)) }
    return { take: () => Effect.as(semaphore.take(1), permit) }
  })
