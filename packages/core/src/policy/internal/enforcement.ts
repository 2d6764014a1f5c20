/**
 * A {@link Policy.Policy} in force: wraps calls and streams in its retries, permits and clocks, in the documented order.
 *
 * The permits live here, so one enforcement is made for each service and shared by all its calls.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Concurrency from "../Concurrency.ts"
import * as Policy from "../Policy.ts"
import type * as Quota from "../Quota.ts"
import * as BreakerGate from "./breakerGate.ts"
import * as BudgetGate from "./budget/gate.ts"
import * as Clocks from "./clocks.ts"
import * as Permits from "./concurrency/permits.ts"
import * as Hedging from "./hedging.ts"
import * as QuotaGate from "./quota/gate.ts"
import * as RetryAllowance from "./retryAllowance.ts"
import * as Retrying from "./retrying.ts"
import type * as WaitQueue from "./waitQueue.ts"

/**
 * - `call`: for effects.
 * - `stream`: for streams. They are retried only while no event has been delivered; a failure after that becomes a
 *   `StreamInterruptedError` with the number of events delivered and the failure as its cause.
 * - `window`: how many calls can be in flight at most; finite whatever the policy says.
 */
export interface Enforcement {
  readonly policy: Policy.Policy
  readonly window: number
  readonly call: <A, R>(
    self: Effect.Effect<A, ProviderError.CallError, R>,
    target: Telemetry.Target,
    metering?: Metering<A>,
    budgets?: ReadonlyArray<BudgetGate.BudgetGate>
  ) => Effect.Effect<A, ProviderError.CallError, R>
  readonly stream: <A, R>(
    self: Stream.Stream<A, ProviderError.ChatStreamError, R>,
    target: Telemetry.Target,
    metering?: Metering<A>,
    budgets?: ReadonlyArray<BudgetGate.BudgetGate>
  ) => Stream.Stream<A, ProviderError.ChatStreamError, R>
}

/**
 * What quotas and budgets need to know of a call.
 *
 * - `consumed`: what an answer, or an event of a stream, tells about tokens drawn.
 * - the rest: see `BudgetGate.Meter`.
 */
export interface Metering<A> extends QuotaGate.Meter, BudgetGate.Meter<A> {
  readonly consumed: (answer: A) => Quota.Consumption | undefined
}

/**
 * Puts a policy in force, for calls to `provider`. Fails with `InvalidRequestError` for a policy that cannot be right,
 * and names what is wrong with it: `policy.timeouts.attempt`.
 *
 * A stream up to its first event is a call like any other; the rest of it is past repeating, so the retries cannot
 * reach it.
 */
export const make = (
  policy: Policy.Policy,
  provider = "strata"
): Effect.Effect<Enforcement, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.flatMap(Check.run(Policy.check, policy, { provider, field: "policy" }), inForce)

