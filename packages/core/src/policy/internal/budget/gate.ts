/**
 * Budgets in force: money is reserved for each attempt before it is sent, and what it did cost is entered when it ends.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Check from "../../../Check.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Ledger from "../../../state/Ledger.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as Budget from "../../Budget.ts"
import * as Pricing from "../../Pricing.ts"
import type * as Quota from "../../Quota.ts"
import type * as QuotaGate from "../quota/gate.ts"
import * as BudgetAccount from "./account.ts"
import * as BudgetError from "./error.ts"
import * as BudgetHolds from "./holds.ts"
import * as BudgetPrice from "./price.ts"

/** One account of a budget, with the prices that were in force when it was built. */
export interface BudgetGate {
  readonly account: BudgetAccount.Account
  readonly holds: BudgetHolds.BudgetHolds
  readonly priceOf: (model: string, provider: string) => Pricing.Price | undefined
}

/**
 * What a budget needs to know of a call.
 *
 * - `bill`: what an answer, or an event of a stream, says of what was used.
 * - `outputTokens`: how much output an event of a stream has brought, about.
 */
export interface Meter<A> extends Pick<QuotaGate.Meter, "load"> {
  readonly bill?: ((answer: A) => BudgetPrice.Bill | undefined) | undefined
  readonly outputTokens?: ((answer: A) => number) | undefined
}

/** What an attempt has used: as it was billed, or the output that arrived, about, where it was not. */
export interface Used {
  readonly bill: BudgetPrice.Bill | undefined
  readonly outputTokens: number
}

/** Money reserved for one attempt: it is settled, or cancelled because nothing was sent, exactly once. */
export interface Reservation {
  readonly cancel: Effect.Effect<void>
  readonly settle: (end: BudgetPrice.End) => Effect.Effect<void>
}

/** The gates of a budget, one for each account. Fails with `InvalidRequestError` for a budget that cannot be right. */
export const make = (
  budget: Budget.Budget
): Effect.Effect<ReadonlyArray<BudgetGate>, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* Check.run(Budget.check, budget, { provider: "strata", field: "budget" })
    const accounts = BudgetAccount.of(budget, yield* Ledger.Ledger)
    const priceOf = Pricing.lookup(yield* Pricing.Prices)
    return yield* Effect.forEach(accounts, (account) =>
      Effect.map(BudgetHolds.make([account]), (holds): BudgetGate => ({ account, holds, priceOf })))
  })

/** Gates of several budgets. One account counts once, with the smaller of two limits. */
export const joined = (
  outer: ReadonlyArray<BudgetGate>,
  inner: ReadonlyArray<BudgetGate>
): ReadonlyArray<BudgetGate> => {
  const all = [...outer]
  for (const gate of inner) {
    const same = all.findIndex(({ account: { key, ledger } }) =>
      key === gate.account.key && ledger === gate.account.ledger
    )
    if (same < 0) all.push(gate)
    else if (gate.account.limits[0].amount < all[same]!.account.limits[0].amount) all[same] = gate
  }
  return all
}

/**
 * Reserves what an attempt can cost, with every gate or with none. Run it uninterruptible: no store keeps it long, and
 * what it grants must not be lost.
 */
export const reserve = (
  gates: ReadonlyArray<BudgetGate>,
  target: Telemetry.Target,
  meter: Meter<never>
): Effect.Effect<Reservation, ProviderError.CallError> =>
  gates.length === 0 ? Effect.succeed(free) : Effect.suspend(() => {
    const taken: Array<(end: BudgetPrice.End | undefined) => Effect.Effect<void>> = []
    const end = (end: BudgetPrice.End | undefined) => Effect.forEach(taken, (settle) => settle(end), { discard: true })
    const take = Effect.fnUntraced(function*({ holds, priceOf }: BudgetGate, load: Quota.Load) {
      const price = priceOf(target.model, target.provider)
      if (price === undefined) return yield* BudgetError.unpriced(target, "price")
      const most = BudgetPrice.most(price, load)
      if (most === undefined) return yield* BudgetError.unpriced(target, "price for output")
      const settle = yield* holds.take(target, most)
      taken.push((end) => settle(end === undefined ? 0 : BudgetPrice.spent(price, load, end) ?? most))
    })
    return Effect.flatMap(
      meter.load("estimate"),
      (load) => Effect.forEach(gates, (gate) => take(gate, load), { discard: true })
    ).pipe(
      Effect.onError(() => end(undefined)),
      Effect.as({ cancel: end(undefined), settle: end })
    )
  })

const free: Reservation = { cancel: Effect.void, settle: () => Effect.void }
