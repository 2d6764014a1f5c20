/**
 * Runs one job through its statuses: validates its input, has its records answered, and ends.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as AwsError from "../AwsError.ts"
import * as Interruption from "./Interruption.ts"
import type * as Job from "./Job.ts"
import * as Processing from "./Processing.ts"
import * as Records from "./Records.ts"

/** Runs it to its end; never fails. */
export const run = <R>(options: Processing.Options<R>, job: Job.Job): Effect.Effect<void, never, R> => {
  const { clock, settings } = options
  const work = Effect.gen(function*() {
    // by the time that each phase is due, so that a clock that jumps passes all of them
    const validating = job.submitTime + settings.submitted
    const scheduled = validating + settings.validating
    const begins = scheduled + settings.scheduled
    yield* Interruption.pause(clock, job, validating)
    enter(options, job, "Validating")
    yield* Interruption.pause(clock, job, scheduled)
    const { places, total } = yield* validate(options, job)
    job.counts = { total, processed: 0, success: 0, error: 0 }
    enter(options, job, "Scheduled")
    yield* Interruption.pause(clock, job, begins)
    enter(options, job, "InProgress")
    return yield* Processing.run(options, job, { ...places, begins, total })
  })
  return work.pipe(
    Effect.catchTag("Interruption", ({ status }) => Effect.succeed(status)),
    Effect.catchTag("AwsError", ({ message }) =>
      Effect.sync(() => {
        job.message = message
        return "Failed" as const
      })),
    Effect.catchDefect((defect) =>
      Effect.andThen(
        Effect.logError("A batch job failed with a defect", defect),
        Effect.sync(() => {
          job.message = AwsError.texts.InternalServerException
          return "Failed" as const
        })
      )
    ),
    Effect.flatMap((status) =>
      end(options, job, status === "Completed" && Deferred.isDoneUnsafe(job.stop) ? "Stopped" : status)
    ),
    clock.work
  )
}

/** A job that is to be stopped enters no further phase. */
const enter = ({ clock }: Pick<Processing.Options<never>, "clock">, job: Job.Job, status: Job.Status) => {
  if (phases.has(status) && Deferred.isDoneUnsafe(job.stop)) return
  job.status = status
  job.lastModifiedTime = clock.now()
}

const phases: ReadonlySet<Job.Status> = new Set(["Validating", "Scheduled", "InProgress"])

const end = Effect.fnUntraced(function*<R>(options: Processing.Options<R>, job: Job.Job, status: Job.Status) {
  const { clock, settings } = options
  if (status === "Stopped") {
    if (job.status !== "Stopping") enter(options, job, "Stopping")
    yield* clock.until(job.lastModifiedTime + settings.stopping)
  }
  enter(options, job, status)
  job.endTime = clock.now()
})

const validate = Effect.fnUntraced(function*<R>({ settings, store }: Processing.Options<R>, job: Job.Job) {
  if (job.fate.failure !== undefined) return yield* AwsError.validation(job.fate.failure)
  const places = yield* Records.find(store, job.request, job.region, settings)
  return { places, total: yield* Records.validate(store, places.files, settings) }
})
