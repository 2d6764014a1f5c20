/** Waits for jobs by asking for their state. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as ProviderError from "../../ProviderError.ts"
import * as Batch from "../Batch.ts"

/** After 30 seconds, growing to 5 minutes, with jitter. */
export const standard: Schedule.Schedule<unknown> = Schedule.jittered(
  Schedule.min([Schedule.exponential("30 seconds", 1.5), Schedule.spaced("5 minutes")])
)

/** A job now, and after each change, until it is over or the schedule is; a poll that fails transiently changes nothing. */
export const watch = (
  status: Effect.Effect<Batch.Job, ProviderError.CallError>,
  polling: Schedule.Schedule<unknown, Batch.Job | undefined>
): Stream.Stream<Batch.Job, ProviderError.CallError> =>
  Stream.unwrap(Effect.map(Schedule.toStep(polling), (step) => {
    const delayAfter = (job: Batch.Job | undefined): Effect.Effect<Duration.Duration | undefined> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.map(step(now, job), ([, delay]) => delay)).pipe(
        Pull.catchDone(() => Effect.undefined)
      )
    return Stream.unfold<Batch.Job | undefined, Batch.Job, ProviderError.CallError, never>(
      undefined,
      Effect.fnUntraced(function*(last) {
        if (last !== undefined && Batch.isFinished(last)) return undefined
        for (let polls = 0;; polls++) {
          if (last !== undefined || polls > 0) {
            const delay = yield* delayAfter(last)
            if (delay === undefined) return undefined
            yield* Effect.sleep(delay)
          }
          const answer = yield* Effect.result(status)
          if (Result.isFailure(answer)) {
            if (!ProviderError.isTransient(answer.failure)) return yield* Effect.fail(answer.failure)
            yield* Effect.logDebug("A poll of a batch job failed; it is repeated").pipe(
              Effect.annotateLogs({ error: answer.failure._tag, message: answer.failure.message })
            )
          } else if (last === undefined || isChanged(last, answer.success)) {
            return [answer.success, answer.success]
          }
        }
      })
    )
  }))

const isChanged = (last: Batch.Job, { counts, expiresAt, state }: Batch.Job): boolean =>
  state !== last.state || expiresAt !== last.expiresAt || !Equal.equals({ ...counts }, { ...last.counts })
