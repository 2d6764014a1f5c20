/** Items of a job that have no result. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import type * as JobError from "../JobError.ts"
import type * as JobStore from "../JobStore.ts"
import * as Chunks from "./chunks.ts"
import * as Storing from "./store/storing.ts"

/**
 * An item without a result.
 *
 * - `item`: its encoded form, as it was stored; missing for one that never was, because it was too large or had no id.
 * - `attempts`: how often it was tried. `diedAt`: milliseconds since 1970, by the clock of the database.
 */
export interface DeadLetter {
  readonly id: string
  readonly item: Schema.Json | undefined
  readonly error: JobError.DeadLetterError
  readonly attempts: number
  readonly diedAt: number
}

interface Row {
  readonly id: string
  readonly item: string | null
  readonly error: string
  readonly attempts: number
  readonly died_at: number
}

const pageSize = 200

/** By time and id, page by page. */
export const read = (
  sql: SqlClient.SqlClient,
  job: number,
  name: string
): Stream.Stream<DeadLetter, JobError.JobStoreError> =>
  Stream.paginate({ diedAt: -1, id: "" }, (after) =>
    Effect.map(
      Storing.attempt(
        "reading dead letters",
        sql<Row>`SELECT id, item, error, attempts, died_at FROM strata_job_dead_letter WHERE job = ${job}
          AND (died_at > ${after.diedAt} OR (died_at = ${after.diedAt} AND id > ${after.id}))
          ORDER BY died_at, id LIMIT ${pageSize}`,
        name
      ),
      (rows) => {
        const last = rows[rows.length - 1]
        return [
          rows.map(decoded),
          last === undefined || rows.length < pageSize
            ? Option.none()
            : Option.some({ diedAt: Number(last.died_at), id: last.id })
        ] as const
      }
    ))

const decoded = ({ attempts, died_at, error, id, item }: Row): DeadLetter => ({
  id,
  item: item === null ? undefined : Result.getOrElse(Result.try(() => JSON.parse(item)), () => item),
  error: Chunks.decodeError(error),
  attempts: Number(attempts),
  diedAt: Number(died_at)
})

/** Each comes again in a chunk of its own. */
export const retry = Effect.fnUntraced(function*(
  store: JobStore.JobStore["Service"],
  job: number,
  ids: ReadonlyArray<string> | undefined
) {
  const { sql } = store
  const chunks = yield* Chunks.make(store, job, "")
  const wanted = ids === undefined ? [undefined] : Arr.chunksOf(ids, 500)
  let count = 0
  yield* sql`UPDATE strata_job SET state = 'active' WHERE id = ${job} AND state = 'cancelled'`
  for (const some of wanted) {
    while (true) {
      const chosen = some === undefined ? sql`` : sql` AND ${sql.in("id", some)}`
      const retried = yield* sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<{ id: string; item: string }>`SELECT id, item FROM strata_job_dead_letter
          WHERE job = ${job} AND item IS NOT NULL${chosen} ORDER BY id LIMIT ${pageSize}`
        for (const page of Arr.chunksOf(rows, pageSize)) {
          yield* sql`DELETE FROM strata_job_dead_letter WHERE job = ${job} AND ${
            sql.in("id", page.map(({ id }) => id))
          }`
          yield* chunks.add(page.map(({ id, item }) => ({ items: [{ id, json: item }] })))
        }
        return rows.length
      }))
      count += retried
      if (retried < pageSize) break
    }
  }
  return count
})
