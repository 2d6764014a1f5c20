/**
 * SQLite in this process, as far as `effect/persistence` needs it: Node has it built in.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync } from "node:sqlite"

/** An empty database in memory, gone with the layer. */
export const layer: Layer.Layer<SqlClient.SqlClient> = Layer.effect(
  SqlClient.SqlClient,
  Effect.gen(function*() {
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => new DatabaseSync(":memory:")),
      (database) => Effect.sync(() => database.close())
    )
    const run = (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.try({
        // The client says what it binds; SQLite checks it.
        try: () => database.prepare(sql).all(...params as ReadonlyArray<string>),
        catch: (cause) =>
          new SqlError.SqlError({
            reason: new SqlError.UnknownError({ cause, message: String(cause), operation: "run" })
          })
      })
    const values = (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.map(run(sql, params), (rows) => rows.map(Object.values))
    const connection: SqlConnection.Connection = {
      execute: run,
      executeRaw: run,
      executeUnprepared: run,
      executeValues: values,
      executeValuesUnprepared: values,
      executeStream: (sql, params) => Stream.unwrap(Effect.map(run(sql, params), Stream.fromIterable))
    }
    return yield* SqlClient.make({
      acquirer: Effect.succeed(connection),
      compiler: Statement.makeCompilerSqlite(),
      driver: "node:sqlite",
      spanAttributes: []
    })
  })
).pipe(Layer.provide(Reactivity.layer))
