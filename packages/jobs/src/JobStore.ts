/**
 * Where jobs are kept: a SQL database, with a queue of `effect/persistence` in it.
 *
 * SQLite in one file for the processes of one machine, PostgreSQL for many machines. Both may hold any number of jobs.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import { SqliteClient } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import * as Storing from "./internal/store/storing.ts"
import * as Tables from "./internal/store/tables.ts"
import * as JobError from "./JobError.ts"

/**
 * The store of jobs.
 *
 * - `sql`: its database. What a `Sink.sql` writes through it is in the transaction that marks the chunk.
 * - `queues`, `queueStore`: the queues in it.
 * - `lease`: how long the work of a process that died stays reserved for it.
 */
export class JobStore extends Context.Service<JobStore, {
  readonly sql: SqlClient.SqlClient
  readonly queues: PersistedQueue.PersistedQueueFactory["Service"]
  readonly queueStore: PersistedQueue.PersistedQueueStore["Service"]
  readonly lease: Duration.Duration
  readonly pollInterval: Duration.Duration
}>()("@strata/jobs/JobStore") {}

/**
 * How processes share the work of jobs.
 *
 * - `lease`: how long the work of a process that died stays reserved for it, 30 seconds by default, 2 at least. Living
 *   processes renew it, however long an item takes.
 * - `pollInterval`: how often a process looks for work of others, 500 ms by default.
 */
export interface Options {
  readonly lease?: Duration.Input | undefined
  readonly pollInterval?: Duration.Input | undefined
}

/**
 * Jobs in the database of a `SqlClient`: PostgreSQL by `PgClient.layer` of `@effect/sql-pg`, or SQLite. Makes the
 * tables that are missing; their names begin with `strata_job`. Works behind PgBouncer in transaction mode, where
 * `PgClient.layer` needs `prepare: false`. Fails with `JobStoreError` when the tables cannot be made, and with
 * `InvalidRequestError` for invalid options.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<JobStore, JobError.JobStoreError | ProviderError.InvalidRequestError, SqlClient.SqlClient> =>
  Layer.effect(JobStore, make(options))

/**
 * Jobs in a SQLite database, by default `strata.db` in the working directory. Any number of processes on this machine
 * may open it. Fails with `JobStoreError` when the database cannot be opened, and with `InvalidRequestError` for
 * invalid options.
 *
 * @example
 * const program = Job.run(job).pipe(Effect.provide(JobStore.layerSqlite({ filename: "jobs.db" })))
 */
export const layerSqlite = (
  { filename = "strata.db", ...options }: Options & { readonly filename?: string | undefined } = {}
): Layer.Layer<JobStore | SqlClient.SqlClient, JobError.JobStoreError | ProviderError.InvalidRequestError> =>
  Layer.provideMerge(
    layer(options),
    Layer.effect(
      SqlClient.SqlClient,
      Effect.mapError(
        SqliteClient.make({ filename }),
        (error) => ProviderError.isCallError(error) ? error : Storing.failed("opening the database", error)
      )
    )
  )

const make = Effect.fnUntraced(function*(options: Options) {
  const { lease = Duration.seconds(30), pollInterval = Duration.millis(500) } = yield* Check.run(optionsOf, options, {
    provider: "strata",
    whole: "options"
  })
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  yield* sql.onDialectOrElse({
    pg: () => Effect.void,
    sqlite: () => Effect.void,
    orElse: () =>
      Effect.fail(
        new JobError.JobStoreError({ message: "Jobs are kept in SQLite or PostgreSQL, and this is another database." })
      )
  })
  const queueStore = yield* Effect.andThen(
    // Processes that start together wait for each other; what still fails then is tried again.
    Storing.attempt("making the tables", Tables.create(sql)).pipe(
      Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 10 })))
    ),
    Storing.attempt(
      "opening the queue",
      PersistedQueue.makeStoreSql({
        tableName: Tables.queueTable,
        pollInterval,
        lockExpiration: lease,
        lockRefreshInterval: Duration.millis(Duration.toMillis(lease) / 3)
      })
    )
  )
  const queues = yield* Effect.provideService(
    PersistedQueue.makeFactory,
    PersistedQueue.PersistedQueueStore,
    queueStore
  )
  return JobStore.of({ sql, queues, queueStore, lease, pollInterval })
})

const optionsOf = Check.partial<Required<{ [Key in keyof Options]: Duration.Duration }>>({
  lease: (given, at) => {
    const lease = Check.duration()(given, at)
    return lease === Check.refused || Duration.toMillis(lease) >= 2000
      ? lease
      : Check.refuse(at, "the lease is too short to be renewed", "Use 2 seconds or more")
  },
  pollInterval: Check.duration({ zero: false })
})
