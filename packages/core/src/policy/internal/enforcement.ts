/**
 * A {@link Policy.Policy} in force: wraps calls and streams in its retries, permits and clocks, in the documented order.
 * One for each service, shared by all its calls.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
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
import * as Admission from "./admission.ts"
import * as BreakerGate from "./breakerGate.ts"
import * as BudgetGate from "./budget/gate.ts"
import type * as BudgetPrice from "./budget/price.ts"
import * as Clocks from "./clocks.ts"
import * as Permits from "./concurrency/permits.ts"
import * as Hedging from "./hedging.ts"
import * as QuotaGate from "./quota/gate.ts"
import * as RetryAllowance from "./retryAllowance.ts"
import * as Retrying from "./retrying.ts"
import type * as Share from "./share.ts"
import * as UsageSink from "./usage/sink.ts"
import type * as WaitQueue from "./waitQueue.ts"

/**
 * - `call`: for effects.
 * - `stream`: for streams. They are retried only while no event has been delivered; a failure after that becomes a
 *   `StreamInterruptedError` with the number of events delivered and the failure as its cause.
 * - `load`: how full the quota or the permits of a target are, and whether its circuit is open, as far as this process knows.
 * - `retried`: retries an effect by the policy, within its retry budget; see `Retrying.Options`.
 * - `window`: how many calls can be in flight at most; finite whatever the policy says.
 */
