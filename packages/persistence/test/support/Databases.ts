/**
 * The databases that state is kept in: a block of tests for each, with a client of the block and more for the asking, as
 * other processes have them.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, layer as layerSuite, type Vitest } from "@effect/vitest"
import { SqliteClient } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as SqlDocuments from "../../src/sql/SqlDocuments.ts"
import * as Postgres from "./Postgres.ts"

/** A database: a layer that connects to it, and what another process needs for that. */
export class Database extends Context.Service<Database, {
  readonly kind: "sqlite" | "postgres"
  readonly connection: Layer.Layer<SqlClient.SqlClient, SqlError>
  /** The path of the file, or the URL. */
  readonly place: string
}>()("@strata/persistence/test/Database") {}

/** A file in a folder that is gone with the scope. */
export const layerSqlite = Layer.effect(
  Database,
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const place = `${yield* files.makeTempDirectoryScoped({ prefix: "strata-sqlite-" })}/state.db`
    return { kind: "sqlite", place, connection: connectionTo("sqlite", place) } as const
  })
).pipe(Layer.provide(NodeServices.layer), Layer.orDie)

const layerPostgres = Layer.effect(
  Database,
  Effect.map(Postgres.Postgres, ({ url }) => ({
    kind: "postgres" as const,
    place: url,
    connection: connectionTo("postgres", url)
  }))
).pipe(Layer.provide(Postgres.layerServer))

/** Connects to a database as another process does. */
export const connectionTo = (kind: "sqlite" | "postgres", place: string) =>
  kind === "sqlite"
    ? Layer.catch(
      SqliteClient.layer({ filename: place }),
      (error) => Layer.effect(SqlClient.SqlClient, error._tag === "SqlError" ? Effect.fail(error) : Effect.die(error))
    )
    : Postgres.connection(place, { applicationName: "strata" })

/** Declares a `describe` for each database; that of PostgreSQL is skipped, with a message, where there is no server. */
export const suites = (
  name: string,
  tests: (it: Vitest.MethodsNonLive<Database | SqlClient.SqlClient>, kind: "sqlite" | "postgres") => void
): void => {
  if (!Postgres.isInstalled) console.warn(`Skipped, for want of a PostgreSQL server: ${name}`)
  for (const [kind, database] of [["sqlite", layerSqlite], ["postgres", layerPostgres]] as const) {
    const block = kind === "sqlite" || Postgres.isInstalled ? describe : describe.skip
    block(`${name}: ${kind}`, () => {
      const connected = Layer.provideMerge(
        Layer.unwrap(Effect.map(Database, ({ connection }) => connection)),
        database
      )
      layerSuite(Layer.orDie(connected), { excludeTestServices: true, timeout: "30 seconds" })((it) => tests(it, kind))
    })
  }
}

/** Texts in a table of the client. */
export const texts = (table: string, options?: SqlDocuments.Options) =>
  Effect.gen(function*() {
    const documents = yield* SqlDocuments.make(yield* SqlClient.SqlClient, table, options)
    return documents ?? (yield* Effect.die("neither SQLite nor PostgreSQL"))
  })

/** Texts in a table, at a time that stands still until it is moved, so that tests are exact. */
export const standing = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE IF NOT EXISTS clock (now DOUBLE PRECISION)`
    yield* sql`INSERT INTO clock SELECT 1700000000000 WHERE NOT EXISTS (SELECT * FROM clock)`
    const documents = yield* texts(table, { clock: "(SELECT now FROM clock)" })
    return { documents, advance: (millis: number) => Effect.orDie(sql`UPDATE clock SET now = now + ${millis}`) }
  }).pipe(Effect.orDie)

/** Texts in a table as another process has them: over a connection of its own. */
export const over = <E>(connection: Layer.Layer<SqlClient.SqlClient, E>, table: string) =>
  Effect.flatMap(Layer.build(Layer.fresh(connection)), (context) => Effect.provideContext(texts(table), context))

/** The same, in the database of the block. */
export const elsewhere = (table: string) => Effect.flatMap(Database, ({ connection }) => over(connection, table))
