/**
 * How calls to a provider are made: when they are repeated, how many run at once, how long they may take.
 *
 * A policy is a value; `ChatService.make` and `EmbeddingService.make` put it in force. The order is fixed, outermost
 * first: `deadline ( retry ( concurrency ( attempt timeout ( call ) ) ) )`. So a permit is held while a call is in
 * flight and never while it backs off, and every attempt gets its own timeout.
 */
import * as Duration from "effect/Duration"
import * as Retry from "./Retry.ts"

/**
 * The four clocks. An infinite duration switches one off.
 *
 * - `attempt`: one attempt of a call that answers at once, from its permit to its answer. Streams have the next two.
 * - `firstEvent`: one attempt of a stream, from its permit to its first event.
 * - `idle`: the pause between two events of a stream. It runs only while the consumer waits for an event.
 * - `deadline`: everything together: retries, backoff, waiting for a permit, and reading a stream to its end.
 */
export interface Timeouts {
  readonly attempt: Duration.Duration
  readonly firstEvent: Duration.Duration
  readonly idle: Duration.Duration
  readonly deadline: Duration.Duration
}

/**
 * - `retry`: which failures are repeated, and when.
 * - `concurrency`: calls in flight at the same time, for each service built from the policy.
 * - `timeouts`: see {@link Timeouts}.
 */
export interface Policy {
  readonly retry: Retry.Retry
  readonly concurrency: number
  readonly timeouts: Timeouts
}

/** What {@link make} takes: anything left out comes from {@link standard}. */
export interface Options {
  readonly retry?: Retry.Retry | undefined
  /** At least 1; a fraction is rounded down. */
  readonly concurrency?: number | undefined
  readonly timeouts?: { readonly [Clock in keyof Timeouts]?: Duration.Input | undefined } | undefined
}

/**
 * {@link Retry.standard}, 32 calls at once, 10 minutes for an attempt, 5 for the first event of a stream, 3 between
 * events, no deadline. Long reasoning is silent for minutes, so the defaults are generous; tighten them for your model.
 */
export const standard: Policy = {
  retry: Retry.standard,
  concurrency: 32,
  timeouts: {
    attempt: Duration.minutes(10),
    firstEvent: Duration.minutes(5),
    idle: Duration.minutes(3),
    deadline: Duration.infinity
  }
}

/** Everything off: one attempt, no bound, no clock. */
export const none: Policy = {
  retry: Retry.never,
  concurrency: Infinity,
  timeouts: {
    attempt: Duration.infinity,
    firstEvent: Duration.infinity,
    idle: Duration.infinity,
    deadline: Duration.infinity
  }
}

/** {@link standard} with some things changed. */
export const make = (options: Options): Policy => {
  const { timeouts } = options
  const duration = (input: Duration.Input | undefined, fallback: Duration.Duration) =>
    input === undefined ? fallback : Duration.max(Duration.fromInputUnsafe(input), Duration.zero)
  return {
    retry: options.retry ?? standard.retry,
    concurrency: Math.max(1, Math.floor(options.concurrency ?? standard.concurrency) || 1),
    timeouts: {
      attempt: duration(timeouts?.attempt, standard.timeouts.attempt),
      firstEvent: duration(timeouts?.firstEvent, standard.timeouts.firstEvent),
      idle: duration(timeouts?.idle, standard.timeouts.idle),
      deadline: duration(timeouts?.deadline, standard.timeouts.deadline)
    }
  }
}
