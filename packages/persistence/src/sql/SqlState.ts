/**
 * A table of texts in a database that may not be there yet: it is made with the connection, when the program starts or with
 * the first change that finds the database. Until then changes fail.
 */
import type * as Documents from "@strata/core/state/Documents"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Connecting from "../Connecting.ts"
import * as SqlDocuments from "./SqlDocuments.ts"

/** Connects by way of a layer. Does not fail, and does not wait for longer than a second, where there is no database. */
export const make = Effect.fnUntraced(function*<A, E, R>(
  layer: Layer.Layer<A, E, R>,
  table: string
): Effect.fn.Return<Documents.Documents<SqlError>, Connecting.Failure<E, "SqlError">, R | Scope.Scope> {
  const connection = yield* Connecting.make(
    layer,
    (built) =>
      Option.match(Context.getOption(built, SqlClient.SqlClient), {
        onNone: () => Effect.undefined,
        onSome: (sql) => SqlDocuments.make(sql, table)
      }),
    kind
  )
  return {
    change: (key, change) =>
      Effect.flatMap(
        connection,
        (exit) => Exit.isSuccess(exit) ? exit.value.change(key, change) : Effect.fail(lost(exit.cause))
      )
  }
})

/** A part of a store, whose keys begin with a prefix. */
export const within = <E>({ change }: Documents.Documents<E>, prefix: string): Documents.Documents<E> => ({
  change: (key, by) => change(prefix + key, by)
})

const lost = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return error instanceof SqlError
    ? error
    : new SqlError({
      reason: new ConnectionError({ cause: error, message: "There is no connection", operation: "connect" })
    })
}

const kind: Connecting.Kind<"SqlError"> = {
  outage: "SqlError",
  connection: [
    "the layer does not connect to a database of SQLite or PostgreSQL",
    "Give one that does, such as `SqliteClient.layer({ filename })` or `PgClient.layer({ url })` of `@effect/sql-pg`"
  ],
  url: [
    "the URL of the database is not a URL",
    "Use `postgres://user:password@host:port/database`, with special characters percent-encoded"
  ]
}
