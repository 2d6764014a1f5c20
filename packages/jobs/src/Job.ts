/**
 * Durable bulk work: a stream of items, each embedded or asked about, written to a sink.
 *
 * A job survives the death of its processes, runs on as many as are started, and writes each item once. What it has done is
 * in a database, `JobStore`.
 */
import { BatchService } from "@strata/core/batch/BatchService"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BatchRunning from "./internal/batch/running.ts"
import * as DeadLetters from "./internal/deadLetters.ts"
import * as ItemCodec from "./internal/itemCodec.ts"
import * as JobOptions from "./internal/options.ts"
import * as Progress from "./internal/progress.ts"
import * as Running from "./internal/running.ts"
import type * as Session from "./internal/session.ts"
import * as Registry from "./internal/store/registry.ts"
import * as Storing from "./internal/store/storing.ts"
import * as JobError from "./JobError.ts"
import { JobStore } from "./JobStore.ts"
import type * as Sink from "./Sink.ts"
import type * as Work from "./Work.ts"

export type { DeadLetter } from "./internal/deadLetters.ts"
export type { Progress } from "./internal/progress.ts"
export type { BatchJob, Runner, Status } from "./internal/store/registry.ts"

/**
 * The items of a job.
 *
 * - `name`: what the job is called in its store, 1 to 200 characters.
 * - `item`: the schema of an item, which is stored as JSON while there is work on it.
 * - `source`: the items. It is read from its start whenever a process goes on reading, so it should give the same items.
 * - `id`: what an item is known by, 1 to 512 characters; of equal ids the first counts.
 * - `maxAttempts`: how often an item is tried that fails; 3 by default. Throttling and outages do not count. One during which
 *   the process ends is tried two times more, alone, since a process may be killed from outside.
 * - `maxItemBytes`: characters of an item as JSON; 1,000,000 by default. Larger ones go to the dead letters.
 * - `readAhead`: how many items may be stored and wait for work; 10,000 by default.
 */
export interface Items<Item, Encoded, SE, SR> {
  readonly name: string
  readonly item: Schema.Codec<Item, Encoded>
  readonly source: Stream.Stream<Item, SE, SR>
  readonly id: (item: Item) => string
  readonly maxAttempts?: number | undefined
  readonly maxItemBytes?: number | undefined
  readonly readAhead?: number | undefined
}

/** The items of a job, what is done with each, and where the results go. */
export interface Options<Item, Encoded, Output, SE, SR, E, R, WR> extends Items<Item, Encoded, SE, SR> {
  readonly work: Work.Work<Item, Output, WR>
  readonly sink: Sink.Sink<Item, Output, E, R>
}

/** A job; see {@link make}. `SE`: what its source fails with; `R`: what its source, work and sink need. */
export interface Job<out SE = never, out R = never> {
  readonly name: string
  /** @internal */
  readonly start: (
    store: JobStore["Service"],
    options: JobOptions.Starting
  ) => Effect.Effect<Registry.Status, SE | JobError.RunError, R>
}

/**
 * How a process runs a job by single calls.
 *
 * - `engine`: `live`, by single calls.
 * - `concurrency`: chunks this process works on at once, 8 by default. A chunk has one item for chat and up to 96 for
 *   embeddings; the policy of the service limits the requests.
 * - `grace`: how long what is in flight may go on when the run is interrupted, 10 seconds by default; then it is given back.
 * - `patience`: how long an outage may last before the run ends with `JobPausedError`, 15 minutes by default.
 * - `acceptChanges`: go on although the definition of the work has changed.
 * - `onProgress`: told how far the job is, each second and at the end, see {@link watch}; its failures change nothing.
 */
export interface RunOptions {
  readonly engine?: "live" | undefined
  readonly concurrency?: number | undefined
  readonly grace?: Duration.Input | undefined
  readonly patience?: Duration.Input | undefined
  readonly acceptChanges?: boolean | undefined
  readonly onProgress?: ((progress: Progress.Progress) => Effect.Effect<unknown>) | undefined
}

/**
 * Options of a run by batch jobs of the provider, at a lower price and within hours, see `BatchService`.
 *
 * - `live`: whether items are asked about by single calls that are too few for a batch job, as those that failed in one may
 *   be; `false` by default: the run ends with `JobPausedError` then.
 * - `polling`: the first pause between two looks at a batch job, 30 seconds by default; it grows tenfold while nothing changes.
 * - `timeout`: after which the provider stops a batch job; what it has not answered goes to the next one.
 */
export interface BatchOptions extends Omit<RunOptions, "engine"> {
  readonly engine: "batch"
  readonly live?: boolean | undefined
  readonly polling?: Duration.Input | undefined
  readonly timeout?: Duration.Input | undefined
}

/**
 * Makes a job. Nothing happens before {@link run}, which also refuses invalid options.
 *
 * With `work` and `sink` as arguments of their own, their functions need no types: those of items and results are known.
 *
 * @example
 * const job = Job.make(
 *   { name: "pages", item: Page, source: pages, id: (page) => page.url },
 *   Work.embedding({ input: (page) => page.text }),
 *   Sink.vectors({ table: "pages", columns: (page) => ({ title: page.title }) })
 * )
 */
