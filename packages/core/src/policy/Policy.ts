/**
 * How calls to a provider are made: when they are repeated, how many run at once, how long they may take.
 *
 * A policy is a value; `ChatService.make` and `EmbeddingService.make` put it in force. The order is fixed, outermost
 * first: `deadline ( retry ( hedge ( breaker ( quota ( concurrency ( attempt timeout ( call ) ) ) ) ) ) )`. So tokens and a
 * permit are held while a call is in flight and never while it backs off, nobody waits for tokens while the breaker is
 * open, and every attempt gets its own timeout.
 */
import * as Duration from "effect/Duration"
import type * as Breaker from "./Breaker.ts"
import type * as Concurrency from "./Concurrency.ts"
import type * as Quota from "./Quota.ts"
import * as Retry from "./Retry.ts"
import * as RetryBudget from "./RetryBudget.ts"

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
 * - `retry`: which failures are repeated, and when; `retryBudget`: how many of all calls together.
 * - `hedge`: sends a second request when the first has not answered (a stream: not begun) within this time, and keeps
 *   whichever answers first. Both are paid for.
 * - `breaker`: when to stop calling a provider that is down.
 * - `quota`: the tokens there are.
 * - `concurrency`: calls in flight at the same time, for each service built from the policy.
 * - `timeouts`: see {@link Timeouts}.
 */
export interface Policy {
  readonly retry: Retry.Retry
  readonly retryBudget: RetryBudget.RetryBudget | undefined
  readonly hedge: Duration.Duration | undefined
  readonly breaker: Breaker.Breaker | undefined
  readonly quota: Quota.Quota | undefined
  readonly concurrency: Concurrency.Concurrency
  readonly timeouts: Timeouts
}

/** What {@link make} takes: anything left out comes from {@link standard}. */
export interface Options {
  readonly retry?: Retry.Retry | undefined
  /** `RetryBudget.make()` unless said otherwise; `"unlimited"` leaves every call to its own schedule. */
  readonly retryBudget?: RetryBudget.RetryBudget | "unlimited" | undefined
  readonly hedge?: Duration.Input | undefined
  readonly breaker?: Breaker.Breaker | undefined
  readonly quota?: Quota.Quota | undefined
  /** A number, at least 1, of which a fraction is rounded down, or `Concurrency.adaptive()`. */
  readonly concurrency?: Concurrency.Concurrency | undefined
  readonly timeouts?: { readonly [Clock in keyof Timeouts]?: Duration.Input | undefined } | undefined
}

/**
 * {@link Retry.standard} within {@link RetryBudget.make}, 32 calls at once, 10 minutes for an attempt, 5 for the first
 * event of a stream, 3 between events; no deadline, quota, breaker or hedging. Long reasoning is silent for minutes, so the defaults are generous; tighten them for your model.
 */
export const standard: Policy = {
  retry: Retry.standard,
  retryBudget: RetryBudget.make(),
  hedge: undefined,
  breaker: undefined,
  quota: undefined,
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
  retryBudget: undefined,
  hedge: undefined,
  breaker: undefined,
  quota: undefined,
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
    retryBudget: options.retryBudget === "unlimited" ? undefined : options.retryBudget ?? standard.retryBudget,
    hedge: options.hedge === undefined ? standard.hedge : Duration.fromInputUnsafe(options.hedge),
    breaker: options.breaker ?? standard.breaker,
    quota: options.quota ?? standard.quota,
    concurrency: permits(options.concurrency ?? standard.concurrency),
    timeouts: {
      attempt: duration(timeouts?.attempt, standard.timeouts.attempt),
      firstEvent: duration(timeouts?.firstEvent, standard.timeouts.firstEvent),
      idle: duration(timeouts?.idle, standard.timeouts.idle),
      deadline: duration(timeouts?.deadline, standard.timeouts.deadline)
    }
  }
}

const permits = (concurrency: Concurrency.Concurrency): Concurrency.Concurrency =>
  typeof concurrency === "number" ? Math.max(1, Math.floor(concurrency) || 1) : concurrency