const inForce = (policy: Policy.Policy): Effect.Effect<Enforcement, never, Scope.Scope> =>
  Effect.gen(function*() {
    const permits = yield* Permits.make(policy.concurrency)
    const quota = yield* QuotaGate.make(policy.quota)
    const breaker = yield* BreakerGate.make(policy.breaker)
    const allowance = yield* RetryAllowance.make(policy.retryBudget)
    const { attempt, deadline, firstEvent } = policy.timeouts

    /** Deadline, retries and hedging around one way of making an attempt. */
    const repeated = <A, E extends ProviderError.ProviderError, R>(
      once: (attempt: number) => Effect.Effect<A, E, R>,
      target: Telemetry.Target,
      discard: (answer: A) => Effect.Effect<void>
    ) =>
      Effect.suspend(() => {
        let attempts = 0
        const guarded = Effect.suspend(() => breaker.protect(once(++attempts), target))
        const hedged = policy.hedge === undefined
          ? guarded
          : Hedging.hedged(guarded, { after: policy.hedge, target, discard })
        const retried = Retrying.retried(hedged, {
          retry: policy.retry,
          target,
          permitted: allowance.onRetry(target),
          circuitOpened: breaker.opened(target)
        })
        return Effect.andThen(allowance.onCall, retried)
      }).pipe(Clocks.within("deadline", deadline, target))

    /** Money, tokens and a permit, in this order; what was granted is given back where the next one fails. */
    const admitted = <A>(asked: Asked<A>, restore: WaitQueue.Restore): Effect.Effect<
      Admission,
      ProviderError.CallError
    > =>
      breaker.whileClosed(
        asked.target,
        restore,
        Effect.fnUntraced(function*(restore) {
          const { budgets, metering, target } = asked
          const spending = yield* BudgetGate.reserve(budgets, target, metering)
          const reservation = yield* Effect.onError(quota.reserve(target, metering, restore), () => spending.cancel)
          const permit = yield* Effect.onError(
            permits.take(target, restore),
            () => Effect.andThen(reservation.settle("refused"), spending.cancel)
          )
          return { spending, reservation, permit }
        }),
        ({ permit, reservation, spending }) =>
          Effect.andThen(permit.release("other"), Effect.andThen(reservation.settle("refused"), spending.cancel))
      ).pipe(
        Effect.tap(({ reservation }) => reservation.sent)
      )

    const open = <A, R>(
      self: Stream.Stream<A, ProviderError.ChatStreamError, R>,
      asked: Asked<A>,
      number: number,
      scope: Scope.Scope
    ) =>
      Effect.flatMap(Scope.fork(scope), (connection) => {
        const { metering, target } = asked
        let used: Used = nothing
        const metered = Stream.mapArray(self, (events) => {
          let { bill, consumed, outputTokens } = used
          for (const event of events) {
            bill = metering.bill?.(event) ?? bill
            consumed = metering.consumed(event) ?? consumed
            outputTokens += metering.outputTokens?.(event) ?? 0
          }
          used = { bill, consumed, outputTokens }
          return events
        })
        return Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(
            admitted(asked, restore),
            (admission) => Scope.addFinalizerExit(connection, (exit) => released(admission, exit, used))
          )
        ).pipe(
          Effect.andThen(Telemetry.recordAttempt(target)),
          Effect.andThen(Clocks.open(metered, connection, firstEvent, target)),
          Telemetry.attempt(number),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value !== undefined ? Effect.void : Scope.close(connection, exit)
          )
        )
      })

    return {
      policy,
      window: Number.isFinite(Concurrency.most(policy.concurrency)) ? Concurrency.most(policy.concurrency) : unbounded,
      call: <A, R>(
        self: Effect.Effect<A, ProviderError.CallError, R>,
        target: Telemetry.Target,
        metering: Metering<A> = unmetered,
        budgets: ReadonlyArray<BudgetGate.BudgetGate> = []
      ) => {
        const sent = Effect.andThen(Telemetry.recordAttempt(target), self).pipe(
          Clocks.within("attempt", attempt, target)
        )
        const once = (number: number) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(admitted({ target, metering, budgets }, restore), (admission) =>
              Effect.onExit(
                restore(Telemetry.attempt(number)(sent)),
                (exit) => released(admission, exit, Exit.isSuccess(exit) ? usedBy(metering, exit.value) : nothing)
              ))
          )
        return repeated(once, target, () => Effect.void)
      },
      stream: <A, R>(
        self: Stream.Stream<A, ProviderError.ChatStreamError, R>,
        target: Telemetry.Target,
        metering: Metering<A> = unmetered,
        budgets: ReadonlyArray<BudgetGate.BudgetGate> = []
      ) =>
        Stream.unwrap(Effect.gen(function*() {
          const scope = yield* Effect.scope
          const start = yield* Watchdog.now
          const opened = yield* repeated(
            (number) => open(self, { target, metering, budgets }, number, scope),
            target,
            (opened) => opened === undefined ? Effect.void : Scope.close(opened.connection, Exit.void)
          )
          return opened === undefined
            ? Stream.empty
            : Clocks.flowing(opened, policy.timeouts, start, target, Clocks.interrupted(target))
        }))
    }
  })

/** Requests in flight when the policy sets no bound: enough to be fast, not enough to exhaust sockets. */
const unbounded = 32

/** A call before it is sent. */
interface Asked<A> {
  readonly target: Telemetry.Target
  readonly metering: Metering<A>
  readonly budgets: ReadonlyArray<BudgetGate.BudgetGate>
}

interface Admission {
  readonly spending: BudgetGate.Reservation
  readonly reservation: QuotaGate.Reservation
  readonly permit: Permits.Permit
}

/** What an attempt has used, as far as the provider said or its events show. */
interface Used extends BudgetGate.Used {
  readonly consumed: Quota.Consumption | undefined
}

const nothing: Used = { consumed: undefined, bill: undefined, outputTokens: 0 }

const usedBy = <A>(metering: Metering<A>, answer: A): Used => ({
  consumed: metering.consumed(answer),
  bill: metering.bill?.(answer),
  outputTokens: 0
})

const unmetered: Metering<unknown> = {
  load: () => Effect.succeed({ inputTokens: 0, outputTokens: 0 }),
  outputBurndown: 1,
  consumed: () => undefined
}

const released = (
  { permit, reservation, spending }: Admission,
  exit: Exit.Exit<unknown, unknown>,
  used: Used
): Effect.Effect<void> => {
  const error = failure(exit)
  const isThrottled = error !== undefined && rootOf(error)._tag === "RateLimitError"
  const isRefused = error !== undefined && ProviderError.isRefusal(error)
  return permit.release(Exit.isSuccess(exit) ? "answered" : isThrottled ? "refused" : "other").pipe(
    Effect.andThen(reservation.settle(used.consumed ?? (isRefused ? "refused" : "unknown"))),
    Effect.andThen(spending.settle({ ...used, isRefused }))
  )
}

const failure = (exit: Exit.Exit<unknown, unknown>): ProviderError.ProviderError | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return ProviderError.isProviderError(error) ? error : undefined
}

/** Why a stream broke; any other error is its own root. */
const rootOf = (error: ProviderError.ProviderError): ProviderError.ProviderError =>
  error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause) ? error.cause : error
