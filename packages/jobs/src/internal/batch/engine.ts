/**
 * Runs a job by batch jobs of a provider: gathers items into them, submits, waits, and collects.
 *
 * One process at a time does this; another takes over when its lease expires. All it knows is in the database and at the
 * provider, so it goes on wherever the last one ended.
 */
import * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as JobError from "../../JobError.ts"
import * as Outage from "../outage.ts"
import * as Processes from "../processes.ts"
import * as Storing from "../store/storing.ts"
import type * as Batches from "./batches.ts"
import type * as Collecting from "./collecting.ts"
import type * as Gathering from "./gathering.ts"

/**
 * - `polling`: the first pause between two looks at the provider; it grows tenfold while nothing changes.
 * - `timeout`: after which the provider stops a batch job.
 */
export interface Options {
  readonly polling: Duration.Duration
  readonly timeout: Duration.Duration | undefined
}

export interface Parts<R> extends Options {
  readonly name: string
  readonly job: number
  readonly runner: string
  readonly sql: Parameters<typeof Processes.look>[0]
  readonly kind: Batch.Kind
  readonly service: Batch.Batch
  readonly batches: Batches.Batches
  readonly gather: Gathering.Gathering
  readonly collect: Collecting.Collect<R>
}

/** What is left when no batch job is open: nothing, or fewer items than a batch job takes. */
export type Rest = { readonly items: number; readonly minRecords: number }

/** Works until no batch job is open and no other can be made. */
export const make = <R>(
  { batches, collect, gather, job, kind, name, polling, runner, service, sql, timeout }: Parts<R>
): Effect.Effect<Rest, JobError.JobPausedError | JobError.JobSinkError | JobError.JobStoreError, R> => {
  const stored = <A, E>(doing: string, effect: Effect.Effect<A, E>) =>
    Storing.attempt(doing, Storing.persist(effect), name)
  const outage = Outage.make(name, Duration.infinity)

  /** What the provider answered; `undefined` for a failure that passes. One that does not pauses the job. */
  const asked = <A, E, R>(
    doing: string,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A | undefined, Exclude<E, ProviderError.ProviderError> | JobError.JobPausedError, R> =>
    Effect.catch(effect, (error): Effect.Effect<
      undefined,
      Exclude<E, ProviderError.ProviderError> | JobError.JobPausedError
    > => {
      // It is none of the provider's.
      if (!ProviderError.isProviderError(error)) return Effect.fail(error as Exclude<E, ProviderError.ProviderError>)
      const meaning = Outage.meaningOf(error)
      return meaning === "wait" || meaning === "again"
        ? Effect.as(Effect.logWarning(`Job ${name}: ${doing}: ${error.message}`), undefined)
        : Effect.fail(outage.stop(error))
    })

  const submit = Effect.fnUntraced(function*(batch: Batches.Batch) {
    const submitted = yield* asked(
      "submitting a batch job",
      service.submit({ name: batch.name, model: batch.model, kind, timeout, lines: gather.lines(batch) })
    )
    if (submitted === undefined) return false
    yield* stored("noting a batch job", batches.submitted(batch, submitted.job.id))
    yield* Effect.logInfo(
      `Job ${name}: batch job ${batch.name} of ${batch.records} items is ${submitted.outcome}: ${submitted.job.id}`
    )
    return true
  })

  /** Looks at one that is submitted, and collects it when it is over. Returns whether something changed. */
  const follow = Effect.fnUntraced(function*(batch: Batches.Batch, isCancelled: boolean) {
    const id = batch.providerId!
    const look = isCancelled ? service.stop(id) : service.status(id)
    const now = yield* asked("looking at a batch job", look)
    if (now === undefined || !Batch.isFinished(now)) return false
    if (now.failure?._tag === "QueueFullError") {
      yield* Effect.logWarning(`Job ${name}: batch job ${batch.name} was never started: ${now.failure.message}`)
      yield* stored("noting a batch job", batches.again(batch))
      return true
    }
    return (yield* asked("collecting a batch job", collect(batch, now))) !== undefined
  })

  const step = Effect.gen(function*() {
    const look = yield* stored("looking at the job", Processes.look(sql, job, runner))
    if (look === undefined) return { changed: false, rest: { items: 0, minRecords: 0 } }
    if (!(yield* stored("leading", batches.lead))) return { changed: false }
    let changed = false
    for (const batch of yield* stored("looking at batch jobs", batches.open)) {
      if (batch.state === "submitted") changed = (yield* follow(batch, look.isCancelled)) || changed
      else if (look.isCancelled) yield* stored("giving back a batch job", gather.giveBack(batch))
      else {
        const filled = yield* gather.fill(batch)
        changed = filled === undefined || (yield* submit(filled)) || changed
      }
    }
    const open = (yield* stored("looking at batch jobs", batches.open)).length
    if (look.isCancelled) return open === 0 ? { changed, rest: { items: 0, minRecords: 0 } } : { changed }
    const { maxOpenJobs, maxRecords, minRecords } = service.limits()
    const items = yield* stored("counting items", batches.count)
    if (open < maxOpenJobs && (items >= maxRecords || look.isRead && items >= minRecords)) {
      const batch = yield* gather.begin
      if (batch !== undefined) changed = (yield* submit(batch)) || changed
      return { changed }
    }
    return look.isRead && open === 0 ? { changed, rest: { items, minRecords } } : { changed }
  })

  return Effect.gen(function*() {
    const first = Duration.toMillis(polling)
    let pause = first
    while (true) {
      const { changed, rest } = yield* step
      if (rest !== undefined) return rest
      pause = changed ? first : Math.min(pause * 1.5, first * 10)
      yield* Effect.sleep(pause * (0.8 + 0.4 * (yield* Random.next)))
    }
  }).pipe(Effect.ensuring(Effect.ignore(batches.leave)))
}
