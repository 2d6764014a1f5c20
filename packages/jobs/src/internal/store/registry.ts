/** The rows of jobs: what they are called, what they do, and how far they are. */
import * as Cost from "@strata/core/Cost"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as JobError from "../../JobError.ts"
import type * as Work from "../../Work.ts"
import * as Tables from "./tables.ts"

/** A process that runs a job: `host` and `pid`, when it was last seen, and what it has done. */
export interface Runner {
  readonly runner: string
  readonly host: string
  readonly pid: number
  readonly isAlive: boolean
  readonly startedAt: number
  readonly seenAt: number
  readonly done: number
}

/** A batch job at the provider: the id it gave it, its items, and since when it waits for it. */
export interface BatchJob {
  readonly name: string
  readonly id: string | undefined
  readonly state: "gathering" | "submitted" | "collected"
  readonly records: number
  readonly submittedAt: number | undefined
}

interface BatchRow {
  readonly name: string
  readonly provider_id: string | null
  readonly state: BatchJob["state"]
  readonly records: number
  readonly submitted_at: number | null
}

/**
 * How far a job is.
 *
 * - `state`: `reading` its source, `running` with all of it read, `done`, `cancelled`, or `waiting`: there is work, and no
 *   process that does it.
 * - `read`: different items of the source so far; `done + failed + pending` is the same number.
 * - `failed`: items in the dead letters; `pending`: those that are worked on or wait.
 * - `duplicates`: items left out, since an earlier one of the source has the same id; `conflicts`: items left out, since the
 *   job knows their id with other content. Both of the last time the source was read.
 * - `usage`, `cost`: of all items that are done; `cost` is `undefined` where a price is not known.
 * - `batches`: batch jobs at the provider, the latest 100.
 * - `createdAt`, `now`: milliseconds since 1970, by the clock of the database.
 */
export interface Status {
  readonly name: string
  readonly state: "reading" | "running" | "waiting" | "done" | "cancelled"
  readonly read: number
  readonly done: number
  readonly failed: number
  readonly pending: number
  readonly duplicates: number
  readonly conflicts: number
  readonly usage: Usage.Usage
  readonly cost: Cost.Cost | undefined
  readonly runners: ReadonlyArray<Runner>
  readonly batches: ReadonlyArray<BatchJob>
  readonly createdAt: number
  readonly now: number
}

/** The id of a job, made if there is none of this name. Fails where there is one with another definition. */
export const register = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  name: string,
  definition: Work.Definition,
  acceptChanges: boolean
) {
  const text = JSON.stringify(definition)
  const now = Tables.now(sql)
  yield* sql`INSERT INTO strata_job (name, definition, state, created_at, updated_at)
    VALUES (${name}, ${text}, 'active', ${now}, ${now}) ON CONFLICT (name) DO NOTHING`
  const [row] = yield* sql<{ id: number; definition: string }>`
    SELECT id, definition FROM strata_job WHERE name = ${name}`
  const id = Number(row?.id)
  if (row === undefined || row.definition === text) return id
  const change = difference(JSON.parse(row.definition), definition)
  if (change === undefined) return id
  if (!acceptChanges) return yield* conflict(name, change)
  yield* Effect.logWarning(`Job ${name} goes on with another definition: ${change.words}.`)
  yield* sql`UPDATE strata_job SET definition = ${text}, updated_at = ${now} WHERE id = ${id}`
  return id
})

const conflict = (job: string, { field, words }: Difference) =>
  new JobError.JobConflictError({
    job,
    field,
    message: `Job ${job} was started with another definition: ${words}. `
      + "Give the new job another name, remove the old one with `Job.remove`, or go on with `acceptChanges: true`: "
      + "what is done stays as it is."
  })

interface Difference {
  readonly field: string
  readonly words: string
}

/** The first place where two definitions differ. */
const difference = (before: unknown, after: unknown, path = ""): Difference | undefined => {
  if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const found = difference(before[key], after[key], path === "" ? key : `${path}.${key}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  const [one, other] = [JSON.stringify(before), JSON.stringify(after)]
  return one === other ? undefined : { field: path, words: `\`${path}\` was ${short(one)}, and is ${short(other)}` }
}

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)

const short = (json: string | undefined) =>
  json === undefined ? "missing" : json.length > 80 ? `${json.slice(0, 80)}…` : json

/** The id of a job by its name. */
export const find = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, name: string) {
  const [row] = yield* sql<{ id: number }>`SELECT id FROM strata_job WHERE name = ${name}`
  return row === undefined ? yield* notFound(name) : Number(row.id)
})

export const notFound = (job: string) =>
  new JobError.JobNotFoundError({ job, message: `There is no job "${job}" in this database.` })

