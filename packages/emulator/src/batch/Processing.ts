/**
 * Answers the records of a job and writes them: read, answered and written one after the other, a few at a time, so that
 * memory does not grow with them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as AwsError from "../AwsError.ts"
import type * as EmulatorClock from "../EmulatorClock.ts"
import type * as Buckets from "../s3/Bucket.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"
import type * as Answer from "./Answer.ts"
import * as Interruption from "./Interruption.ts"
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

/** What is to be done, from when on. */
export interface Plan extends Records.Places {
  readonly begins: number
  readonly total: number
}

/** How far a job is; `doubled` and `foreign` count what faults added. */
interface Progress {
  index: number
  inputTokens: number
  outputTokens: number
  doubled: number
  foreign: number
  interruption: Interruption.Interruption | undefined
}

/** Records that are answered at the same time. */
const concurrency = 4

/** How often a job waits while it is in progress. */
const steps = 20

/** Answers all records, or those before something ends the job; returns its status. */
export const run = Effect.fnUntraced(function*<R>(options: Options<R>, job: Job.Job, plan: Plan) {
  const { clock, settings } = options
  const { ending } = job.fate
  const progress: Progress = {
    index: 0,
    inputTokens: 0,
    outputTokens: 0,
    doubled: 0,
    foreign: 0,
    interruption: undefined
  }
  for (const file of plan.files) {
    if (progress.interruption === undefined) yield* answerFile(options, job, plan, progress, file)
  }
  if (progress.interruption === undefined) {
    const over = ending?.status === "Expired"
      ? job.expirationTime
      : plan.begins + settings.processing * (ending?.share ?? 1)
    const paused = yield* Effect.result(Interruption.pause(clock, job, over))
    if (Result.isFailure(paused)) progress.interruption = paused.failure
    else if (ending?.status === "Stopped") {
      job.status = "Stopping"
      job.lastModifiedTime = over
    }
  }
  yield* writeManifest(options, job, plan.output, progress)
  return progress.interruption?.status ?? ending?.status ?? "Completed"
})

const answerFile = <R>(
  options: Options<R>,
  job: Job.Job,
  plan: Plan,
  progress: Progress,
  { name, object }: Records.File
) => {
  const { clock, settings, store } = options
  const { begins, total } = plan
  const { ending } = job.fate
  const last = ending === undefined ? total : Math.floor(ending.share * total)

  /** Whether it is time for a record; not when the job ends before. */
  const isDue = Effect.fnUntraced(function*(index: number) {
    if (progress.interruption !== undefined || index >= last) return false
    const step = Math.floor(index * steps / total)
    const paused = yield* Effect.result(
      Interruption.pause(clock, job, begins + settings.processing * step / steps)
    )
    if (Result.isFailure(paused)) progress.interruption = paused.failure
    return Result.isSuccess(paused)
  })

  // a model that does not answer must not keep a job from stopping
  const stopped = Effect.as(Deferred.await(job.stop), undefined)

  const answered = Effect.fnUntraced(function*({ index, line }: Numbered) {
    // it was validated
    const record = yield* Effect.orDie(Records.parse(line.bytes))
    const answer = yield* Effect.raceFirst(Effect.result(answerOne(options, job, record, index / total)), stopped)
    if (answer === undefined) return undefined
    if (Result.isSuccess(answer)) {
      progress.inputTokens += answer.success.inputTokens
      progress.outputTokens += answer.success.outputTokens
    }
    count(job, Result.isSuccess(answer))
    const { modelInput, recordId = `CALL${String(index + 1).padStart(7, "0")}` } = record
    const outcome = Result.isSuccess(answer)
      ? { modelOutput: answer.success.output }
      : { error: errorOf(answer.failure) }
    return { index, entry: { modelInput, ...outcome, recordId } }
  })

  const write = Effect.fnUntraced(function*(results: Results.Results, { entry, index }: Entry) {
    if (index < job.fate.missing) return
    yield* results.add(entry)
    if (progress.doubled++ < job.fate.doubled) yield* results.add(entry)
    if (progress.foreign++ < job.fate.foreign) {
      yield* results.add({ ...entry, recordId: `STRANGER${String(progress.foreign).padStart(3, "0")}` })
    }
  })

  const writer = store.writer(plan.output, `${folderOf(job)}${name}.out`, outputType)
  return Effect.gen(function*() {
    const results = yield* Results.make(writer)
    yield* Lines.split(store.read(object), settings.maxRecordBytes).pipe(
      Stream.map((line): Numbered => ({ line, index: progress.index++ })),
      Stream.takeWhileEffect(({ index }) => isDue(index)),
      Stream.mapEffect((numbered) => clock.work(answered(numbered)), { concurrency }),
      Stream.runForEach((entry) => entry === undefined ? Effect.void : write(results, entry))
    )
    yield* results.finish
  }).pipe(Effect.onError(() => writer.abort))
}

/** A line with the index of its record in the job. */
interface Numbered {
  readonly index: number
  readonly line: Lines.Line
}

/** A line of the output. */
interface Entry {
  readonly index: number
  readonly entry: { readonly recordId: string; readonly modelInput: unknown }
}

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
  { inputTokens, outputTokens }: Progress
) => {
  const { error, processed, success, total } = job.counts ?? { total: 0, processed: 0, success: 0, error: 0 }
  const manifest = {
    totalRecordCount: total,
    processedRecordCount: processed,
    successRecordCount: success,
    errorRecordCount: error,
    inputTokenCount: inputTokens,
    outputTokenCount: outputTokens
  }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  return store.put(output, `${folderOf(job)}manifest.json.out`, bytes, { headers: outputType })
}
