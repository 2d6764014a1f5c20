/**
 * Texts in a table of SQLite or PostgreSQL, each changed atomically by compare-and-swap: one statement reads a row and the
 * time of the database, another writes the row if its version is still the same. Who is too late does it again, in
 * PostgreSQL with a lock on the row.
 *
 * So no lock is held as a rule, nothing is left behind by a process that dies, and a pooler may give each statement another
 * session. The changes that a process has for one key are made together, however many they are: a process is not in its
 * own way.
 */
import type * as Documents from "@strata/core/state/Documents"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, LockTimeoutError, SqlError } from "effect/sql/SqlError"
import * as Dialect from "./dialect.ts"

/** Attempts to write a row before others did. */
const mostAttempts = 50

/** How long a row is there after nothing on it counts, so that none is removed that is in use, in milliseconds. */
const grace = 3_600_000

/** Times of expiry are multiples of this: where a text stays the same, they seldom need be written. In milliseconds. */
const tick = 600_000

/** Expired rows that are removed for a new one. */
const mostRemoved = 10

/** An infinite time, in milliseconds. */
const endless = 1e15

/**
 * - `clock`: an expression of milliseconds in place of the time of the database.
 * - `patience`: how long changes may take, in milliseconds; ten seconds by default, longer than their callers wait, and than
 *   a busy machine stands still.
 */
export interface Options {
  readonly clock?: string | undefined
  readonly patience?: number | undefined
}

type Change = (text: string | undefined, now: number) => Result.Result<Documents.Change<unknown>, unknown>

/** A change that waits, and what ends the wait of its caller. */
interface Waiting {
  readonly change: Change
  readonly resume: (answer: Effect.Effect<unknown, unknown>) => void
}

interface Row {
  readonly now: number
  /** `null` where there is no row. */
  readonly state: string | null
  readonly version: number | null
  readonly expires: number | null
}

/**
 * Makes the table where there is none, and the store on it. Fails with `SqlError`; `undefined` if the database is neither
 * SQLite nor PostgreSQL.
 */
