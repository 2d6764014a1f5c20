/**
 * A `SqlClient` over the SQLite of Node.js (`node:sqlite`): one file, nothing to install.
 *
 * One connection a client, in WAL mode; any number of processes on one machine may open the same file. To be replaced by
 * `@effect/sql-sqlite-node` once that loads on this version of Effect.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as FileSystems from "./sqlite/fileSystems.ts"
import * as SqliteConnection from "./sqlite/SqliteConnection.ts"

/**
 * Which database is opened, and how long a statement waits for it.
 *
 * - `filename`: the path of the database, which is made if it is missing; `":memory:"` for one that ends with the scope.
 * - `busyTimeout`: how long a statement waits for the lock of another process; 30 seconds by default.
 */
export interface Options {
  readonly filename: string
  readonly busyTimeout?: Duration.Input | undefined
}

/**
 * Opens a database. Transactions start with `BEGIN IMMEDIATE`, so that one that reads before it writes cannot fail for a
 * lock. `synchronous` is `NORMAL`: after a loss of power the last transactions may be missing, never a part of one.
 *
 * Fails with a `SqlError` of reason `ConnectionError` if the file cannot be opened, is on a network file system (WAL
 * needs memory that processes share, and a database there is corrupted), or if this is no Node.js; and with
 * `InvalidRequestError` for invalid options.
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  SqlClient.SqlClient,
  SqlError | ProviderError.InvalidRequestError,
  Scope.Scope
> {
  const { busyTimeout = "30 seconds", filename } = yield* Check.run(optionsOf, options, {
    provider: "strata",
    whole: "options"
  })
  if (filename !== ":memory:") {
    const remote = yield* FileSystems.remote(filename)
    if (remote !== undefined) {
      return yield* cannotOpen(
        filename,
        `it is on ${remote}, where SQLite's databases are corrupted. Put it on a disk of this machine, or use PostgreSQL`
      )
    }
  }
  const semaphore = Semaphore.makeUnsafe(1)
  const connection = yield* SqliteConnection.open(filename, busyTimeout).pipe(
    Effect.mapError((cause) => cannotOpen(filename, cause.reason.message ?? "it is not known why", cause))
  )
  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore,
      isTransaction: ({ isTransaction }) => isTransaction()
    }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "sqlite-node",
    beginTransaction: "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]]
  }).pipe(Effect.provide(Reactivity.layer))
})

/** {@link make} as a layer. */
export const layer = (
  options: Options
): Layer.Layer<SqlClient.SqlClient, SqlError | ProviderError.InvalidRequestError> =>
  Layer.effect(SqlClient.SqlClient, make(options))

const optionsOf = Check.struct<Options>({
  filename: Check.filled,
  busyTimeout: Check.optional(Check.duration())
})

const cannotOpen = (filename: string, why: string, cause?: unknown) =>
  new SqlError({
    reason: new ConnectionError({
      cause,
      message: `The database ${filename} cannot be opened: ${why}.`,
      operation: "open"
    })
  })