/** Deletes all rows of a job, in short transactions: there may be millions. */
export const remove = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, job: number) {
  // Its processes see that it is gone, and nothing is added to it any more.
  yield* sql`DELETE FROM strata_job WHERE id = ${job}`
  yield* sql`DELETE FROM ${sql(Tables.queueTable)} WHERE queue_name = ${Tables.queueName(job)}`
  yield* sql`DELETE FROM strata_job_record WHERE batch IN (SELECT batch FROM strata_job_batch WHERE job = ${job})`
  for (const table of ["chunk", "dead_letter", "runner", "part", "batch"]) {
    yield* sql`DELETE FROM ${sql(`strata_job_${table}`)} WHERE job = ${job}`
  }
  while (true) {
    const deleted = yield* sql`DELETE FROM strata_job_item WHERE job = ${job} AND id IN (
      SELECT id FROM strata_job_item WHERE job = ${job} LIMIT 1000) RETURNING 1`
    if (deleted.length < 1000) return
  }
})

export const names = (sql: SqlClient.SqlClient): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError> =>
  Effect.map(
    sql<{ name: string }>`SELECT name FROM strata_job ORDER BY id`,
    (rows) => rows.map(({ name }) => name)
  )

interface Row {
  readonly name: string
  readonly state: string
  readonly is_read: number
  readonly items: number
  readonly duplicates: number
  readonly conflicts: number
  readonly created_at: number
  readonly failed: number
  readonly has_chunks: number
  readonly now: number
}

interface RunnerRow extends Readonly<Record<(typeof Tables)["tokenColumns" | "costColumns"][number], number>> {
  readonly runner: string
  readonly host: string
  readonly pid: number
  readonly started_at: number
  readonly seen_at: number
  readonly ended_at: number | null
  readonly done: number
  readonly unpriced: number
  readonly currency: string | null
}

export const status = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  job: number,
  leaseMillis: number
): Effect.fn.Return<Status | undefined, SqlError.SqlError> {
  // One snapshot, or an item that is being marked would be missing, or counted twice.
  const { batches, row, runners } = yield* sql.withTransaction(Effect.gen(function*() {
    yield* sql.onDialectOrElse({
      pg: () => sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`,
      orElse: () => Effect.void
    })
    const [row] = yield* sql<Row>`SELECT name, state, is_read, items, duplicates, conflicts, created_at,
      (SELECT COUNT(*) FROM strata_job_dead_letter WHERE job = ${job}) AS failed,
      CASE WHEN EXISTS (SELECT 1 FROM strata_job_chunk WHERE job = ${job}) THEN 1 ELSE 0 END AS has_chunks,
      ${Tables.now(sql)} AS now
      FROM strata_job WHERE id = ${job}`
    return {
      row,
      runners: yield* sql<RunnerRow>`SELECT * FROM strata_job_runner WHERE job = ${job}`,
      batches: yield* sql<BatchRow>`SELECT name, provider_id, state, records, submitted_at FROM strata_job_batch
        WHERE job = ${job} ORDER BY batch DESC LIMIT 100`
    }
  }))
  if (row === undefined) return undefined
  const now = Number(row.now)
  const sum = (number: (row: RunnerRow) => number) => runners.reduce((sum, row) => sum + Number(number(row)), 0)
  const done = sum((row) => row.done)
  const [read, failed] = [Number(row.items), Number(row.failed)]
  const currency = runners.find((row) => row.currency !== null)?.currency ?? undefined
  const living = runners.filter((row) => row.ended_at === null && now - Number(row.seen_at) <= 2 * leaseMillis)
  const isFinished = row.is_read === 1 && Number(row.has_chunks) === 0
  return {
    name: row.name,
    state: row.state === "cancelled"
      ? "cancelled"
      : isFinished
      ? "done"
      : living.length === 0
      ? "waiting"
      : row.is_read === 1
      ? "running"
      : "reading",
    read,
    done,
    failed,
    pending: read - done - failed,
    duplicates: Number(row.duplicates),
    conflicts: Number(row.conflicts),
    usage: Usage.make({
      inputTokens: sum((row) => row.input_tokens),
      cacheReadTokens: sum((row) => row.cache_read_tokens),
      cacheWriteTokens: sum((row) => row.cache_write_tokens),
      outputTokens: sum((row) => row.output_tokens)
    }),
    cost: sum((row) => row.unpriced) > 0 ? undefined : Cost.make({
      input: sum((row) => row.input_cost),
      cacheRead: sum((row) => row.cache_read_cost),
      cacheWrite: sum((row) => row.cache_write_cost),
      output: sum((row) => row.output_cost),
      ...(currency !== undefined && { currency })
    }),
    runners: runners.map((row) => ({
      runner: row.runner,
      host: row.host,
      pid: Number(row.pid),
      isAlive: living.includes(row),
      startedAt: Number(row.started_at),
      seenAt: Number(row.seen_at),
      done: Number(row.done)
    })),
    batches: batches.map((row) => ({
      name: row.name,
      id: row.provider_id ?? undefined,
      state: row.state,
      records: Number(row.records),
      submittedAt: row.submitted_at === null ? undefined : Number(row.submitted_at)
    })),
    createdAt: Number(row.created_at),
    now
  }
})
