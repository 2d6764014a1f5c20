/**
 * The batch jobs of a job, and the records that its items are in them.
 *
 * An item is in a chunk or in a record, never in both: one transaction takes it from one to the other. A record is done in the
 * transaction of the sink. Names of batch jobs are made from their rows, so after any doubt the provider knows them by name.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Chunks from "../chunks.ts"
import * as Tables from "../store/tables.ts"

/**
 * A batch job.
 *
 * - `state`: `gathering` its records, `submitted` to the provider, or `collected`: each record has its result.
 * - `providerId`: the id that the provider gave it. `submittedAt`: milliseconds since 1970, by the clock of the database.
 */
export interface Batch {
  readonly batch: number
  readonly name: string
  readonly model: string
  readonly providerId: string | undefined
  readonly state: "gathering" | "submitted" | "collected"
  readonly records: number
  readonly bytes: number
  readonly submittedAt: number | undefined
}

/** An item in a batch job. `failures`: how often it has failed before. */
export interface Record extends Chunks.Stored {
  readonly record: string
  readonly failures: number
}

interface Row {
  readonly batch: number
  readonly name: string
  readonly model: string
  readonly provider_id: string | null
  readonly state: Batch["state"]
  readonly records: number
  readonly bytes: number
  readonly submitted_at: number | null
}

const read = (row: Row): Batch => ({
  batch: Number(row.batch),
  name: row.name,
  model: row.model,
  providerId: row.provider_id ?? undefined,
  state: row.state,
  records: Number(row.records),
  bytes: Number(row.bytes),
  submittedAt: row.submitted_at === null ? undefined : Number(row.submitted_at)
})

export type Batches = ReturnType<typeof make>

export const make = (sql: SqlClient.SqlClient, job: number, runner: string, leaseMillis: number) => {
  const now = Tables.now(sql)

  /** Whether this process is the one that submits and collects; it says so again and again. */
  const lead = Effect.map(
    sql`UPDATE strata_job SET batcher = ${runner}, batcher_until = ${now} + ${leaseMillis} WHERE id = ${job}
      AND (batcher IS NULL OR batcher = ${runner} OR batcher_until < ${now}) RETURNING id`,
    (rows) => rows.length > 0
  )
  const leave = sql`UPDATE strata_job SET batcher = NULL WHERE id = ${job} AND batcher = ${runner}`

  const open = Effect.map(
    sql<Row>`SELECT * FROM strata_job_batch WHERE job = ${job} AND state <> 'collected' ORDER BY batch`,
    Arr.map(read)
  )

  /** A new batch job. Its name has letters, digits and `-`, and is of no other. */
  const begin = Effect.fnUntraced(function*(label: string, model: string) {
    const [row] = yield* sql<Row>`INSERT INTO strata_job_batch ${
      sql.insert({ job, name: `pending-${runner}`, model, state: "gathering" })
    } RETURNING *`
    const batch = Number(row?.batch)
    // The time tells apart the jobs of two databases.
    const [named] = yield* sql<Row>`UPDATE strata_job_batch
      SET name = ${`${label}-${batch}-`} || CAST(${now} AS TEXT) WHERE batch = ${batch} RETURNING *`
    return read(named!)
  })

  /** Chunks that no worker has begun, oldest first. */
  const waiting = (most: number) =>
    sql<{ chunk: number; failures: number; payload: string }>`SELECT chunk, failures, payload FROM strata_job_chunk
      WHERE job = ${job} AND starts = 0 ORDER BY chunk LIMIT ${most}`

  const count = Effect.map(
    sql<{ items: number }>`SELECT COALESCE(SUM(size), 0) AS items FROM strata_job_chunk WHERE job = ${job}`,
    ([row]) => Number(row?.items)
  )

  /** Puts the items of chunks into records; to be called in a transaction. `false`: another process has one of the chunks. */
  const move = Effect.fnUntraced(function*(
    { batch }: Batch,
    chunks: ReadonlyArray<number>,
    records: ReadonlyArray<Record>,
    bytes: number
  ) {
    for (const some of Arr.chunksOf(chunks, 500)) {
      const removed = yield* sql`DELETE FROM strata_job_chunk WHERE ${
        sql.in("chunk", some)
      } AND starts = 0 RETURNING chunk`
      if (removed.length < some.length) return false
      yield* sql`DELETE FROM ${sql(Tables.queueTable)} WHERE queue_name = ${Tables.queueName(job)}
        AND ${sql.in("id", some.map(String))}`
    }
    for (const some of Arr.chunksOf(records, 150)) {
      yield* sql`INSERT INTO strata_job_record ${
        sql.insert(Arr.map(some, ({ failures, id, json, record }) => ({ batch, record, id, json, failures })))
      }`
    }
    yield* sql`UPDATE strata_job_batch SET records = records + ${records.length}, bytes = bytes + ${bytes}
      WHERE batch = ${batch}`
    return true
  })

  const submitted = ({ batch }: Batch, providerId: string) =>
    sql`UPDATE strata_job_batch SET state = 'submitted', provider_id = ${providerId},
      submitted_at = COALESCE(submitted_at, ${now}) WHERE batch = ${batch}`

  /** The batch job under another name, for one that the provider never started. */
  const again = ({ batch, name }: Batch) =>
    sql`UPDATE strata_job_batch SET state = 'gathering', provider_id = NULL, name = ${`${name}r`} WHERE batch = ${batch}`

  /** Records after one, in the order of their ids; those of `isDone`. */
  const page = (batch: number, after: string, most: number, isDone?: boolean) =>
    sql<Record>`SELECT record, id, json, failures FROM strata_job_record WHERE batch = ${batch} AND record > ${after}
      ${isDone === undefined ? sql`` : sql`AND is_done = ${isDone ? 1 : 0}`} ORDER BY record LIMIT ${most}`

  /** The records of these ids, and whether each is done. */
  const known = (batch: number, ids: ReadonlyArray<string>) =>
    sql<Record & { readonly is_done: number }>`SELECT record, id, json, failures, is_done FROM strata_job_record
      WHERE batch = ${batch} AND ${sql.in("record", ids)}`

  /** Marks records as done; to be called in a transaction. `false`: another process has marked one of them. */
  const mark = Effect.fnUntraced(function*(batch: number, ids: ReadonlyArray<string>) {
    const marked = yield* sql`UPDATE strata_job_record SET is_done = 1, json = ''
      WHERE batch = ${batch} AND is_done = 0 AND ${sql.in("record", ids)} RETURNING record`
    return marked.length === ids.length
  })

  /** Ends a batch job; to be called when each of its records is done. */
  const collected = ({ batch }: Batch) =>
    sql.withTransaction(Effect.andThen(
      sql`DELETE FROM strata_job_record WHERE batch = ${batch}`,
      sql`UPDATE strata_job_batch SET state = 'collected' WHERE batch = ${batch}`
    ))

  return { again, begin, collected, count, known, lead, leave, mark, move, open, page, submitted, waiting }
}
