/**
 * Databases of jobs, a new one for each run, and how large they become.
 */
import { PgClient } from "@effect/sql-pg"
import { SqliteClient } from "@strata/persistence"
import { Deferred, Effect, FileSystem, Option, Path, Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as Postgres from "../../../persistence/test/support/Postgres.ts"

/**
 * - `url`: of a PostgreSQL, or the file of a SQLite database.
 * - `sizes`: bytes of all of it, and of the table that has a row for each item. `wal`: bytes of the log of SQLite.
 * - `hold`: keeps a snapshot open until the scope ends, as a backup or a long report does.
 */
export interface Database {
  readonly url: string
  readonly sizes: Effect.Effect<{ readonly whole: number; readonly items: number }, unknown>
  readonly wal: Effect.Effect<number>
  readonly hold: Effect.Effect<void, unknown, Scope.Scope>
}

type Making = Effect.Effect<Database, unknown, Scope.Scope | FileSystem.FileSystem | Path.Path>

/** A client of the database at this URL. */
export const client = (url: string) =>
  url.startsWith("postgres:")
    ? PgClient.layer({ url: Redacted.make(url), maxConnections: 5 })
    : SqliteClient.layer({ filename: url })

/** In a directory that is gone with the scope. */
export const sqlite: Making = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const url = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "strata-jobs-" }), "jobs.db")
  const sizeOf = (file: string) =>
    Effect.map(Effect.option(fs.stat(file)), (info) => Number(Option.getOrUndefined(info)?.size ?? 0))
  return {
    url,
    sizes: Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`PRAGMA wal_checkpoint(TRUNCATE)`
      const [row] = yield* sql<{ bytes: number }>`
        SELECT SUM(pgsize) AS bytes FROM dbstat WHERE name = 'strata_job_item'`
      return { whole: yield* sizeOf(url), items: row?.bytes ?? 0 }
    }).pipe(Effect.provide(client(url))),
    wal: sizeOf(`${url}-wal`),
    // It would keep the log from being emptied, by its design.
    hold: Effect.void
  }
})

let count = 0

/** In this server, for as long as that lasts. */
export const postgres = (server: Postgres.Postgres["Service"]): Making =>
  Effect.gen(function*() {
    const name = `jobs_${count++}`
    const url = server.url.replace(/[^/]*$/, name)
    yield* SqlClient.SqlClient.use((sql) => sql`CREATE DATABASE ${sql(name)}`).pipe(Effect.provide(client(server.url)))
    return {
      url,
      sizes: SqlClient.SqlClient.use((sql) =>
        sql<{ whole: number; items: number }>`
          SELECT pg_database_size(current_database()) AS whole, pg_total_relation_size('strata_job_item') AS items`
      ).pipe(
        Effect.map(([row]) => ({ whole: Number(row?.whole), items: Number(row?.items) })),
        Effect.provide(client(url))
      ),
      wal: Effect.succeed(0),
      hold: Effect.gen(function*() {
        const holding = yield* Deferred.make<void, unknown>()
        yield* SqlClient.SqlClient.use((sql) =>
          sql.withTransaction(Effect.gen(function*() {
            yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
            yield* sql`SELECT COUNT(*) FROM pg_class`
            yield* Deferred.succeed(holding, undefined)
            return yield* Effect.never
          }))
        ).pipe(
          Effect.provide(client(url)),
          Effect.onError((cause) => Deferred.failCause(holding, cause)),
          Effect.forkScoped
        )
        yield* Deferred.await(holding)
      })
    }
  })

/** A PostgreSQL that waits for its disk as by default, where one is installed. */
export const server: Effect.Effect<Postgres.Postgres["Service"] | undefined, never, Scope.Scope> = Effect.suspend(() =>
  Postgres.isInstalled ? Postgres.start(["fsync=on"]) : Effect.undefined
)
