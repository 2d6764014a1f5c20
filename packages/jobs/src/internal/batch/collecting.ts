/** Writes the results of a batch job, each once, and gives back the items that have none. */
import * as Batch from "@strata/core/batch/Batch"
import * as Cost from "@strata/core/Cost"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SqlError from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as JobError from "../../JobError.ts"
import { called } from "../called.ts"
import * as Chunks from "../chunks.ts"
import * as Digest from "../digest.ts"
import * as Outage from "../outage.ts"
import type * as Sink from "../sink/contract.ts"
import * as Storing from "../store/storing.ts"
import type * as Batches from "./batches.ts"
import * as Gathering from "./gathering.ts"

export interface Options<Item, Output, E, R> extends Gathering.Options<Item, Output, R> {
  readonly writer: Sink.Writer<Item, Output, E>
  readonly maxAttempts: number
}

/** Results that are written together. */
const resultsAtOnce = 100

/** Another process has written one of these records. */
class Marked extends Schema.TaggedError<Marked>()("Marked", {}) {}

interface Sorted<Item, Output> {
  readonly record: Batches.Record
  readonly row: Sink.Written<Item, Output> | undefined
  readonly error: JobError.DeadLetterError | undefined
  readonly isDead: boolean
  readonly usage: Usage.Usage
  readonly cost: Cost.Cost | undefined
}

/** Collects a batch job that is over, whatever its state. */
export type Collect<R> = (
  batch: Batches.Batch,
  job: Batch.Job
) => Effect.Effect<
  true,
  JobError.JobPausedError | JobError.JobSinkError | JobError.JobStoreError | ProviderError.ProviderError,
  R
>