export const make: {
  <Item, Encoded, Output, SE, SR, E, R, WR>(
    options: Options<Item, Encoded, Output, SE, SR, E, R, WR>
  ): Job<SE, SR | R | WR>
  <Item, Encoded, Output, SE, SR, E, R, WR>(
    items: Items<Item, Encoded, SE, SR>,
    work: Work.Work<Item, Output, WR>,
    sink: Sink.Sink<Item, Output, E, R>
  ): Job<SE, SR | R | WR>
} = <Item, Encoded, Output, SE, SR, E, R, WR>(
  options: Items<Item, Encoded, SE, SR> & Partial<Options<Item, Encoded, Output, SE, SR, E, R, WR>>,
  work?: Work.Work<Item, Output, WR>,
  sink?: Sink.Sink<Item, Output, E, R>
) => {
  // What is missing or invalid, `run` refuses.
  const given = Check.fieldsOf(options) as Options<Item, Encoded, Output, SE, SR, E, R, WR>
  return made({ ...given, work: work ?? given.work, sink: sink ?? given.sink })
}

const made = <Item, Encoded, Output, SE, SR, E, R, WR>(
  options: Options<Item, Encoded, Output, SE, SR, E, R, WR>
): Job<SE, SR | R | WR> => ({
  name: text(options.name),
  start: Effect.fnUntraced(function*(store, { acceptChanges, batch, onProgress, ...running }) {
    const { maxAttempts = 3, maxItemBytes = 1_000_000, name, readAhead = 10_000 } = yield* Check.run(
      JobOptions.ofJob,
      options,
      { provider: "strata", whole: "job" }
    )
    const { item, sink, source, work } = options
    const chunk = yield* Check.run(JobOptions.positive, work.chunk, { provider: "strata", whole: "work.chunk" })
    const definition = yield* work.definition
    const job = yield* Storing.attempt(
      "starting",
      Storing.persist(Registry.register(store.sql, name, definition, acceptChanges)),
      name
    )
    const session: Session.Options<Item, Output, SE, SR, E, R, WR> = {
      ...running,
      store,
      job,
      name,
      source,
      id: options.id,
      ...ItemCodec.make(item),
      work: { ...work, chunk },
      sink,
      maxAttempts,
      maxItemBytes,
      readAhead
    }
    const working = Effect.gen(function*() {
      const isLeft = batch === undefined || (yield* BatchRunning.run(session, batch))
      if (isLeft) yield* Effect.scoped(Running.run(session))
    })
    const watched = onProgress === undefined ? working : Progress.told(working, statusOf(store, job, name), onProgress)
    yield* Effect.onInterrupt(
      watched,
      () =>
        Effect.ignore(
          Effect.flatMap(statusOf(store, job, name), ({ done, read }) =>
            Effect.logInfo(`Job ${name} is stopped: ${done} of ${read} items are done. Run it again to go on.`))
        )
    )
    return yield* statusOf(store, job, name)
  })
})

/**
 * Runs a job until nothing is left, and returns its status. It goes on where earlier runs ended, and may be run by many
 * processes at once. A job that is done reads its source again and works on what is new.
 *
 * Interruption lets what is in flight end within `grace`, and gives back the rest: run the job again to go on. Batch jobs
 * go on at the provider meanwhile.
 *
 * Fails with
 * - the error of the source;
 * - `JobPausedError` for credentials, budgets, daily quotas, a model that is missing, and outages beyond `patience`;
 * - `JobSinkError` if the sink fails for one chunk after another;
 * - `JobStoreError` if the database fails for more than a minute;
 * - `JobConflictError` if a job of this name has another definition, such as another model;
 * - `JobNotFoundError` if it is removed meanwhile;
 * - `InvalidRequestError` for invalid options.
 *
 * A failure of one item is none of the job: it goes to the {@link deadLetters}.
 *
 * @example
 * const { done, failed } = yield* Job.run(job, { concurrency: 4 })
 */
export const run: {
  <SE, R>(
    job: Job<SE, R>,
    options?: RunOptions
  ): Effect.Effect<Registry.Status, SE | JobError.RunError, R | JobStore>
  <SE, R>(
    job: Job<SE, R>,
    options: BatchOptions
  ): Effect.Effect<Registry.Status, SE | JobError.RunError, R | JobStore | BatchService>
} = Effect.fnUntraced(function*<SE, R>(
  job: Job<SE, R>,
  options: RunOptions | BatchOptions = {}
): Effect.fn.Return<Registry.Status, SE | JobError.RunError, R | JobStore> {
  const { engine, live = false, polling = Duration.seconds(30), timeout, ...checked } = yield* Check.run(
    JobOptions.ofRun,
    options,
    { provider: "strata", whole: "options" }
  )
  const store = yield* JobStore
  // The overloads require it for this engine.
  const service = Context.getOption(yield* Effect.context<never>(), BatchService)
  if (engine === "batch" && Option.isNone(service)) return yield* noBatchService
  return yield* job.start(store, {
    concurrency: 8,
    grace: Duration.seconds(10),
    patience: Duration.minutes(15),
    acceptChanges: false,
    onProgress: undefined,
    ...checked,
    batch: engine === "batch" && Option.isSome(service) ? { service: service.value, live, polling, timeout } : undefined
  })
}, Effect.withSpan("Job.run", {}, { captureStackTrace: false }))

