/**
 * What a pool hands to the policies of its lanes: who of several may send a call that all of them could take.
 *
 * A call waits in the queues of several lanes at once. The first that has granted it everything it needs claims it; in the
 * others it is interrupted, and what they had granted comes back.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * - `start`: when the call began, in milliseconds of `Watchdog.now`, so that the deadline of a policy is that of the call and
 *   not of each attempt through a lane.
 * - `waits`: the call has to wait here, for its turn, for room in a quota or for a permit. It may run any number of times.
 * - `claim`: takes the call; false when another lane has it. The lane that has it may ask again.
 */
export interface Admission {
  readonly start: number
  readonly waits: Effect.Effect<void>
  readonly claim: () => boolean
}

/** The admission of the calls of a fiber; none where no pool has called. */
export const Admission = Context.Reference<Admission | undefined>("@strata/core/policy/Admission", {
  defaultValue: () => undefined
})

/** Tells the pool, if there is one, that the call has to wait. */
export const waits: Effect.Effect<void> = Effect.flatMap(Admission, (admission) => admission?.waits ?? Effect.void)

/**
 * The admission of a call that several callers share, each of which a pool may have sent.
 *
 * - `provided`: the call, begun by the fiber that runs it. It is claimed for all callers, and goes on where one of them may
 *   have it.
 * - `join`: the fiber takes part in the call.
 */
export interface Shared {
  readonly provided: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly join: Effect.Effect<void>
}

/** `onRefused`: the pools of all callers have sent their calls through other lanes. */
export const share = (onRefused: () => void): Shared => {
  const callers = new Set<Admission>()
  /** Whether a caller needs nobody's leave. */
  let isFree = false
  let isWaiting = false
  let isClaimed = false

  const join = Effect.flatMap(Admission, (admission) => {
    if (admission === undefined) isFree = true
    else {
      callers.add(admission)
      if (isClaimed) admission.claim()
      else if (isWaiting) return admission.waits
    }
    return Effect.void
  })
  const shared = (start: number): Admission => ({
    start,
    waits: Effect.suspend(() => {
      isWaiting = true
      return Effect.forEach(callers, ({ waits }) => waits, { discard: true })
    }),
    claim: () => {
      let isMine = isFree
      for (const admission of callers) if (admission.claim()) isMine = true
      if (isMine) isClaimed = true
      else onRefused()
      return isMine
    }
  })
  return {
    provided: (self) =>
      Effect.andThen(
        join,
        Effect.updateService(self, Admission, (admission) => admission && shared(admission.start))
      ),
    join
  }
}