export const make = <Item, Output, E, R>(
  { batches, chunks, decode, maxAttempts, name, service, work, writer }: Options<Item, Output, E, R>
): Collect<R> => {
  const stored = <A, E>(doing: string, effect: Effect.Effect<A, E>) =>
    Storing.attempt(doing, Storing.persist(effect), name)

  /** What a result means for its record. */
  const sort = Effect.fnUntraced(function*(record: Batches.Record, result: Batch.BatchResult) {
    const item = decode(record.json)
    const output: Result.Result<Output, ProviderError.ProviderError> = yield* Effect.result(work.batch.output(result))
    const error = Result.isFailure(output) ? output.failure : Result.isFailure(item) ? item.failure : undefined
    const attempts = Number(record.failures) + 1
    return {
      record,
      row: Result.isSuccess(output) && Result.isSuccess(item)
        ? { id: record.id, item: item.success, output: output.success, hash: Digest.of(record.json) }
        : undefined,
      error,
      isDead: error !== undefined &&
        (error._tag === "ItemError" || Outage.meaningOf(error) === "dead" || attempts >= maxAttempts),
      usage: result.usage ?? Usage.empty,
      cost: result.cost
    } satisfies Sorted<Item, Output>
  })

  const settlementOf = (sorted: ReadonlyArray<Sorted<Item, Output>>): Chunks.Settlement => ({
    done: sorted.filter(({ row }) => row !== undefined).length,
    dead: sorted.flatMap(({ error, isDead, record }) =>
      isDead ? [{ ...record, error: error!, attempts: Number(record.failures) + 1 }] : []
    ),
    again: Gathering.chunked(
      sorted.filter(({ isDead, row }) => row === undefined && !isDead)
        .map(({ record }) => ({ ...record, failures: Number(record.failures) + 1 })),
      work.chunk
    ),
    usage: sorted.reduce((sum, { usage }) => Usage.add(sum, usage), Usage.empty),
    cost: Cost.sum(sorted.map(({ cost }) => cost))
  })

  /** Takes items out of their records. */
  const take = (batch: number, sorted: ReadonlyArray<Sorted<Item, Output>>) =>
    Effect.flatMap(
      batches.mark(batch, sorted.map(({ record }) => record.record)),
      (isMarked) => isMarked ? Effect.void : Effect.fail(new Marked())
    )
  const isMarked = (error: unknown): error is Marked => error instanceof Marked

  const write = (batch: number, sorted: ReadonlyArray<Sorted<Item, Output>>) => {
    const rows = sorted.flatMap(({ row }) => row === undefined ? [] : [row])
    const transaction = (inside: Effect.Effect<void, E | SqlError.SqlError>) =>
      chunks.settleAfter(take(batch, sorted), settlementOf(sorted), inside)
    const writing = rows.length === 0
      ? transaction(Effect.void)
      : Storing.undying(called(() => writer.write(rows, transaction)))
    return Storing.persist(writing).pipe(
      Effect.catchIf(isMarked, () => Effect.void)
    )
  }

  /** {@link write} for items without a result. */
  const settle = (batch: number, sorted: ReadonlyArray<Sorted<Item, Output>>) =>
    stored(
      "writing results",
      Effect.catchIf(
        chunks.settleAfter(take(batch, sorted), settlementOf(sorted), Effect.void),
        isMarked,
        () => Effect.void
      )
    )

  /** Writes a page; items that the sink refuses, and others not, are dead. */
  const writePage = Effect.fnUntraced(function*(batch: number, sorted: ReadonlyArray<Sorted<Item, Output>>) {
    const written = yield* Effect.result(write(batch, sorted))
    if (Result.isSuccess(written)) return
    if (Storing.isPassing(written.failure)) return yield* Storing.failed("writing results", written.failure, name)
    let refusals = 0
    for (const one of sorted) {
      const alone = yield* Effect.result(write(batch, [one]))
      if (Result.isSuccess(alone)) continue
      if (++refusals === sorted.length) return yield* sinkError(alone.failure)
      const error = new JobError.ItemError({ kind: "sink", message: Storing.wordsOf(alone.failure) })
      yield* settle(batch, [{ ...one, row: undefined, error, isDead: true }])
    }
  })

  const sinkError = (cause: unknown) =>
    new JobError.JobSinkError({
      job: name,
      message: `Job ${name}: its sink fails: ${Storing.wordsOf(cause)} Nothing is lost; run the job again to go on.`,
      cause
    })

  /** Records without a result come again, or are dead after enough batch jobs. */
  const rest = Effect.fnUntraced(function*({ batch }: Batches.Batch, wasTried: boolean) {
    while (true) {
      const page = yield* stored("reading records", batches.page(batch, "", resultsAtOnce, false))
      if (page.length === 0) return
      const error = new JobError.ItemError({ kind: "unanswered", message: "Batch jobs ended without a result for it." })
      const sorted = page.map((record): Sorted<Item, Output> => {
        const failures = Number(record.failures) - (wasTried ? 0 : 1)
        return {
          record: { ...record, failures },
          row: undefined,
          error,
          isDead: failures + 1 >= maxAttempts,
          usage: Usage.empty,
          cost: Cost.empty
        }
      })
      yield* settle(batch, sorted)
    }
  })

  return Effect.fnUntraced(function*(batch: Batches.Batch, job: Batch.Job) {
    const errors = new Map<string, number>()
    let successes = 0
    let foreign = 0
    const page = Effect.fnUntraced(function*(results: ReadonlyArray<Batch.BatchResult>) {
      const ids = results.flatMap(({ recordId }) => recordId === undefined ? [] : [recordId])
      const known = new Map(
        (yield* stored("reading records", batches.known(batch.batch, ids))).map((record) => [record.record, record])
      )
      const sorted: Array<Sorted<Item, Output>> = []
      for (const result of results) {
        const record = result.recordId === undefined ? undefined : known.get(result.recordId)
        if (record === undefined) foreign++
        const failure = Batch.failureOf(result)
        if (failure === undefined) successes++
        else errors.set(failure.message, (errors.get(failure.message) ?? 0) + 1)
        if (record === undefined || Number(record.is_done) === 1) continue
        // A result that comes twice counts once.
        known.set(record.record, { ...record, is_done: 1 })
        sorted.push(yield* sort(record, result))
      }
      if (sorted.length > 0) yield* writePage(batch.batch, sorted)
    })
    yield* service.results(job.id, { ...work.batch.options, model: batch.model }).pipe(
      Stream.rechunk(resultsAtOnce),
      Stream.chunks,
      Stream.runForEach(page)
    )
    if (foreign > 0) {
      yield* Effect.logError(
        `Job ${name}: batch job ${batch.name} has ${foreign} results for records that it was not given; they are left out.`
      )
    }
    yield* rest(batch, job.state !== "failed")
    yield* stored("noting a batch job", batches.collected(batch))
    yield* Effect.logInfo(
      `Job ${name}: batch job ${batch.name} is ${job.state}: ${successes} results, ${
        [...errors.values()].reduce((sum, count) => sum + count, 0)
      } errors`
    )
    if (job.state === "failed" && job.failure !== undefined) return yield* paused(job.failure.message, job.failure)
    const [most] = [...errors].sort(([, one], [, other]) => other - one)
    if (successes === 0 && most !== undefined) {
      return yield* paused(`all records of batch job ${batch.name} failed, ${most[1]} of them with: ${most[0]}`)
    }
    return true as const
  })

  function paused(why: string, error?: ProviderError.ProviderError) {
    return new JobError.JobPausedError({
      job: name,
      error,
      message: `Job ${name} is paused: ${why} Nothing is lost; run it again to go on.`
    })
  }
}
