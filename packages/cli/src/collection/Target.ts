/**
 * Where collections are: a SQLite file, a PostgreSQL server, or a JSONL file, as the flag `--index` names it.
 */
import { SqliteClient } from "@strata/persistence"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Path from "node:path"
import * as CommandError from "../process/CommandError.ts"

const index = Flag.String("index").pipe(
  Flag.withMetavar("FILE|URL"),
  Flag.withFallbackConfig(Config.String("STRATA_INDEX")),
  Flag.withDefault("strata.db"),
  Flag.withDescription("A SQLite file, postgres://… with pgvector, or a .jsonl file (strata.db, or STRATA_INDEX)")
)

const collection = Flag.String("collection").pipe(
  Flag.withDefault("default"),
  Flag.withDescription("The name of the collection in it (default)")
)

/** The flags of commands that use a collection. */
export const flags = { index, collection }

/** A database for people: an address without its password. */
export const placeOf = (target: string): string => {
  if (!isPostgres(target)) return target
  const { host, pathname } = new URL(target)
  return `${host}${pathname}`
}

/** Whether the target is a PostgreSQL server. */
export const isPostgres = (target: string): boolean => /^postgres(ql)?:\/\//.test(target)

/** The files of an index, which are no documents. */
export const filesOf = (target: string): ReadonlySet<string> =>
  new Set(
    isPostgres(target)
      ? []
      : ["", "-wal", "-shm", "-journal", ".lock", ".new"].map((suffix) => Path.resolve(`${target}${suffix}`))
  )

/** The client of a SQLite file or a PostgreSQL server. */
export const sql = (target: string): Layer.Layer<SqlClient.SqlClient, CommandError.CommandError> => {
  const unusable = ({ message, reason }: { readonly message: string; readonly reason?: SqlError["reason"] }) =>
    CommandError.failed(`${placeOf(target)} cannot be used: ${reason?.message ?? message}`)
  if (!isPostgres(target)) {
    return Layer.effect(SqlClient.SqlClient, Effect.mapError(SqliteClient.make({ filename: target }), unusable))
  }
  return Layer.unwrap(
    Effect.map(
      Effect.tryPromise({
        try: () => import("@effect/sql-pg"),
        catch: (cause) => CommandError.failed("A part of @strata/cli cannot be loaded: install it again", cause)
      }),
      ({ PgClient }) =>
        Layer.effect(
          SqlClient.SqlClient,
          Effect.mapError(PgClient.make({ url: Redacted.make(target), applicationName: "strata" }), unusable)
        ).pipe(Layer.provide(Reactivity.layer))
    )
  )
}