export interface Enforcement {
  readonly policy: Policy.Policy
  readonly window: number
  readonly load: (target: Telemetry.Target) => Effect.Effect<Load>
  readonly retried: <A, E extends ProviderError.ProviderError, R>(
    self: Effect.Effect<A, E, R>,
    target: Telemetry.Target,
    sooner: Retrying.Options["sooner"]
  ) => Effect.Effect<A, E | ProviderError.InvalidRequestError, R>
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

/** `used`: 0 to 1, or more. */
export interface Load {
  readonly used: number
  readonly isOpen: boolean
}

/**
 * What quotas, budgets and events of usage need to know of a call.
 *
 * - `consumed`: what an answer, or an event of a stream, tells about tokens drawn.
 * - the rest: see `BudgetGate.Meter` and `UsageSink.Meter`.
 */
export interface Metering<A> extends QuotaGate.Meter, BudgetGate.Meter<A>, UsageSink.Meter<A> {
  readonly consumed: (answer: A) => Quota.Consumption | undefined
}

/**
 * Puts a policy in force, for calls to `provider`. Fails with `InvalidRequestError` for a policy that cannot be right,
 * and names what is wrong with it: `policy.timeouts.attempt`.
 */
export const make = Effect.fnUntraced(function*(
  given: Policy.Policy,
  provider = "strata"
): Effect.fn.Return<Enforcement, ProviderError.InvalidRequestError, Scope.Scope> {
  const policy = yield* Check.run(Policy.check, given, { provider, field: "policy" })
  const permits = yield* Permits.make(policy.concurrency)
  const quota = yield* QuotaGate.make(policy.quota)
  const breaker = yield* BreakerGate.make(policy.breaker)
  const sink = yield* UsageSink.Sink
  const allowance = yield* RetryAllowance.make(policy.retryBudget)
  const { attempt, deadline, firstEvent } = policy.timeouts
  const most = Concurrency.most(policy.concurrency)
  const withinAttempt = Clocks.shared("attempt", attempt)
  const hasQuota = policy.quota !== undefined && policy.quota.windows.length > 0

  /** Deadline, retries and hedging around one way of making an attempt. */
  const repeated = <A, E extends ProviderError.ProviderError, R>(
    once: (number: number, admission: Admission.Admission | undefined) => Effect.Effect<A, E, R>,
    target: Telemetry.Target,
    discard: (answer: A) => Effect.Effect<void>
  ) =>
    Effect.withFiber<A, E | ProviderError.CallError, R>((fiber) => {
      const admission = Context.get(fiber.context, Admission.Admission)
      let attempts = 0
      const guarded = Effect.suspend(() => breaker.protect(once(++attempts, admission), target))
      const retried = Retrying.retried(
        policy.hedge === undefined ? guarded : Hedging.hedged(guarded, { after: policy.hedge, target, discard }),
        {
          retry: policy.retry,
          target,
          permitted: allowance.onRetry,
          sooner: breaker.opened
        }
      )
      const all = Effect.andThen(allowance.onCall, retried)
      if (admission === undefined || !Duration.isFinite(deadline)) {
        return Clocks.within("deadline", deadline, target)(all)
      }
      return Effect.flatMap(Watchdog.now, (now) => {
        const left = Math.max(0, admission.start + Duration.toMillis(deadline) - now)
        return Clocks.within("deadline", deadline, target, Duration.millis(left))(all)
      })
    })

  /**
   * One attempt. Its budget, its quota and its permit, granted in this order, are held until `scope` closes, and settled by
   * what `self` has noted in `used`. Where lanes of a pool contend for the call, the budget comes last: they must not all
   * reserve it while they wait.
   */
  const admitted = <A, B, E, R>(
    { admission: contest, budgets, metering, target, usage }: Asked<A>,
    number: number,
    scope: Scope.Scope,
    used: Used,
    self: Effect.Effect<B, E, R>
  ) => {
    let isSent = false
    const hold = (settle: (exit: Exit.Exit<unknown, unknown>, isRefused: boolean) => Effect.Effect<void>) =>
      Scope.addFinalizerExit(scope, (exit) => {
        const error = failure(exit)
        return settle(exit, !isSent || error !== undefined && ProviderError.isRefusal(error))
      })
    const admission = Effect.uninterruptibleMask((masked) =>
      breaker.whileClosed(
        target,
        masked,
        Effect.fnUntraced(function*(restore) {
          if (usage !== undefined) yield* hold((_exit, isRefused) => usage.report({ ...used, isRefused }))
          const onBudget = Effect.flatMap(BudgetGate.reserve(budgets, target, metering), (settle) =>
            hold((_exit, isRefused) => settle({ ...used, isRefused })))
          if (contest === undefined) {
            yield* onBudget
          }
          const reservation = yield* quota.reserve(target, metering, restore)
          yield* hold((_exit, isRefused) =>
            reservation.settle(used.consumed ?? (isRefused ? "refused" : "unknown"))
          )
          const permit = yield* permits.take(target, restore, metering)
          yield* hold((exit) => permit.release(outcomeOf(exit)))
          if (contest !== undefined) {
            yield* claimed(contest, restore)
            yield* onBudget
          }
          return reservation
        })
      )
    )
    const sent = Effect.suspend(() => {
      isSent = true
      return Telemetry.attempt(number)(Effect.andThen(Telemetry.recordAttempt(target), self))
    })
    return Effect.flatMap(admission, (reservation) => Effect.andThen(reservation.sent, sent))
  }

  /** One attempt that needs a permit only: what most attempts do, in a third of the time. */
  const permitted = <A, E, R>(
    target: Telemetry.Target,
    metadata: Share.Metadata,
    number: number,
    self: Effect.Effect<A, E, R>
  ) => {
    const sent = Telemetry.attempt(number)(Effect.andThen(Telemetry.recordAttempt(target), self))
    return Effect.uninterruptibleMask((masked) =>
      Effect.flatMap(
        breaker.whileClosed(target, masked, (restore) => permits.take(target, restore, metadata)),
        (permit) => Effect.onExit(masked(sent), (exit) => permit.release(outcomeOf(exit)))
      )
    )
  }

  return {
    policy,
    window: Number.isFinite(most) ? most : unbounded,
    load: (target) =>
      Effect.zipWith(quota.load(target), breaker.isOpen(target), (used, isOpen) => ({
        used: Math.max(used, permits.load(target)),
        isOpen
      })),
    retried: (self, target, sooner) =>
      Retrying.retried(self, {
        retry: policy.retry,
        target,
        permitted: allowance.onRetry,
        sooner
      }),
    call: (self, target, metering = unmetered, budgets = []) =>
      Effect.flatMap(UsageSink.heard(sink), (heard) => {
        const timed = withinAttempt(self, target)
        const once = (number: number, admission: Admission.Admission | undefined) =>
          !hasQuota && budgets.length === 0 && heard === undefined && admission === undefined
            ? permitted(target, metering, number, timed)
            : Effect.scopedWith((scope) => {
              const used: Used = { bill: undefined, consumed: undefined, outputTokens: 0 }
              const usage = heard && UsageSink.attempt(heard, target, metering)
              const sent = usage === undefined ? timed : Effect.provideService(timed, UsageSink.Sink, usage.inside)
              const answer = Effect.map(sent, (answer) => {
                used.consumed = metering.consumed(answer)
                used.bill = metering.bill?.(answer)
                return answer
              })
              return admitted({ target, metering, budgets, usage, admission }, number, scope, used, answer)
            })
        return repeated(once, target, () => Effect.void)
      }),
    stream: (self, target, metering = unmetered, budgets = []) => {
      /** A stream up to its first event is a call like any other; the rest of it cannot be repeated. */
      const open = Effect.fnUntraced(function*(
        number: number,
        admission: Admission.Admission | undefined,
        scope: Scope.Scope,
        heard: UsageSink.Sink | undefined
      ) {
        const connection = yield* Scope.fork(scope)
        const used: Used = { bill: undefined, consumed: undefined, outputTokens: 0 }
        const usage = heard && UsageSink.attempt(heard, target, metering)
        const sent = usage === undefined ? self : Stream.provideService(self, UsageSink.Sink, usage.inside)
        const metered = Stream.mapArray(sent, (events) => {
          for (const event of events) {
            used.bill = metering.bill?.(event) ?? used.bill
            used.consumed = metering.consumed(event) ?? used.consumed
            used.outputTokens += metering.outputTokens?.(event) ?? 0
          }
          return events
        })
        const opened = Clocks.open(metered, connection, firstEvent, target)
        return yield* admitted({ target, metering, budgets, usage, admission }, number, connection, used, opened).pipe(
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value !== undefined ? Effect.void : Scope.close(connection, exit)
          )
        )
      })
      return Stream.unwrap(Effect.gen(function*() {
        const scope = yield* Effect.scope
        const start = (yield* Admission.Admission)?.start ?? (yield* Watchdog.now)
        const heard = yield* UsageSink.heard(sink)
        const opened = yield* repeated(
          (number, admission) => open(number, admission, scope, heard),
          target,
          (opened) => opened === undefined ? Effect.void : Scope.close(opened.connection, Exit.void)
        )
        return opened === undefined
          ? Stream.empty
          : Clocks.flowing(opened, policy.timeouts, start, target, Clocks.interrupted(target))
      }))
    }
  }
})

