/**
 * Budgets in force: the most an attempt can cost is reserved before it is sent, and what it cost is settled when it ends.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Check from "../../../Check.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Leases from "../../../state/internal/leases.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import * as Ledger from "../../../state/Ledger.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as Budget from "../../Budget.ts"
import * as Pricing from "../../Pricing.ts"
import type * as Quota from "../../Quota.ts"
import type * as QuotaGate from "../quota/gate.ts"
import * as BudgetAccount from "./account.ts"
import * as BudgetError from "./error.ts"
import * as BudgetPrice from "./price.ts"

/**
 * One account of a budget, with the prices that were in force when it was built.
 *
 * - `take`: reserves US dollars; the effect it returns settles them, once. Run it uninterruptible, so that no reservation
 *   is lost; no ledger holds it up.
 */
export interface BudgetGate {
  readonly account: BudgetAccount.Account
  readonly priceOf: (model: string, provider: string) => Pricing.Price | undefined
  readonly take: (
    target: Telemetry.Target,
    dollars: number
  ) => Effect.Effect<(spent: number) => Effect.Effect<void>, ProviderError.BudgetExceededError>
}

/**
 * What a budget needs to know of a call.
 *
 * - `bill`: what an answer, or an event of a stream, says of what was used.
 * - `outputTokens`: about how many tokens of output an event of a stream has.
 */
export interface Meter<A> extends Pick<QuotaGate.Meter, "load"> {
  readonly bill?: ((answer: A) => BudgetPrice.Bill | undefined) | undefined
  readonly outputTokens?: ((answer: A) => number) | undefined
}

/** What an attempt has used: as billed, or else about how much output arrived. */
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
  budget: BudgetAccount.Budget
): Effect.Effect<ReadonlyArray<BudgetGate>, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* Check.run(Budget.check, budget, { provider: "strata", field: "budget" })
    const accounts = BudgetAccount.of(budget, yield* Ledger.Ledger)
    const priceOf = Pricing.lookup(yield* Pricing.Prices)
    return yield* Effect.forEach(accounts, (account) =>
      Effect.map(taking(account), (take): BudgetGate => ({ account, priceOf, take })))
  })

/** `take` of one account, whose reservations are renewed in the scope. */
const taking = Effect.fnUntraced(function*(account: BudgetAccount.Account) {
  const { key, limits } = account
  const ledger = yield* LedgerFallback.make(account.ledger)
  const leases = yield* Leases.make<true>(
    lease,
    (held) => ledger.renew(Array.from(held.keys(), (id) => ({ key, id })), lease)
  )

  /** A budget never waits: what is not granted at once leaves the queue. */
  const isGranted = Effect.fnUntraced(function*(id: string, nanodollars: number) {
    const once = ledger.reserve({ key, id, amounts: { nanodollars }, limits, lease })
    let decision = yield* once
    if (isBehind(decision)) decision = yield* Effect.repeat(once, { while: isBehind, schedule: behind })
    if (decision._tag === "granted") return true
    yield* ledger.leave({ key, id })
    return false
  })

  return Effect.fnUntraced(function*(target: Telemetry.Target, dollars: number) {
    const id = leases.nextId()
    if (!(yield* isGranted(id, BudgetAccount.toUnits(dollars)))) {
      const balance = BudgetAccount.inDollars(account, yield* ledger.balances(key, limits))
      return yield* BudgetError.exceeded(target, account, dollars, balance)
    }
    yield* leases.add(id, true)
    let isSettled = false
    return (spent: number) =>
      Effect.suspend(() => {
        if (isSettled) return Effect.void
        isSettled = true
        leases.delete(id)
        return ledger.settle({ key, limits, id, amounts: { nanodollars: BudgetAccount.toUnits(spent) } })
      })
  }, Effect.uninterruptible)
})

/** How long a reservation outlives a process that died: a busy process has the time to renew it. */
const lease = Duration.minutes(2)

/** The head of the queue of a budget is about to leave it, so this is no refusal yet. */
const isBehind = (decision: Ledger.Decision): boolean => decision._tag === "wait" && decision.limit === "queue"

const behind = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(10)])

/** Gates of several budgets. The same account counts once, with the smaller limit. */
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

/** Reserves what an attempt can cost, with every gate or with none. Run it uninterruptible, as `take`. */
export const reserve = (
  gates: ReadonlyArray<BudgetGate>,
  target: Telemetry.Target,
  meter: Meter<never>
): Effect.Effect<Reservation, ProviderError.CallError> =>
  gates.length === 0 ? Effect.succeed(free) : Effect.suspend(() => {
    const taken: Array<(end: BudgetPrice.End | undefined) => Effect.Effect<void>> = []
    const end = (end: BudgetPrice.End | undefined) => Effect.forEach(taken, (settle) => settle(end), { discard: true })
    const take = Effect.fnUntraced(function*(gate: BudgetGate, load: Quota.Load) {
      const price = gate.priceOf(target.model, target.provider)
      if (price === undefined) return yield* BudgetError.unpriced(target, "price")
      const most = BudgetPrice.most(price, load)
      if (most === undefined) return yield* BudgetError.unpriced(target, "price for output")
      const settle = yield* gate.take(target, most)
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
