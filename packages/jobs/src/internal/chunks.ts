/**
 * The chunks of a job: items that are worked on and written together.
 *
 * A chunk is a row while there is work on it, and an element of the queue that refers to the row. The transaction that writes
 * its results deletes the row: a worker that finds no row has nothing to do.
 */
import * as Cost from "@strata/core/Cost"
import * as TaggedError from "@strata/core/TaggedError"
import type * as Usage from "@strata/core/Usage"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SqlError from "effect/sql/SqlError"
import * as JobError from "../JobError.ts"
import type * as JobStore from "../JobStore.ts"
import * as Tables from "./store/tables.ts"

/** An item as it is stored: its id, and the JSON of its encoded form. */
export interface Stored {
  readonly id: string
  readonly json: string
}

/** A chunk with its items. `starts`: how often work on it began and did not end; `failures`: how often it failed. */
export interface Chunk {
  readonly chunk: number
  readonly starts: number
  readonly failures: number
  readonly lastError: string | undefined
  readonly items: ReadonlyArray<Stored>
}

/** An item that has no result, and why. */
export interface Dead {
  readonly id: string
  readonly json: string | undefined
  readonly error: JobError.DeadLetterError
  readonly attempts: number
}

/** A chunk to add: `failures` of its items so far, and how long it waits. */
export interface Addition {
  readonly items: ReadonlyArray<Stored>
  readonly failures?: number | undefined
  readonly lastError?: string | undefined
  readonly delay?: Duration.Duration | undefined
}

/** What a chunk comes to: items that are done, dead ones, chunks of those that come again, and what they took. */
export interface Settlement {
  readonly done: number
  readonly dead: ReadonlyArray<Dead>
  readonly again: ReadonlyArray<Addition>
  readonly usage: Usage.Usage
  readonly cost: Cost.Cost | undefined
}

/** Another process has settled this chunk. */
export class LeaseLost extends TaggedError.make<LeaseLost>()("LeaseLost", { chunk: Schema.Number }) {}

export type Chunks = Effect.Success<ReturnType<typeof make>>

const element = Schema.Struct({ chunk: Schema.Number })

