/**
 * Runs one job through its statuses: validates its input, answers each record, writes the output.
 *
 * Records are read, answered and written one after the other, a few at a time, so that memory does not grow with them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as EmulatorClock from "../EmulatorClock.ts"
import type * as Buckets from "../s3/Bucket.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"
import type * as Answer from "./Answer.ts"
import * as Job from "./Job.ts"
import type * as JobOptions from "./JobOptions.ts"
import * as JobRequest from "./JobRequest.ts"
import * as Lines from "./Lines.ts"
import * as Records from "./Records.ts"
import * as Results from "./Results.ts"

/** - `answer`: answers one record by the emulated model. */
export interface Options<R> {
  readonly clock: EmulatorClock.EmulatorClock
  readonly store: ObjectStore.ObjectStore
  readonly settings: JobOptions.Settings
  readonly answer: (question: Answer.Question) => Effect.Effect<Answer.Answer, AwsError.AwsError, R>
}

/** Runs it to its end; never fails. */
export const run = <R>(options: Options<R>, job: Job.Job): Effect.Effect<void, never, R> => {
  const { clock, settings } = options
  const work = Effect.gen(function*() {
    // by the time that each phase is due, so that a clock that jumps passes all of them
    const validating = job.submitTime + settings.submitted
    const scheduled = validating + settings.validating
    const begins = scheduled + settings.scheduled
    yield* pause(options, job, validating)
    enter(options, job, "Validating")
    yield* pause(options, job, scheduled)
    const { places, total } = yield* validate(options, job)
    job.counts = { total, processed: 0, success: 0, error: 0 }
    enter(options, job, "Scheduled")
    yield* pause(options, job, begins)
    enter(options, job, "InProgress")
    return yield* process(options, job, { ...places, begins, total })
  })
  return work.pipe(
    Effect.catchTag("Interruption", ({ status }) => Effect.succeed(status)),
    Effect.catchTag("AwsError", ({ message }) =>
      Effect.sync(() => {
        job.message = message
        return "Failed" as const
      })),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("A batch job failed with a defect", defect),
        "Failed" as const
      )
    ),
    Effect.flatMap((status) =>
      end(options, job, status === "Completed" && Deferred.isDoneUnsafe(job.stop) ? "Stopped" : status)
    ),
    clock.work
  )
}

/** Something other than its work ends the job. */
interface Interruption {
  readonly _tag: "Interruption"
  readonly status: "Stopped" | "Expired"
}

const interruption = (status: Interruption["status"]): Interruption => ({ _tag: "Interruption", status })

/** A job that is to be stopped enters no further phase. */
const enter = ({ clock }: Pick<Options<never>, "clock">, job: Job.Job, status: Job.Status) => {
  if (phases.has(status) && Deferred.isDoneUnsafe(job.stop)) return
  job.status = status
  job.lastModifiedTime = clock.now()
}

const phases: ReadonlySet<Job.Status> = new Set(["Validating", "Scheduled", "InProgress"])

const end = Effect.fnUntraced(function*<R>(options: Options<R>, job: Job.Job, status: Job.Status) {
  const { clock, settings } = options
  if (status === "Stopped") {
    enter(options, job, "Stopping")
    yield* clock.until(clock.now() + settings.stopping)
  }
  enter(options, job, status)
  job.endTime = clock.now()
})

/** Waits for the time at which something is due, unless the job is stopped or expires before. */
const pause = <R>({ clock }: Options<R>, job: Job.Job, time: number): Effect.Effect<void, Interruption> =>
  Effect.suspend(() => {
    const stopped = Effect.andThen(Deferred.await(job.stop), Effect.fail(interruption("Stopped")))
    const due = Math.min(time, job.expirationTime)
    const waited = Effect.andThen(
      due <= clock.now() ? Effect.void : clock.until(due),
      time >= job.expirationTime ? Effect.fail(interruption("Expired")) : Effect.void
    )
    return Deferred.isDoneUnsafe(job.stop) ? stopped : Effect.raceFirst(waited, stopped)
  })

const validate = Effect.fnUntraced(function*<R>({ settings, store }: Options<R>, job: Job.Job) {
  if (job.fate.failure !== undefined) return yield* AwsError.validation(job.fate.failure)
  const places = yield* Records.find(store, job.request, job.region, settings)
  return { places, total: yield* Records.validate(store, places.files, settings) }
})

/** Records that are answered at the same time. */
const concurrency = 4

/** How often a job waits while it is in progress. */
const steps = 20

