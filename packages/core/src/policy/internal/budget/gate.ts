/**
 * Budgets in force: the most an attempt can cost is reserved before it is sent, and what it cost is settled when it ends.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Check from "../../../Check.ts"
import * as ProviderError from "../../../ProviderError.ts"
import * as RequestMetadata from "../../../RequestMetadata.ts"
import * as Leases from "../../../state/internal/leases.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import * as Budget from "../../Budget.ts"
import * as Key from "../../Key.ts"
import * as Pricing from "../../Pricing.ts"
import type * as QuotaGate from "../quota/gate.ts"
import * as BudgetAccount from "./account.ts"
import * as KeyedAccounts from "./keyedAccounts.ts"
import * as BudgetPrice from "./price.ts"

/**
 * One limit of a budget, with the prices that were in force when it was built. `take` reserves an amount for a key; the
 * effect it returns settles them. Run it uninterruptible, so that no reservation is lost; no ledger holds it up.
 */
export interface BudgetGate {
  readonly accounts: BudgetAccount.Accounts
  readonly priceOf: (model: string, provider: string) => (now: number) => Pricing.PriceInForce | undefined
  readonly take: (
    target: Telemetry.Target,
    dollars: number,
    key: string | undefined
  ) => Effect.Effect<(spent: number) => Effect.Effect<void>, ProviderError.BudgetExceededError>
}

/** What a budget needs to know of a call: what an answer or event says of its use, or about how many tokens it has. */
export interface Meter<A> extends Pick<QuotaGate.Meter, "load" | "metadata"> {
  readonly bill?: ((answer: A) => BudgetPrice.Bill | undefined) | undefined
  readonly outputTokens?: ((answer: A) => number) | undefined
}

/** The gates of a budget, one for each limit. Fails with `InvalidRequestError` for a budget that cannot be right. */
export const make = Effect.fnUntraced(function*(
  budget: BudgetAccount.Budget
): Effect.fn.Return<ReadonlyArray<BudgetGate>, ProviderError.InvalidRequestError, Scope.Scope> {
  yield* Check.run(Budget.check, budget, { provider: "strata", field: "budget" })
  const priceOf = Pricing.lookup(yield* Pricing.Prices)
  return yield* Effect.forEach(
    BudgetAccount.of(budget, yield* Ledger.Ledger),
    (accounts) => Effect.map(taking(accounts), (take): BudgetGate => ({ accounts, priceOf, take }))
  )
})

/** `take` of one limit, whose reservations are renewed in the scope. */
const taking = Effect.fnUntraced(function*(accounts: BudgetAccount.Accounts) {
  const { limits } = accounts
  const ledger = yield* LedgerFallback.make(accounts.ledger)
  const leases = yield* Leases.make<string>(
    lease,
    (held) => ledger.renew(Array.from(held, ([id, key]) => ({ key, id })), lease)
  )

  return Effect.fnUntraced(function*(target: Telemetry.Target, dollars: number, of: string | undefined) {
    const { account: { key }, isShared, release } = yield* KeyedAccounts.take(accounts, of)
    const id = leases.nextId()
    const once = ledger.reserve({ key, id, amounts: { nanodollars: BudgetAccount.toUnits(dollars) }, limits, lease })
    let decision = yield* once
    if (isBehind(decision)) decision = yield* Effect.repeat(once, { while: isBehind, schedule: behind })
    if (decision._tag !== "granted") {
      // A budget never waits.
      yield* ledger.leave({ key, id })
      yield* release
      return yield* exceeded(target, { ...accounts, of, isShared }, dollars, yield* ledger.balances(key, limits))
    }
    yield* leases.add(id, key)
    return (spent: number) =>
      Effect.suspend(() => {
        leases.delete(id)
        const amounts = { nanodollars: BudgetAccount.toUnits(spent) }
        return Effect.andThen(ledger.settle({ key, limits, id, amounts }), release)
      })
  }, Effect.uninterruptible)
})

/** How long a reservation outlives a process that died: a busy process has the time to renew it. */
const lease = Duration.minutes(1)

/** The head of the queue of a budget is about to leave it, so this is no refusal yet. */
const isBehind = (decision: Ledger.Decision): boolean => decision._tag === "wait" && decision.limit === "queue"

const behind = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(10)])

/** Gates of several budgets, each once. */
export const joined = (
  outer: ReadonlyArray<BudgetGate>,
  inner: ReadonlyArray<BudgetGate>
): ReadonlyArray<BudgetGate> =>
  distinct([...outer, ...inner].map((gate) => ({ gate, key: undefined })), true)
    .map(({ gate }) => gate)

/** A gate, and the key of a call. */
interface Passage {
  readonly gate: BudgetGate
  readonly key: string | undefined
}

/** The same account counts once, with the smaller limit. Before keys are known, it is the same only with the same function. */
const distinct = (passages: ReadonlyArray<Passage>, byFunction: boolean): ReadonlyArray<Passage> => {
  const all: Array<Passage> = []
  for (const passage of passages) {
    const { at, keyOf, ledger, limits } = passage.gate.accounts
    const place = at(passage.key)
    const same = all.findIndex(({ gate: { accounts }, key }) =>
      accounts.at(key) === place && accounts.ledger === ledger && !(byFunction && accounts.keyOf !== keyOf)
    )
    if (same < 0) all.push(passage)
    else if (limits[0].amount < all[same]!.gate.accounts.limits[0].amount) all[same] = passage
  }
  return all
}

