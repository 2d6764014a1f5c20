/**
 * What a pool hands to the policies of its lanes: who of several may send a call that all of them could take.
 *
 * A call waits in the queues of several lanes at once. The first that has granted it everything it needs claims it; in the
 * others it is interrupted, and what they had granted comes back.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * - `waits`: the call has to wait here, for its turn, for room in a quota or for a permit. It may run any number of times.
 * - `claim`: takes the call; false when another lane has it. The lane that has it may ask again.
 */
export interface Admission {
  readonly waits: Effect.Effect<void>
  readonly claim: () => boolean
}

/** The admission of the calls of a fiber; none where no pool has called. */
export const Admission = Context.Reference<Admission | undefined>("@strata/core/policy/Admission", {
  defaultValue: () => undefined
})

/** Tells the pool, if there is one, that the call has to wait. */
export const waits: Effect.Effect<void> = Effect.flatMap(Admission, (admission) => admission?.waits ?? Effect.void)
