/**
 * How calls to a provider are made: when they are retried, how many run at once, how long they may take.
 *
 * A policy is a value; the layer of a service, or `withPolicy`, puts it in force. The order is fixed, outermost first:
 * `deadline ( retry ( hedge ( breaker ( budget ( quota ( concurrency ( attempt timeout ( call ) ) ) ) ) ) ) )`. So tokens
 * and a permit are held while a call is in flight and never while it backs off, no call waits for tokens while the breaker
 * is open, and every attempt gets its own timeout.
 *
 * Budgets are those of `withBudget`, and not part of a policy: each attempt reserves them, and one that a budget refuses
 * takes no tokens. In a pool they come last, once the attempt has its tokens and its permit in one lane.
 *
 * Constructors of policies check nothing. An impossible value, such as a negative concurrency, is refused where the policy
 * is put in force: the layer fails with an `InvalidRequestError` that names it (`policy.timeouts.attempt`).
 */
import * as Duration from "effect/Duration"
import * as Record from "effect/Record"
import * as Check from "../Check.ts"
import * as Breaker from "./Breaker.ts"
import * as Concurrency from "./Concurrency.ts"
import * as Quota from "./Quota.ts"
import * as Retry from "./Retry.ts"
import * as RetryBudget from "./RetryBudget.ts"

/**
 * The four clocks. An infinite duration switches one off.
 *
 * - `attempt`: one attempt of a call that answers at once, from its permit to its answer.
 * - `firstEvent`: one attempt of a stream, from its permit to its first event.
 * - `idle`: the pause between two events of a stream. It runs only while the consumer waits for an event.
 * - `deadline`: everything together: retries, backoff, waiting for a permit, and reading a stream to its end. It runs on
 *   while a consumer pauses: then the connection is closed, its permit and its tokens are released, and the next pull
 *   fails. Without a deadline a consumer that never pulls again holds them until the stream's scope closes.
 */
export interface Timeouts {
  readonly attempt: Duration.Duration
  readonly firstEvent: Duration.Duration
  readonly idle: Duration.Duration
  readonly deadline: Duration.Duration
}

/**
 * How calls to a provider are made; {@link make} makes one.
 *
 * - `retry`: which failures are retried, and when; `retryBudget`: how many retries of all calls together.
 * - `hedge`: sends a second request when the first has not answered (a stream: not begun) within this time, and keeps
 *   whichever answers first. Both are paid for.
 * - `breaker`: when to stop calling a provider that is down.
 * - `quota`: tokens and requests in windows of time.
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

/** Some of the {@link Timeouts}. */
export type TimeoutOptions = { readonly [Clock in keyof Timeouts]?: Duration.Input | undefined }

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
  readonly timeouts?: TimeoutOptions | undefined
}

/**
 * The default: {@link Retry.standard} within {@link RetryBudget.make}, 32 calls at once, and generous timeouts. An
 * attempt has 10 minutes, the first event of a stream 5, the pause between events 3; there is no deadline, quota,
 * breaker or hedging. Long reasoning is silent for minutes: tighten the timeouts for your model.
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
  ...standard,
  retry: Retry.never,
  retryBudget: undefined,
  concurrency: Infinity,
  timeouts: Record.map(standard.timeouts, () => Duration.infinity)
}

/**
 * {@link standard} with some things changed.
 *
 * @example
 * const policy = Policy.make({
 *   retry: Retry.exponential({ times: 4 }),
 *   breaker: Breaker.consecutive(5),
 *   concurrency: 8,
 *   timeouts: { attempt: "1 minute", deadline: "5 minutes" }
 * })
 */
export const make = (options: Options): Policy => {
  const given = Check.fieldsOf(options)
  const { concurrency, hedge, retryBudget, timeouts } = given
  // Whatever was given is checked where the policy is put in force.
  return {
    ...standard,
    ...given,
    retryBudget: retryBudget === "unlimited" ? undefined : retryBudget ?? standard.retryBudget,
    hedge: timeOf(hedge),
    concurrency: typeof concurrency === "number" ? Math.floor(concurrency) : concurrency ?? standard.concurrency,
    timeouts: { ...standard.timeouts, ...timesOf(timeouts) }
  } as Policy
}

const timesOf = (given: unknown) =>
  Record.map(
    // A value that is no object is refused as its field.
    Check.fieldsOf(given as { readonly [clock: string]: unknown } | undefined),
    (time, clock) => clock in standard.timeouts ? timeOf(time) : time
  )

const timeOf = (given: unknown): unknown => Check.toDuration(given) ?? given

const time = Check.duration({ infinite: true })

/** @internal */
export const check: Check.Check<Policy> = Check.struct<Policy>({
  retry: Retry.check,
  retryBudget: Check.optional(RetryBudget.check),
  hedge: Check.optional(time),
  breaker: Check.optional(Breaker.check),
  quota: Check.optional(Quota.check),
  concurrency: Concurrency.check,
  timeouts: Check.struct<Timeouts>({ attempt: time, firstEvent: time, idle: time, deadline: time })
}, { remedy: "Use `Policy.make`" })