const noBatchService = ProviderError.invalidRequest({
  provider: "strata",
  field: "engine",
  problem: "there is no BatchService",
  remedy: "Provide a layer of it, such as that of BedrockBatch"
})

/** How far a job is. Fails with `JobNotFoundError` if there is none of this name. */
export const status = Effect.fnUntraced(function*(name: string) {
  const store = yield* JobStore
  const job = yield* found(store, name)
  return yield* statusOf(store, job, name)
}, Effect.withSpan("Job.status", {}, { captureStackTrace: false }))

/** How far each job of the store is. */
export const list = Effect.fnUntraced(function*() {
  const store = yield* JobStore
  const names = yield* Storing.attempt("listing", Registry.names(store.sql))
  return yield* Effect.forEach(names, (name) => Effect.flatMap(found(store, name), (job) => statusOf(store, job, name)))
}, Effect.withSpan("Job.list", {}, { captureStackTrace: false }))

/**
 * The progress of a job: its status with its rate and the time that remains, each second, or `every`. Ends with the job.
 *
 * `total`: how many items there are, for the time that remains while the source is read.
 *
 * Fails with `JobNotFoundError` if there is none of this name, with `JobStoreError` when the database does, and with
 * `InvalidRequestError` for invalid options.
 */
export const watch = (
  name: string,
  options: { readonly every?: Duration.Input | undefined; readonly total?: number | undefined } = {}
): Stream.Stream<
  Progress.Progress,
  JobError.JobNotFoundError | JobError.JobStoreError | ProviderError.InvalidRequestError,
  JobStore
> =>
  Stream.unwrap(Effect.gen(function*() {
    const { every = Duration.seconds(1), total } = yield* Check.run(JobOptions.ofWatch, options, {
      provider: "strata",
      whole: "options"
    })
    return Stream.takeUntil(Progress.make(status(name), every, total), Progress.isOver)
  }))

/**
 * The items that have no result, oldest first, read page by page. Fails with `JobNotFoundError` if there is no job of
 * this name, and with `JobStoreError` when the database does.
 */
export const deadLetters = (
  name: string
): Stream.Stream<DeadLetters.DeadLetter, JobError.JobNotFoundError | JobError.JobStoreError, JobStore> =>
  Stream.unwrap(Effect.gen(function*() {
    const store = yield* JobStore
    return DeadLetters.read(store.sql, yield* found(store, name), name)
  }))

/**
 * Puts dead letters back to work, all or those of `ids`, and a cancelled job too; run the job to do it. Returns how many.
 * Items that were never stored, because they were too large or had no id, stay.
 */
export const retry = Effect.fnUntraced(function*(name: string, ids?: ReadonlyArray<string>) {
  const store = yield* JobStore
  const job = yield* found(store, name)
  const chosen = ids === undefined
    ? undefined
    : yield* Check.run(Check.list(Check.text), ids, { provider: "strata", whole: "ids" })
  return yield* Storing.attempt("retrying", DeadLetters.retry(store, job, chosen), name)
}, Effect.withSpan("Job.retry", {}, { captureStackTrace: false }))

/**
 * Stops a job: its processes end within seconds, and {@link run} does nothing. What is done stays; {@link retry} lets it go
 * on.
 */
export const cancel = Effect.fnUntraced(function*(name: string) {
  const { sql } = yield* JobStore
  const changed = yield* Storing.attempt(
    "cancelling",
    sql`UPDATE strata_job SET state = 'cancelled', reader = NULL WHERE name = ${text(name)} RETURNING id`,
    text(name)
  )
  if (changed.length === 0) return yield* Registry.notFound(text(name))
}, Effect.withSpan("Job.cancel", {}, { captureStackTrace: false }))

/** Forgets a job: all that its store has of it. What its sink wrote stays. Processes that run it end within seconds. */
export const remove = Effect.fnUntraced(function*(name: string) {
  const store = yield* JobStore
  const job = yield* found(store, name)
  yield* Storing.attempt("removing", Registry.remove(store.sql, job), name)
}, Effect.withSpan("Job.remove", {}, { captureStackTrace: false }))

const found = (store: JobStore["Service"], name: string) =>
  Storing.attempt("looking for it", Registry.find(store.sql, text(name)), text(name))

const statusOf = ({ lease, sql }: JobStore["Service"], job: number, name: string) =>
  Effect.flatMap(
    Storing.attempt("reading its status", Registry.status(sql, job, Duration.toMillis(lease)), name),
    (status) => status === undefined ? Effect.fail(Registry.notFound(name)) : Effect.succeed(status)
  )

/** Names may be any value where there are no types. */
const text = (name: unknown): string => Predicate.isString(name) ? name : ""