/** What a call passes: its key for each gate, by what is known of it before it is sent. */
const passages = Effect.fnUntraced(function*(
  gates: ReadonlyArray<BudgetGate>,
  target: Telemetry.Target,
  meter: Meter<never>
): Effect.fn.Return<ReadonlyArray<Passage>, ProviderError.CallError> {
  if (gates.every(({ accounts }) => accounts.keyOf === undefined)) {
    return gates.map((gate) => ({ gate, key: undefined }))
  }
  const call = { ...target, metadata: yield* meter.metadata ?? RequestMetadata.RequestMetadata }
  const keyed = yield* Effect.forEach(gates, (gate) => {
    const { keyOf } = gate.accounts
    const key = keyOf === undefined ? Effect.undefined : Key.of(keyOf, call, "budget.key")
    return Effect.map(key, (key): Passage => ({ gate, key }))
  })
  return distinct(keyed, false)
})

/**
 * Reserves what an attempt can cost, with every gate or none, uninterruptible as `take`; the function settles it, once.
 */
export const reserve = Effect.fnUntraced(function*(
  gates: ReadonlyArray<BudgetGate>,
  target: Telemetry.Target,
  meter: Meter<never>
): Effect.fn.Return<(end: BudgetPrice.End) => Effect.Effect<void>, ProviderError.CallError> {
  if (gates.length === 0) return () => Effect.void
  const passed = yield* passages(gates, target, meter)
  const load = yield* meter.load("estimate")
  const taken: Array<(end: BudgetPrice.End) => Effect.Effect<void>> = []
  const settle = (end: BudgetPrice.End) => Effect.forEach(taken, (settle) => settle(end), { discard: true })
  const take = Effect.fnUntraced(function*({ gate, key }: Passage) {
    const price = gate.priceOf(target.model, target.provider)(yield* Clock.currentTimeMillis)
    if (price === undefined) return yield* unpriced(target, "price")
    const { currency = "USD" } = price
    if (currency !== gate.accounts.currency) return yield* elsewhere(target, currency, gate.accounts)
    const most = BudgetPrice.most(price, load)
    if (most === undefined) return yield* unpriced(target, "price for output")
    const settle = yield* gate.take(target, most, key)
    taken.push((end) => settle(BudgetPrice.spent(price, load, end) ?? most))
  })
  yield* Effect.onError(Effect.forEach(passed, take, { discard: true }), () => settle(BudgetPrice.unsent))
  return settle
})

const exceeded = (
  target: Telemetry.Target,
  account: Omit<BudgetAccount.Account, "key"> & { readonly of: string | undefined; readonly isShared: boolean },
  dollars: number,
  balances: ReadonlyArray<Ledger.Balance>
) => {
  const { limit, reserved, spent } = BudgetAccount.inDollars(account, balances)
  const money = moneyIn(account.currency)
  const of = account.of === undefined
    ? ""
    : account.isShared
    ? ` of \`_OTHER\`, the keys without an account of their own such as "${account.of}",`
    : ` of the key "${account.of}"`
  const [span, field] = account.period === "run" ? ["for the run", "perRun"] : ["in 24 hours", "perDay"]
  return new ProviderError.BudgetExceededError({
    provider: target.provider,
    model: target.model,
    message:
      `This call of ${Telemetry.nameOf(target)} could cost ${money(dollars)}, and ${nameOf(account)}${of} allows ${
        money(limit)
      } ` +
      `${span}, of which ${money(spent)} is spent and ${money(reserved)} reserved for calls in flight. ` +
      `Ask for less with \`maxTokens\` or a shorter prompt, or raise \`${field}\` of the budget.`
  })
}

/** Nine decimals, the precision of the ledger, without trailing zeros. */
const moneyIn = (currency: string) => (amount: number): string => {
  const figure = Number.isFinite(amount) ? amount.toFixed(9).replace(/\.?0+$/u, "") : `${amount}`
  return currency === "USD" ? `$${figure}` : `${figure} ${currency}`
}

const elsewhere = (
  { model, provider }: Telemetry.Target,
  currency: string,
  account: Pick<BudgetAccount.Accounts, "currency" | "name">
) =>
  ProviderError.invalidRequest({
    provider,
    model,
    field: "budget.currency",
    problem: `the price of "${model}" is in ${currency}, and ${nameOf(account)} is in ${account.currency}`,
    remedy: `Use prices and budgets of one currency: \`Budget.make({ currency: "${currency}", … })\``
  })

const nameOf = ({ name }: { readonly name: string | undefined }): string =>
  name === undefined ? "the budget" : `the budget "${name}"`

const unpriced = ({ model, provider }: Telemetry.Target, missing: "price" | "price for output") =>
  ProviderError.invalidRequest({
    provider,
    model,
    field: "model",
    problem: `no ${missing} is configured for "${model}"; a budget needs one`,
    remedy: provider === "custom"
      ? "Give it with `Pricing.layer`. Only the model of the request is known of a service that was decorated before: " +
        "put `withBudget` on the layer of the provider, before other decorators"
      : `Give it with \`Pricing.layer([{ model: "${model}", price: { input, output } }])\``
  })
