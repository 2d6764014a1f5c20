/**
 * Results of a job that are to be a file: they gather in the store of the job, exactly once, and are written in the order of
 * the rows as a whole.
 */
import { Sink } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import * as ReplaceFile from "../rows/ReplaceFile.ts"
import type * as Mapping from "./Mapping.ts"

/** Makes the table where it is missing. */
export const prepare = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS strata_map_result (
    job TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (job, id))`
}).pipe(Effect.mapError(failed))

/** Forgets the results of a job. */
export const forget = (job: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM strata_map_result WHERE job = ${job}`).pipe(
    Effect.mapError(failed)
  )

/** A sink of results; `toLine` makes the text of one. */
export const sink = (job: string, toLine: (item: Mapping.Item, answer: unknown) => string) =>
  Sink.sql<Mapping.Item, unknown, SqlError>((rows, sql) =>
    Effect.forEach(rows, ({ id, item, output }) =>
      // PostgreSQL stores no NUL, which JSON writes as an escape.
      sql`INSERT INTO strata_map_result ${sql.insert({ job, id, digest: digestOf(item), result: toLine(item, output) })}
        ON CONFLICT (job, id) DO UPDATE SET digest = excluded.digest, result = excluded.result`, { discard: true })
  )

/** Tells a row from another one with its id. */
const digestOf = ({ text }: Mapping.Item): string => Crypto.createHash("sha256").update(text).digest("hex")

/** Writes the results so far to a file, in the place of what it was, in the order of the rows. */
export const write = Effect.fnUntraced(function*<R>(
  job: string,
  file: string,
  items: Stream.Stream<Mapping.Item, CommandError.CommandError, R>
) {
  const sql = yield* SqlClient.SqlClient
  const target = `${file}.${yield* Random.nextIntBetween(0, 2 ** 32)}.tmp`
  const put = Effect.scoped(Effect.gen(function*() {
    const handle = yield* Effect.acquireRelease(
      Files.attempt(() => Fs.open(target, "w")),
      (handle) => Effect.ignore(Files.attempt(() => handle.close()))
    )
    yield* Stream.runForEach(Stream.grouped(items, 500), (page) =>
      Effect.gen(function*() {
        const rows = yield* sql<{ id: string; digest: string; result: string }>`
          SELECT id, digest, result FROM strata_map_result WHERE job = ${job} AND ${
          sql.in("id", page.map(({ id }) => id))
        }`
        const found = new Map(rows.map((row) => [row.id, row]))
        const lines = page.flatMap((item) => {
          const row = found.get(item.id)
          return row?.digest === digestOf(item) ? [`${row.result}\n`] : []
        })
        yield* Files.attempt(() => handle.writeFile(lines.join("")))
      }))
    yield* Files.attempt(() => handle.sync())
  }))
  yield* put.pipe(
    Effect.onError(() => Effect.ignore(Files.attempt(() => Fs.rm(target, { force: true })))),
    Effect.andThen(ReplaceFile.replace(target, file)),
    Effect.mapError((error) => {
      switch (error._tag) {
        case "CommandError":
          return error
        case "SqlError":
          return failed(error)
        case "FileError":
          return CommandError.failed(
            `${file} cannot be written: ${error.message}. The results are in the store of the job`
          )
      }
    })
  )
})

function failed(error: SqlError) {
  const { cause } = error.reason
  return CommandError.failed(`The store of the job: ${cause instanceof Error ? cause.message : error.message}`, error)
}
