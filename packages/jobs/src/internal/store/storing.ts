/** Failures of the database as errors of jobs. */
import * as TaggedError from "@strata/core/TaggedError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SqlError from "effect/sql/SqlError"
import * as JobError from "../../JobError.ts"

/** A `JobStoreError` that says what was being done and what the database said. */
export const failed = (doing: string, cause: unknown, job?: string): JobError.JobStoreError =>
  new JobError.JobStoreError({
    job,
    message: `${job === undefined ? "Jobs" : `Job ${job}`}: ${doing} failed: ${wordsOf(cause)}`,
    cause
  })

/** What an error says, as a sentence. */
export const wordsOf = (cause: unknown): string => {
  const words = SqlError.isSqlError(cause) && cause.reason.cause instanceof Error
    ? cause.reason.cause.message
    : cause instanceof Error
    ? cause.message
    : Predicate.isString(cause)
    ? cause
    : "it is no error that says anything"
  return /[.!?]$/.test(words) ? words : `${words}.`
}

type DatabaseError = SqlError.SqlError | PersistedQueue.PersistedQueueError

/** Failures and defects of the database as a `JobStoreError`; Effect's queue dies of its database. Other failures stay. */
export const attempt = <A, E, R>(
  doing: string,
  effect: Effect.Effect<A, E, R>,
  job?: string
): Effect.Effect<A, Exclude<E, DatabaseError> | JobError.JobStoreError, R> =>
  Effect.catchCause(effect, (cause): Effect.Effect<never, Exclude<E, DatabaseError> | JobError.JobStoreError> => {
    const reason = cause.reasons.find((reason) => !Cause.isInterruptReason(reason))
    // The failure is not the database's, or there is none.
    if (reason === undefined || Cause.isFailReason(reason) && !isOfDatabase(reason.error)) {
      return Effect.failCause(cause as Cause.Cause<Exclude<E, DatabaseError>>)
    }
    return Effect.fail(failed(doing, Cause.squash(cause), job))
  })

const isOfDatabase = (error: unknown): error is DatabaseError =>
  SqlError.isSqlError(error) || error instanceof PersistedQueue.PersistedQueueError

/** What a function of the program threw, or gave in place of an effect. */
export class Thrown extends TaggedError.make<Thrown>()("Thrown", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** A function of the program that throws fails; what the database dies of is left for {@link persist}. */
export const undying = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Thrown, R> =>
  Effect.catchDefect(
    effect,
    (cause) => isOfDatabase(cause) ? Effect.die(cause) : Effect.fail(new Thrown({ message: wordsOf(cause), cause }))
  )

/** How long an operation is tried again while the database is gone. */
const patience = Duration.toMillis("1 minute")

/** Tries again, with growing pauses, for a minute, what fails because the database is gone or busy. */
export const persist = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (since) => {
    const again = (pause: number): Effect.Effect<A, E | SqlError.SqlError, R> =>
      Effect.catchCause(effect, (cause) => {
        const passing = passingOf(cause)
        if (passing === undefined) return Effect.failCause(cause)
        return Effect.flatMap(
          Clock.currentTimeMillis,
          (now) =>
            now - since > patience
              ? Effect.fail(passing)
              : Effect.andThen(Effect.sleep(pause), again(Math.min(pause * 2, 5000)))
        )
      })
    return again(100)
  })

/** Whether the database may answer differently in a moment. */
export const isPassing = (error: unknown): boolean => passing(error) !== undefined

const passing = (error: unknown): SqlError.SqlError | undefined => {
  if (SqlError.isSqlError(error)) return error.isRetryable || isStarting(error) ? error : undefined
  return error instanceof PersistedQueue.PersistedQueueError && Cause.isCause(error.cause)
    ? passingOf(error.cause)
    : undefined
}

/** PostgreSQL starts, stops, or has no connection left (its error codes, appendix A of its documentation). */
const isStarting = ({ reason: { cause } }: SqlError.SqlError): boolean =>
  Predicate.hasProperty(cause, "code") && /^(57P0[1-3]|08...|53300)$/.test(`${cause.code}`)

/** The queue dies of its database, and a transaction does that cannot even be rolled back. */
const passingOf = (cause: Cause.Cause<unknown>): SqlError.SqlError | undefined => {
  for (const reason of cause.reasons) {
    const found = Cause.isFailReason(reason)
      ? passing(reason.error)
      : Cause.isDieReason(reason)
      ? passing(reason.defect)
      : undefined
    if (found !== undefined) return found
  }
}
