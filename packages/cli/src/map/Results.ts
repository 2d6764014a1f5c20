/**
 * Results of a job that are to be a file: they gather in the store of the job, exactly once, and are written in the order of
 * the rows as a whole.
 */
import { Sink } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as Fs from "node:fs/promises"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import * as ReplaceFile from "../rows/ReplaceFile.ts"
import type * as Mapping from "./Mapping.ts"

/** Makes the table where it is missing. */
export const prepare = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS strata_map_result (
    job TEXT NOT NULL, id TEXT NOT NULL, line BIGINT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (job, id))`
}).pipe(Effect.mapError(failed))

/** Forgets the results of a job. */
export const forget = (job: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM strata_map_result WHERE job = ${job}`).pipe(
    Effect.mapError(failed)
  )

/** A sink of results; `toLine` makes the text of one. */
export const sink = (job: string, toLine: (item: Mapping.Item, answer: unknown) => string) =>
  Sink.sql<Mapping.Item, unknown, SqlError.SqlError>((rows, sql) =>
    Effect.forEach(rows, ({ id, item, output }) =>
      // PostgreSQL stores no NUL, which JSON writes as an escape.
      sql`INSERT INTO strata_map_result ${sql.insert({ job, id, line: item.line, result: toLine(item, output) })}
        ON CONFLICT (job, id) DO UPDATE SET line = excluded.line, result = excluded.result`, { discard: true })
  )

/** Writes the results so far to a file, in the place of what it was. */
export const write = Effect.fnUntraced(function*(job: string, file: string) {
  const sql = yield* SqlClient.SqlClient
  const target = `${file}.${yield* Random.nextIntBetween(0, 2 ** 32)}.tmp`
  const put = Effect.scoped(Effect.gen(function*() {
    const handle = yield* Effect.acquireRelease(
      Files.attempt(() => Fs.open(target, "w")),
      (handle) => Effect.ignore(Files.attempt(() => handle.close()))
    )
    let after = { line: -1, id: "" }
    for (;;) {
      const rows = yield* sql<
        { id: string; line: number; result: string }
      >`SELECT id, line, result FROM strata_map_result
        WHERE job = ${job} AND (line > ${after.line} OR (line = ${after.line} AND id > ${after.id}))
        ORDER BY line, id LIMIT 1000`
      const last = rows.at(-1)
      if (last === undefined) break
      yield* Files.attempt(() => handle.writeFile(rows.map(({ result }) => `${result}\n`).join("")))
      after = { line: Number(last.line), id: last.id }
    }
    yield* Files.attempt(() => handle.sync())
  }))
  yield* put.pipe(
    Effect.onError(() => Effect.ignore(Files.attempt(() => Fs.rm(target, { force: true })))),
    Effect.andThen(ReplaceFile.replace(target, file)),
    Effect.mapError((error) =>
      error._tag === "FileError"
        ? CommandError.failed(`${file} cannot be written: ${error.message}. The results are in the store of the job`)
        : failed(error)
    )
  )
})

function failed(error: SqlError.SqlError) {
  const { cause } = error.reason
  return CommandError.failed(`The store of the job: ${cause instanceof Error ? cause.message : error.message}`, error)
}
