/**
 * One connection to a database of `node:sqlite`. Statements run on the calling thread, so each should be short.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as SqlConnection from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

/** `isTransaction`: whether one is open. */
export interface SqliteConnection extends SqlConnection.Connection {
  readonly isTransaction: () => boolean
}

/** How long SQLite itself waits for a lock, which blocks the thread; the rest of the time is waited for asynchronously. */
const blockingMillis = 20
/** Statements that are kept prepared: the least recently used one leaves. */
const mostStatements = 256
/** Bytes of the WAL that are kept after a checkpoint. */
const walBytes = 64 * 1024 * 1024

export const open = Effect.fnUntraced(function*(
  filename: string,
  busyTimeout: Duration.Input
): Effect.fn.Return<SqliteConnection, SqlError, Scope.Scope> {
  // Loaded when a database is opened, since Node.js 22 warns that it is experimental.
  const { DatabaseSync } = yield* Effect.tryPromise({ try: () => import("node:sqlite"), catch: errorOf("load") })
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => new DatabaseSync(filename, { timeout: blockingMillis }), catch: errorOf("open") }),
    (database) => Effect.sync(() => database.close())
  )
  const patience = Duration.toMillis(busyTimeout)
  const connection = make(database, patience)
  // The change to WAL needs a lock for itself, without the wait of `timeout`.
  yield* connection.executeUnprepared("PRAGMA journal_mode = WAL", [], undefined)
  yield* connection.executeUnprepared("PRAGMA synchronous = NORMAL", [], undefined)
  yield* connection.executeUnprepared(`PRAGMA journal_size_limit = ${walBytes}`, [], undefined)
  return connection
})

const make = (database: DatabaseSync, patience: number): SqliteConnection => {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string) => {
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.delete(sql)
    statements.set(sql, statement)
    for (const oldest of statements.keys()) {
      if (statements.size <= mostStatements) break
      statements.delete(oldest)
    }
    return statement
  }

  const run = <A>(work: () => A): Effect.Effect<A, SqlError> =>
    whenFree(Effect.try({ try: work, catch: errorOf("execute") }))

  /** Waits while another process has the lock. A statement inside a transaction is not repeated: it has the lock. */
  const whenFree = <A>(work: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
    Effect.catchIf(
      work,
      isBusy,
      (busy) =>
        database.isTransaction ? Effect.fail(busy) : Effect.flatMap(Clock.currentTimeMillis, (since) => {
          const again: Effect.Effect<A, SqlError> = Effect.sleep(10).pipe(
            Effect.andThen(work),
            Effect.catchIf(
              isBusy,
              (busy) =>
                Effect.flatMap(Clock.currentTimeMillis, (now) => now - since < patience ? again : Effect.fail(busy))
            )
          )
          return again
        })
    )

  const all = (statement: StatementSync, params: ReadonlyArray<unknown>) => statement.all(...params.map(bound))
  const values = (statement: StatementSync, params: ReadonlyArray<unknown>) => {
    statement.setReturnArrays(true)
    // The types of Node.js do not follow `setReturnArrays`.
    return statement.all(...params.map(bound)) as unknown as ReadonlyArray<ReadonlyArray<unknown>>
  }

  return {
    isTransaction: () => database.isTransaction,
    execute: (sql, params, transformRows) =>
      run(() => {
        const rows = all(prepared(sql), params)
        return transformRows === undefined ? rows : transformRows(rows)
      }),
    executeRaw: (sql, params) => run(() => all(prepared(sql), params)),
    executeValues: (sql, params) => run(() => values(database.prepare(sql), params)),
    executeValuesUnprepared: (sql, params) => run(() => values(database.prepare(sql), params)),
    executeUnprepared: (sql, params, transformRows) =>
      run(() => {
        const rows = all(database.prepare(sql), params)
        return transformRows === undefined ? rows : transformRows(rows)
      }),
    executeStream: (sql, params, transformRows) =>
      Stream.suspend(() => {
        let rows: Iterator<object> | undefined
        return Stream.paginate(undefined, () =>
          Effect.map(
            run(() => {
              rows ??= database.prepare(sql).iterate(...params.map(bound))
              return page(rows)
            }),
            (found) =>
              [
                transformRows === undefined ? found : transformRows(found),
                found.length < pageSize ? Option.none() : Option.some(undefined)
              ] as const
          ))
      })
  }
}

/** Rows of a stream that are read at once. */
const pageSize = 256

const page = (rows: Iterator<object>): Array<object> => {
  const found: Array<object> = []
  while (found.length < pageSize) {
    const { done, value } = rows.next()
    if (done === true) break
    found.push(value)
  }
  return found
}

/** A parameter as SQLite takes it; what it has no type for is left for it to refuse. */
const bound = (given: unknown): SQLInputValue => {
  if (given === undefined) return null
  if (typeof given === "boolean") return given ? 1 : 0
  if (Predicate.isDate(given)) return given.toISOString()
  return given as SQLInputValue // or a TypeError of SQLite's, which `run` catches
}

const isBusy = (error: SqlError) => error.reason._tag === "LockTimeoutError"

/** `node:sqlite` names the result code `errcode`, and Effect looks for `errno`. */
const errorOf = (operation: string) => (cause: unknown) => {
  if (Predicate.hasProperty(cause, "errcode")) Object.assign(cause, { errno: cause.errcode })
  const message = Predicate.hasProperty(cause, "message") ? `${cause.message}` : `${cause}`
  return new SqlError({ reason: classifySqliteError(cause, { message, operation }) })
}
