/**
 * Tells the failures of items from those of the world, for one process that runs a job.
 *
 * In an outage all work waits together, costs no item an attempt, and ends with a `JobPausedError` when it lasts too long.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as JobError from "../JobError.ts"
import type * as Chunks from "./chunks.ts"

/**
 * What a failure means.
 *
 * - `dead`: the item is at fault. `again`: it may succeed next time, and counts as an attempt of the item.
 * - `wait`: nothing can succeed for now. `stop`: nothing can succeed until a person does something.
 */
export type Meaning = "dead" | "again" | "wait" | "stop"

const meanings: Readonly<Record<ProviderError.ProviderError["_tag"], Meaning>> = {
  InvalidRequestError: "dead",
  ContextLengthExceededError: "dead",
  UnsupportedFeatureError: "dead",
  ProviderInternalError: "again",
  TimeoutError: "again",
  ModelFailedError: "again",
  MalformedResponseError: "again",
  StreamInterruptedError: "again",
  StructuredOutputError: "again",
  RateLimitError: "wait",
  ModelUnavailableError: "wait",
  CircuitOpenError: "wait",
  ConnectionError: "wait",
  AuthenticationError: "stop",
  PermissionDeniedError: "stop",
  ModelNotFoundError: "stop",
  QuotaExceededError: "stop",
  QueueFullError: "wait",
  BudgetExceededError: "stop"
}

/** Failures that show that the service works: the model got the item, and failed on it or answered what is unfit. */
const ofTheModel: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "StructuredOutputError",
  "ModelFailedError",
  "MalformedResponseError"
])

/** What a failure means by itself. */
export const meaningOf = (error: ProviderError.ProviderError): Meaning =>
  error._tag === "AuthenticationError" && error.transient === true ? "wait" : meanings[error._tag]

/** How many dead letters or unfit answers in a row, with no result in between, tell that the job itself is wrong. */
const mostDeadInARow = 100

export interface Outage {
  /** Waits while nothing can succeed. */
  readonly ready: Effect.Effect<void>
  /**
   * What the failure of a chunk means now. In an outage `again` becomes `wait`, and when the model fails one chunk after the
   * other, `stop`.
   */
  readonly meaning: (error: ProviderError.ProviderError, chunk: Pick<Chunks.Chunk, "chunk" | "failures">) => Meaning
  /** The next {@link ready} waits. Returns an error when the outage has lasted too long. */
  readonly wait: (error: ProviderError.ProviderError) => Effect.Effect<JobError.JobPausedError | undefined>
  readonly stop: (error: ProviderError.ProviderError) => JobError.JobPausedError
  readonly succeeded: () => void
  /** Returns an error when too many items in a row are dead. */
  readonly died: (
    dead: ReadonlyArray<{ readonly error: JobError.DeadLetterError }>
  ) => JobError.JobPausedError | undefined
}

export const make = (job: string, patience: Duration.Duration): Outage => {
  /** Chunks that failed since the last success: one that fails alone is at fault itself. */
  let failing = new Set<number>()
  let since: number | undefined
  let until = 0
  let attempt = 0
  let deadInARow = 0
  let unfitInARow = 0

  const paused = (why: string, error?: ProviderError.ProviderError) =>
    new JobError.JobPausedError({
      job,
      error,
      message: `Job ${job} is paused: ${why} Nothing is lost; run it again to go on.`
    })

  return {
    ready: Effect.flatMap(Clock.currentTimeMillis, (now) => now < until ? Effect.sleep(until - now) : Effect.void),
    meaning: (error, { chunk, failures }) => {
      const meaning = meaningOf(error)
      if (meaning === "dead" || meaning === "stop") return meaning
      // What comes again does so in a row, whatever is wrong with it.
      if (ofTheModel.has(error._tag)) {
        return failures > 0 || ++unfitInARow < mostDeadInARow ? "again" : "stop"
      }
      if (failing.size < 1000) failing.add(chunk)
      return meaning === "again" && failing.size > 1 ? "wait" : meaning
    },
    wait: Effect.fnUntraced(function*(error) {
      const now = yield* Clock.currentTimeMillis
      since ??= now
      if (now - since > Duration.toMillis(patience)) {
        return paused(`nothing has succeeded for ${Duration.format(patience)}. The last error: ${error.message}`, error)
      }
      if (now < until) return undefined
      // One pause for all workers: the first to fail sets it.
      const hint = ProviderError.retryAfter(error)
      const pause = Math.max(hint === undefined ? 0 : Duration.toMillis(hint), Math.min(1000 * 2 ** attempt, 30_000))
      attempt = Math.min(attempt + 1, 10)
      until = now + pause * (0.8 + 0.4 * (yield* Random.next))
      yield* Effect.logWarning(`Job ${job} waits ${Math.round(pause / 1000)} s: ${error.message}`)
      return undefined
    }),
    stop: (error) => paused(error.message, error),
    succeeded: () => {
      failing = new Set()
      since = undefined
      attempt = 0
      until = 0
      deadInARow = 0
      unfitInARow = 0
    },
    died: (dead) => {
      const [last] = dead.slice(-1)
      deadInARow += dead.length
      return last === undefined || deadInARow < mostDeadInARow ? undefined : paused(
        `the last ${deadInARow} items failed, and none succeeded. They are in the dead letters; `
          + `after mending the cause, retry them. The last error: ${last.error.message}`,
        ProviderError.isProviderError(last.error) ? last.error : undefined
      )
    }
  }
}
