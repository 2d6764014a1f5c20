/**
 * Budgets in force: sets aside what a call can cost before it is sent, and enters what it did cost when it has ended.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../../Check.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Ledger from "../../../state/Ledger.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as Budget from "../../Budget.ts"
import * as Pricing from "../../Pricing.ts"
import type * as Quota from "../../Quota.ts"
import * as BudgetAccount from "./account.ts"
import * as BudgetError from "./error.ts"
import * as BudgetHolds from "./holds.ts"
import * as BudgetPrice from "./price.ts"

/** Lets a call through, or fails it at once. */
export interface BudgetGate {
  readonly call: <A, R>(
    self: Effect.Effect<A, ProviderError.ProviderError, R>,
    meter: Meter<A>
  ) => Effect.Effect<A, ProviderError.ProviderError, R>
  readonly stream: <A, R>(
    self: Stream.Stream<A, ProviderError.ProviderError, R>,
    meter: Meter<A>
  ) => Stream.Stream<A, ProviderError.ProviderError, R>
}

/**
 * What a budget needs to know of a call.
 *
 * - `load`: the most it can use.
 * - `bill`: what an answer, or an event of a stream, says of what was used.
 * - `outputTokens`: how much output an event of a stream has brought, about.
 */
export interface Meter<A> {
  readonly target: Telemetry.Target
  readonly load: Effect.Effect<Quota.Load, ProviderError.ProviderError>
  readonly bill: (answer: A) => BudgetPrice.Bill | undefined
  readonly outputTokens: (answer: A) => number
}

/**
 * Builds the gate of a service; without budgets it lets everything through. Fails with `InvalidRequestError` for a budget
 * that cannot be right.
 */
export const make = (
  budgets: ReadonlyArray<Budget.Budget> = [],
  provider = "strata"
): Effect.Effect<BudgetGate, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    const given = yield* Check.run(Check.list(Check.unchecked<Budget.Budget>()), budgets, {
      provider,
      field: "budgets"
    })
    for (const budget of given) yield* Check.run(Budget.check, budget, { provider, field: "budget" })
    const shared = yield* Ledger.Ledger
    const accounts = [...new Set(given)].flatMap((budget) => BudgetAccount.of(budget, shared))
    if (accounts.length === 0) return open
    const priceOf = Pricing.lookup(yield* Pricing.Prices)
    const holds = yield* BudgetHolds.make(accounts)

    const reserve = Effect.fnUntraced(function*(
      target: Telemetry.Target,
      worked: Effect.Effect<Quota.Load, ProviderError.ProviderError>
    ) {
      const price = priceOf(target.model, target.provider)
      if (price === undefined) return yield* BudgetError.unpriced(target, "price")
      const load = yield* worked
      const most = BudgetPrice.most(price, load)
      if (most === undefined) return yield* BudgetError.unpriced(target, "price for output")
      const settle = yield* holds.take(target, most)
      return (end: BudgetPrice.End) => settle(BudgetPrice.spent(price, load, end) ?? most)
    })

    return {
      call: (self, meter) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(restore(reserve(meter.target, meter.load)), (settle) =>
            Effect.onExit(restore(self), (exit) =>
              settle({
                bill: Exit.isSuccess(exit) ? meter.bill(exit.value) : undefined,
                outputTokens: 0,
                exit
              })))
        ),
      stream: (self, meter) =>
        Stream.unwrap(Effect.gen(function*() {
          const scope = yield* Effect.scope
          let end: BudgetPrice.End = { bill: undefined, outputTokens: 0, exit: Exit.void }
          yield* Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(
              restore(reserve(meter.target, meter.load)),
              (settle) =>
                Scope.addFinalizer(
                  scope,
                  Effect.suspend(() =>
                    settle(end)
                  )
                )
            )
          )
          return self.pipe(
            Stream.mapArray((events) => {
              let { bill, outputTokens } = end
              for (const event of events) {
                bill = meter.bill(event) ?? bill
                outputTokens += meter.outputTokens(event)
              }
              end = { ...end, bill, outputTokens }
              return events
            }),
            Stream.tapCause((cause) =>
              Effect.sync(() => {
                end = { ...end, exit: Exit.failCause(cause) }
              })
            )
          )
        }))
    }
  })

const open: BudgetGate = { call: (self) => self, stream: (self) => self }
