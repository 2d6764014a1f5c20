/** The processes that run a job, and what each sees of it. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as os from "node:os"
import * as Tables from "./store/tables.ts"

/**
 * Notes that this process runs the job, until the scope ends. What a process of this machine had when it died is free at
 * once, if no other runs the job; else when its lease expires.
 */
export const enter = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  job: number,
  runner: string,
  leaseMillis: number
) {
  const now = Tables.now(sql)
  const host = os.hostname()
  const before = yield* sql`SELECT 1 FROM strata_job_runner WHERE job = ${job} AND runner LIKE ${`${self}%`}`
  const others = yield* sql<{ runner: string; pid: number }>`SELECT runner, pid FROM strata_job_runner
    WHERE job = ${job} AND ended_at IS NULL AND host = ${host}`
  for (const other of others) {
    if (isAlive(Number(other.pid))) continue
    yield* sql`UPDATE strata_job_runner SET ended_at = ${now} WHERE job = ${job} AND runner = ${other.runner}`
  }
  yield* Effect.acquireRelease(
    sql`INSERT INTO strata_job_runner (job, runner, host, pid, started_at, seen_at)
      VALUES (${job}, ${runner}, ${host}, ${process.pid}, ${now}, ${now})`,
    () => Effect.ignore(sql`UPDATE strata_job_runner SET ended_at = ${now} WHERE job = ${job} AND runner = ${runner}`)
  )
  yield* sql.withTransaction(Effect.gen(function*() {
    const living = yield* sql`SELECT 1 FROM strata_job_runner WHERE job = ${job} AND runner <> ${runner}
      AND ended_at IS NULL AND seen_at > ${now} - ${2 * leaseMillis}`
    // What an earlier run of this process has taken from the queue, this one may find at hand.
    if (living.length > 0 || before.length > 0) return
    yield* sql`UPDATE ${sql(Tables.queueTable)} SET acquired_at = NULL, acquired_by = NULL
      WHERE queue_name = ${Tables.queueName(job)} AND state = 'pending' AND acquired_by IS NOT NULL`
    yield* sql`UPDATE strata_job SET reader = NULL WHERE id = ${job}`
  }))
  // A job that was done reads its source again, for what is new.
  yield* sql`UPDATE strata_job SET is_read = 0 WHERE id = ${job} AND is_read = 1 AND state = 'active'
    AND NOT EXISTS (SELECT 1 FROM strata_job_chunk WHERE job = ${job})`
})

/** Names this process, also where its number and the name of its machine are those of an earlier one. */
const self = SecureRandom.uuidV4Unsafe()

/** A new name for a run of this process. */
export const runnerName = (): string => `${self}.${SecureRandom.uuidV4Unsafe().slice(0, 8)}`

/** Whether a process of this machine is there. One with our number is gone: the number is ours now. */
const isAlive = (pid: number): boolean => {
  if (pid === process.pid) return false
  const signalled = Result.try(() => process.kill(pid, 0))
  // It may be there, and not ours to signal.
  return Result.isSuccess(signalled) ||
    Predicate.hasProperty(signalled.failure, "code") && signalled.failure.code === "EPERM"
}

export const seen = (sql: SqlClient.SqlClient, job: number, runner: string) =>
  sql`UPDATE strata_job_runner SET seen_at = ${Tables.now(sql)} WHERE job = ${job} AND runner = ${runner}`

/** What a process looks at from time to time. `isUnread`: no other process reads the source. */
export interface Look {
  readonly isCancelled: boolean
  readonly isRead: boolean
  readonly hasChunks: boolean
  readonly isUnread: boolean
}

/** `undefined` for a job that was removed. */
export const look = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  job: number,
  runner: string
): Effect.fn.Return<Look | undefined, SqlError.SqlError> {
  const now = Tables.now(sql)
  const [row] = yield* sql<{ state: string; is_read: number; has_chunks: number; is_unread: number }>`
    SELECT state, is_read,
      CASE WHEN EXISTS (SELECT 1 FROM strata_job_chunk WHERE job = ${job}) THEN 1 ELSE 0 END AS has_chunks,
      CASE WHEN reader IS NULL OR reader = ${runner} OR reader_until < ${now} THEN 1 ELSE 0 END AS is_unread
    FROM strata_job WHERE id = ${job}`
  return row === undefined ? undefined : {
    isCancelled: row.state === "cancelled",
    isRead: Number(row.is_read) === 1,
    hasChunks: Number(row.has_chunks) === 1,
    isUnread: Number(row.is_unread) === 1
  }
})