export const make = Effect.fnUntraced(function*(
  client: SqlClient.SqlClient,
  table: string,
  { clock, patience = 10_000 }: Options = {}
): Effect.fn.Return<Documents.Documents<SqlError> | undefined, SqlError, Scope.Scope> {
  const sql = client.withoutTransforms()
  const dialect = Dialect.of(sql)
  if (dialect === undefined) return undefined
  for (const statement of dialect.create(table)) yield* unseen(sql.unsafe(statement).unprepared)

  const statements = Dialect.statements(dialect, table, clock ?? dialect.clock)
  const run = yield* unseen(FiberSet.makeRuntime())
  const sweeper = Semaphore.makeUnsafe(1)
  /** The changes that wait, by keys that are being worked at. */
  const waiting = new Map<string, Array<Waiting>>()

  /** Removes what expired long ago, one at a time. It may fail: the next new key tries again. */
  const sweep = (now: number) =>
    Semaphore.withPermitsIfAvailable(sweeper, 1)(
      sql.unsafe(statements.sweep, [now - grace, mostRemoved])
    ).pipe(Effect.timeout(patience), Effect.ignore)

  /** Reads the row, applies the changes in order, and writes it; `undefined` where others wrote it meanwhile. */
  const attempt = Effect.fnUntraced(function*(key: string, changes: ReadonlyArray<Waiting>, read: string) {
    const [row] = yield* sql.unsafe<Row>(read, [key])
    if (row === undefined) return undefined
    const { expires, now, state, version } = row
    const isKnown = expires !== null && expires > now
    const before = isKnown && state !== null ? state : undefined
    let text = before
    let until = isKnown ? expires : 0
    const answers = changes.map(({ change }): Effect.Effect<unknown, unknown> => {
      // One that throws is not the trouble of the others.
      const tried = Result.try(() => change(text, now))
      if (Result.isFailure(tried)) return Effect.die(tried.failure)
      if (Result.isFailure(tried.success)) return Effect.fail(tried.success.failure)
      const { answer, keep, text: next } = tried.success.success
      text = next
      until = next === undefined ? 0 : Math.min(endless, Math.ceil((now + keep) / tick) * tick)
      return Effect.succeed(answer)
    })
    if (text === before && (text === undefined || until <= (expires ?? 0))) return answers
    const next = Math.max((version ?? 0) + 1, now)
    const written = yield* (
      version === null
        ? sql.unsafe(statements.insert, [key, text ?? "", next, until])
        : sql.unsafe(statements.update, [text ?? "", next, until, key, version])
    ).pipe(
      // That is how PostgreSQL says that others were faster, where transactions are REPEATABLE READ.
      Effect.catchIf(({ reason }) => reason._tag === "SerializationError", () => Effect.succeed([]))
    )
    if (written.length === 0) return undefined
    if (version === null) run(sweep(now))
    return answers
  })

  /** Every second attempt locks the row while it is changed, where rows can be, so that no writer loses the race forever. */
  const begin = dialect.begin
  const attemptOf = (number: number, key: string, changes: ReadonlyArray<Waiting>) =>
    begin === undefined || number % 2 === 1
      ? attempt(key, changes, statements.read)
      : sql.withTransaction(attempt(key, changes, statements.lock)).pipe(
        Effect.provideService(SqlClient.BeginTransaction, begin)
      )

  const changeAll = Effect.fnUntraced(function*(key: string, changes: ReadonlyArray<Waiting>) {
    for (let number = 1; number <= mostAttempts; number++) {
      const answers = yield* attemptOf(number, key, changes)
      if (answers !== undefined) return answers
      // Those who meet again and again part ways.
      if (number > 2) yield* Effect.flatMap(Random.nextIntBetween(1, 10), (millis) => Effect.sleep(millis))
    }
    return yield* busy
  }, Effect.timeoutOrElse({ duration: patience, orElse: () => busy }))

  /** Makes the changes that wait for a key, and those that come meanwhile. */
  const work = (key: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const changes = waiting.get(key)?.splice(0) ?? []
      if (changes.length === 0) {
        waiting.delete(key)
        return Effect.void
      }
      return Effect.flatMap(
        Effect.exit(Effect.onInterrupt(changeAll(key, changes), () => Effect.sync(() => release(changes)))),
        (exit) => {
          for (const [index, { resume }] of changes.entries()) {
            resume(Exit.isSuccess(exit) ? exit.value[index]! : exit)
          }
          return work(key)
        }
      )
    })

  return {
    change: <A, E>(
      key: string,
      change: (text: string | undefined, now: number) => Result.Result<Documents.Change<A>, E>
    ) =>
      Effect.callback<A, E | SqlError>((resume) => {
        const at = Dialect.keyText(key)
        // An answer is what this change gave, or an error of the database.
        const entry: Waiting = { change, resume: (answer) => resume(answer as Effect.Effect<A, E | SqlError>) }
        const others = waiting.get(at)
        if (others !== undefined) {
          others.push(entry)
        } else {
          const first = [entry]
          waiting.set(at, first)
          run(work(at)).addObserver(() => {
            if (waiting.get(at) === first) waiting.delete(at)
            release(first)
          })
        }
        return Effect.sync(() => {
          const queue = waiting.get(at)
          const index = queue?.indexOf(entry) ?? -1
          if (index >= 0) queue?.splice(index, 1)
        })
      })
  }
})

/** Without spans: a statement may be for many calls, and each waits for several. */
const unseen = Effect.provideService(References.TracerEnabled, false)

/** Ends the wait for a store that closes. */
const release = (changes: ReadonlyArray<Waiting>) => {
  for (const { resume } of changes) resume(Effect.fail(closed))
}

const closed = new SqlError({
  reason: new ConnectionError({ cause: undefined, message: "The store is closed", operation: "write" })
})

const busy = new SqlError({
  reason: new LockTimeoutError({
    cause: undefined,
    message: "Others had the row for too long, or wrote it before again and again",
    operation: "write"
  })
})