/** Requests in flight when the policy sets no bound: enough to be fast, not enough to exhaust sockets. */
const unbounded = 32

/** A call before it is sent. */
interface Asked<A> {
  readonly target: Telemetry.Target
  readonly metering: Metering<A>
  readonly budgets: ReadonlyArray<BudgetGate.BudgetGate>
  readonly usage: UsageSink.Attempt | undefined
  readonly admission: Admission.Admission | undefined
}

/** Goes on where the lane gets the call; else waits to be interrupted. */
const claimed = (admission: Admission.Admission, restore: WaitQueue.Restore): Effect.Effect<void> =>
  Effect.suspend(() => admission.claim() ? Effect.void : restore(Effect.never))

/** What an attempt has used so far, as the provider said or its events show. */
interface Used {
  bill: BudgetPrice.Bill | undefined
  consumed: Quota.Consumption | undefined
  outputTokens: number
}

const unmetered: Metering<unknown> = {
  load: () => Effect.succeed({ inputTokens: 0, outputTokens: 0 }),
  outputBurndown: 1,
  consumed: () => undefined
}

const failure = (exit: Exit.Exit<unknown, unknown>): ProviderError.ProviderError | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return ProviderError.isProviderError(error) ? error : undefined
}

/** What a permit learns from a call; a stream that broke says why in its cause. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "answered"
  const error = failure(exit)
  const root = error?._tag === "StreamInterruptedError" ? error.cause : error
  return ProviderError.isProviderError(root) && root._tag === "RateLimitError" ? "refused" : "other"
}