const process = Effect.fnUntraced(function*<R>(
  options: Options<R>,
  job: Job.Job,
  plan: Records.Places & { readonly begins: number; readonly total: number }
) {
  const { clock, settings, store } = options
  const { ending } = job.fate
  const { begins, total } = plan
  const last = ending === undefined ? total : Math.floor(ending.share * total)
  const tokens = { input: 0, output: 0 }
  let index = 0
  let interrupted: Interruption | undefined
  for (const file of plan.files) {
    const name = file.key.slice(file.key.lastIndexOf("/") + 1)
    const writer = store.writer(plan.output, `${folderOf(job)}${name}.out`, outputType)
    yield* Effect.gen(function*() {
      const results = yield* Results.make(writer)
      const extra = { doubled: 0, foreign: 0 }
      yield* Lines.split(store.read(file), settings.maxRecordBytes).pipe(
        Stream.map((line) => ({ line, index: index++ })),
        Stream.mapEffect(({ index, line }) =>
          Effect.gen(function*() {
            if (interrupted !== undefined || index >= last) return undefined
            const step = Math.floor(index * steps / total)
            const stop = yield* Effect.result(pause(options, job, begins + settings.processing * step / steps))
            if (Result.isFailure(stop)) interrupted = stop.failure
            return Result.isFailure(stop) ? undefined : { index, line }
          })
        ),
        Stream.takeWhile((given) => given !== undefined),
        Stream.mapEffect(({ index, line }) =>
          clock.work(Effect.gen(function*() {
            const record = yield* Effect.orDie(Records.parse(line.bytes))
            const recordId = record.recordId ?? `CALL${String(index + 1).padStart(7, "0")}`
            const answered = yield* Effect.result(answerOne(options, job, record, index / total))
            if (Result.isSuccess(answered)) {
              tokens.input += answered.success.inputTokens
              tokens.output += answered.success.outputTokens
            }
            count(job, Result.isSuccess(answered))
            return { index, recordId, record, answered }
          })), { concurrency }),
        Stream.runForEach(({ answered, index, record, recordId }) =>
          Effect.gen(function*() {
            if (index < job.fate.missing) return
            const { modelInput } = record
            const outcome = Result.isSuccess(answered)
              ? { modelOutput: answered.success.output }
              : { error: errorOf(answered.failure) }
            yield* results.add({ modelInput, ...outcome, recordId })
            if (extra.doubled++ < job.fate.doubled) yield* results.add({ modelInput, ...outcome, recordId })
            if (extra.foreign++ < job.fate.foreign) {
              yield* results.add({
                modelInput,
                ...outcome,
                recordId: `STRANGER${String(extra.foreign).padStart(3, "0")}`
              })
            }
          })
        )
      )
      yield* results.finish
    }).pipe(Effect.onError(() => writer.abort))
    if (interrupted !== undefined) break
  }
  if (interrupted === undefined && ending?.status === "Expired") {
    const stop = yield* Effect.result(pause(options, job, job.expirationTime))
    if (Result.isFailure(stop)) interrupted = stop.failure
  } else if (interrupted === undefined) {
    const stop = yield* Effect.result(pause(options, job, begins + settings.processing))
    if (Result.isFailure(stop)) interrupted = stop.failure
  }
  yield* writeManifest(options, job, plan.output, tokens)
  return interrupted?.status ?? ending?.status ?? "Completed"
})

const count = (job: Job.Job, isSuccess: boolean) => {
  const { error, processed, success, total } = job.counts ?? { total: 0, processed: 0, success: 0, error: 0 }
  job.counts = {
    total,
    processed: processed + 1,
    success: success + (isSuccess ? 1 : 0),
    error: error + (isSuccess ? 0 : 1)
  }
}

interface RecordError {
  readonly errorCode: number
  readonly errorMessage: string
}

const answerOne = <R>(
  { answer, settings }: Options<R>,
  job: Job.Job,
  { modelInput }: Records.Record,
  share: number
): Effect.Effect<Answer.Answer, RecordError, R> => {
  const { refused } = job.fate
  if (refused !== undefined && share < refused.share) return Effect.fail(refused)
  const type = Job.typeOf(job.request)
  if (type === "Converse" && settings.tools === "refused" && modelInput["toolConfig"] !== undefined) {
    return Effect.fail(toolsRefused)
  }
  return Effect.mapError(
    answer({ region: job.region, modelId: job.request.modelId, type, input: modelInput }),
    ({ message, status }) => ({ errorCode: status, errorMessage: message })
  )
}

const errorOf = ({ errorCode, errorMessage }: RecordError): RecordError => ({ errorCode, errorMessage })

/** That tools are not supported is documented, on some pages; the message is assumed. */
const toolsRefused: RecordError = {
  errorCode: 400,
  errorMessage: "Tool use is not supported in batch inference. Remove toolConfig and try again."
}

/** The folder of a job: its id below the output's prefix. */
const folderOf = ({ id, request }: Job.Job): string => {
  const { key } = JobRequest.locate(request.outputDataConfig.s3OutputDataConfig.s3Uri)
  return `${key === "" || key.endsWith("/") ? key : `${key}/`}${id}/`
}

const outputType = { "content-type": "application/octet-stream" }

const writeManifest = <R>(
  { store }: Options<R>,
  job: Job.Job,
  output: Buckets.Bucket,
  tokens: { readonly input: number; readonly output: number }
) => {
  const { error, processed, success, total } = job.counts ?? { total: 0, processed: 0, success: 0, error: 0 }
  const manifest = {
    totalRecordCount: total,
    processedRecordCount: processed,
    successRecordCount: success,
    errorRecordCount: error,
    inputTokenCount: tokens.input,
    outputTokenCount: tokens.output
  }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  return store.put(output, `${folderOf(job)}manifest.json.out`, bytes, { headers: outputType })
}
