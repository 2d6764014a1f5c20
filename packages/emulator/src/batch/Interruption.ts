/**
 * What ends a job other than its work: it is stopped, or its time is over.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as EmulatorClock from "../EmulatorClock.ts"
import type * as Job from "./Job.ts"

/** Why a job ends early. */
export interface Interruption {
  readonly _tag: "Interruption"
  readonly status: "Stopped" | "Expired"
}

const make = (status: Interruption["status"]): Interruption => ({ _tag: "Interruption", status })

/** Waits for the time at which something is due, unless the job is stopped or expires before. */
export const pause = (
  clock: EmulatorClock.EmulatorClock,
  job: Job.Job,
  time: number
): Effect.Effect<void, Interruption> =>
  Effect.suspend(() => {
    const stopped = Effect.andThen(Deferred.await(job.stop), Effect.fail(make("Stopped")))
    const due = Math.min(time, job.expirationTime)
    const waited = Effect.andThen(
      due <= clock.now() ? Effect.void : clock.until(due),
      // by the time it is due at, and not by the present one: a clock that jumps is late for everything
      time >= job.expirationTime ? Effect.fail(make("Expired")) : Effect.void
    )
    return Deferred.isDoneUnsafe(job.stop) ? stopped : Effect.raceFirst(waited, stopped)
  })