export const make = Effect.fnUntraced(function*(
  { queues, sql }: JobStore.JobStore["Service"],
  job: number,
  runner: string
) {
  const queue = yield* queues.make({
    name: Tables.queueName(job),
    schema: element,
    // How often work on a chunk is tried is decided here, by what happened to it.
    maxAttempts: 1_000_000_000
  })

  const offer = (chunk: number, delay?: Duration.Duration) =>
    queue.offer({ chunk }, { id: `${chunk}`, delay }).pipe(
      Effect.catchTag("SchemaError", Effect.die) // a number has a JSON form
    )

  /** Adds chunks and offers them; to be called in a transaction. */
  const add = Effect.fnUntraced(function*(additions: ReadonlyArray<Addition>) {
    for (const { delay, failures = 0, items, lastError = null } of additions) {
      const payload = JSON.stringify(items.map(({ id, json }) => [id, json]))
      const [row] = yield* sql<{ chunk: number }>`INSERT INTO strata_job_chunk ${
        sql.insert({ job, size: items.length, failures, last_error: lastError, payload })
      } RETURNING chunk`
      const chunk = Number(row?.chunk)
      yield* offer(chunk, delay)
    }
  })

  const columns = sql.literal("chunk, starts, failures, last_error, payload")

  /**
   * Begins work on a chunk that no other worker has begun. `suspect`: work on it began before and did not end, as
   * when its process died. `undefined`: it is settled.
   */
  const begin = Effect.fnUntraced(function*(chunk: number) {
    const [row] = yield* sql<Row>`UPDATE strata_job_chunk SET starts = 1, runner = ${runner}
      WHERE chunk = ${chunk} AND starts = 0 RETURNING ${columns}`
    if (row !== undefined) return { suspect: false, ...read(row) }
    const [other] = yield* sql<Row>`SELECT ${columns} FROM strata_job_chunk WHERE chunk = ${chunk}`
    return other === undefined ? undefined : { suspect: true, ...read(other) }
  })

  /** Begins work on a suspect. */
  const beginSuspect = (chunk: number) =>
    sql`UPDATE strata_job_chunk SET starts = starts + 1, runner = ${runner} WHERE chunk = ${chunk}`

  /** Work on a chunk ended without a result, and not by its fault. */
  const giveBack = (chunk: number) => sql`UPDATE strata_job_chunk SET starts = 0 WHERE chunk = ${chunk}`

  /** Deletes the row, or fails if another process has settled it; to be called in a transaction. */
  const remove = Effect.fnUntraced(function*(chunk: number) {
    const removed = yield* sql`DELETE FROM strata_job_chunk WHERE chunk = ${chunk} RETURNING chunk`
    if (removed.length === 0) return yield* new LeaseLost({ chunk })
  })

  const bury = Effect.fnUntraced(function*(dead: ReadonlyArray<Dead>) {
    for (const { attempts, error, id, json } of dead) {
      yield* sql`INSERT INTO strata_job_dead_letter (job, id, item, error, attempts, died_at)
        VALUES (${job}, ${id}, ${json ?? null}, ${encodeError(error)}, ${attempts}, ${Tables.now(sql)})
        ON CONFLICT (job, id) DO UPDATE SET item = excluded.item, error = excluded.error, attempts = excluded.attempts,
        died_at = excluded.died_at`
    }
  })

  /** Everything that a chunk comes to, in one transaction with what the sink does in it. */
  const settle = <E>(chunk: number, settlement: Settlement, inside: Effect.Effect<void, E | SqlError.SqlError>) =>
    settleAfter(remove(chunk), settlement, inside)

  /** The same for items that are in no chunk; `first` takes them from where they are. */
  const settleAfter = <E, E2>(
    first: Effect.Effect<void, E2>,
    settlement: Settlement,
    inside: Effect.Effect<void, E | SqlError.SqlError>
  ) =>
    sql.withTransaction(Effect.gen(function*() {
      yield* first
      yield* bury(settlement.dead)
      yield* add(settlement.again)
      yield* inside
      // Last: the chunks of this process wait for each other at this row.
      yield* count(settlement)
    }))

  const count = ({ cost, done, usage }: Settlement) =>
    sql`UPDATE strata_job_runner SET done = done + ${done}, seen_at = ${Tables.now(sql)},
      input_tokens = input_tokens + ${usage.inputTokens},
      cache_read_tokens = cache_read_tokens + ${usage.cacheReadTokens},
      cache_write_tokens = cache_write_tokens + ${usage.cacheWriteTokens},
      output_tokens = output_tokens + ${usage.outputTokens},
      input_cost = input_cost + ${cost?.input ?? 0}, cache_read_cost = cache_read_cost + ${cost?.cacheRead ?? 0},
      cache_write_cost = cache_write_cost + ${cost?.cacheWrite ?? 0}, output_cost = output_cost + ${cost?.output ?? 0},
      unpriced = unpriced + ${cost === undefined ? done : 0},
      currency = COALESCE(${cost === undefined ? null : Cost.currencyOf(cost)}, currency)
      WHERE job = ${job} AND runner = ${runner}`

  /** Offers chunks again that the queue has given up on or has lost. */
  const recover = Effect.gen(function*() {
    const table = sql(Tables.queueTable)
    const name = Tables.queueName(job)
    yield* sql`UPDATE ${table} SET state = 'pending', attempts = 0 WHERE queue_name = ${name} AND state = 'failed'`
    const lost = yield* sql<{ chunk: number }>`SELECT chunk FROM strata_job_chunk WHERE job = ${job} AND NOT EXISTS (
      SELECT 1 FROM ${table} WHERE queue_name = ${name} AND id = CAST(chunk AS TEXT))`
    for (const { chunk } of lost) yield* offer(Number(chunk))
  })

  const take = <E, R>(work: (chunk: number) => Effect.Effect<void, E, R>) => queue.take(({ chunk }) => work(chunk))

  return { add, begin, beginSuspect, bury, giveBack, recover, settle, settleAfter, take }
})

interface Row {
  readonly chunk: number
  readonly starts: number
  readonly failures: number
  readonly last_error: string | null
  readonly payload: string
}

const read = (row: Row): Chunk => ({
  chunk: Number(row.chunk),
  starts: Number(row.starts),
  failures: Number(row.failures),
  lastError: row.last_error ?? undefined,
  items: storedOf(row.payload)
})

/** What {@link make} stores. A row that something else has damaged is a defect, which ends the run as a `JobStoreError`. */
const storedOf = (payload: string): ReadonlyArray<Stored> =>
  (JSON.parse(payload) as ReadonlyArray<readonly [string, string]>).map(([id, json]) => ({ id, json }))

/** Errors as they are stored: without their causes, which may be anything. */
export const encodeError = (error: JobError.DeadLetterError): string =>
  JSON.stringify(
    Result.match(encode(error), {
      onFailure: () => ({ _tag: error._tag, message: error.message }),
      onSuccess: ({ cause: _, ...plain }) => plain
    })
  )

const errorJson = Schema.toCodecJson(JobError.DeadLetterError)
const encode = (error: JobError.DeadLetterError): Result.Result<Readonly<Record<string, unknown>>, unknown> =>
  Result.map(Schema.encodeUnknownResult(errorJson)(error), (json) => Object(json))

/** An error as it was stored; a later version of this package may not know its fields. */
export const decodeError = (text: string): JobError.DeadLetterError =>
  Result.getOrElse(
    Result.flatMap(Result.try(() => JSON.parse(text)), Schema.decodeUnknownResult(errorJson)),
    () => new JobError.ItemError({ kind: "undecodable", message: `The stored error is not understood: ${text}` })
  )
