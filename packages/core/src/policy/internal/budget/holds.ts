/**
 * What the calls of one service have set aside in the accounts of its budgets, kept alive while they last.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Leases from "../../../state/internal/leases.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as BudgetAccount from "./account.ts"
import * as BudgetError from "./error.ts"

/**
 * - `take`: sets US dollars aside in every account, or in none; what it gives replaces them by what was really spent, once.
 *   It cannot be interrupted, so that nothing is set aside that its caller does not know of; no ledger holds it up.
 */
export interface BudgetHolds {
  readonly take: (
    target: Telemetry.Target,
    dollars: number
  ) => Effect.Effect<(spent: number) => Effect.Effect<void>, ProviderError.BudgetExceededError>
}

/** Builds them; what is held is renewed in the scope. */
export const make = (
  accounts: ReadonlyArray<BudgetAccount.Account>
): Effect.Effect<BudgetHolds, never, Scope.Scope> =>
  Effect.gen(function*() {
    const kept = yield* Effect.forEach(accounts, (account) =>
      Effect.map(LedgerFallback.make(account.ledger), (ledger): Kept => ({ account, ledger })))
    const leases = yield* Leases.make<true>(lease, (held) =>
      Effect.forEach(
        kept,
        ({ account: { key }, ledger }) =>
          ledger.renew(Array.from(held.keys(), (id) => ({ key, id })), lease),
        { discard: true }
      ))

    return {
      take: Effect.fnUntraced(function*(target: Telemetry.Target, dollars: number) {
        const id = leases.nextId()
        const amount = BudgetAccount.toUnits(dollars)
        const granted: Array<Kept> = []
        const settle = (nanodollars: number) =>
          Effect.forEach(
            granted,
            ({ account: { key, limits }, ledger }) => ledger.settle({ key, limits, id, amounts: { nanodollars } }),
            { discard: true }
          )

        for (const of of kept) {
          if (yield* isGranted(of, id, amount)) {
            granted.push(of)
            continue
          }
          const balance = yield* balanceOf(of)
          yield* settle(0)
          return yield* BudgetError.exceeded(target, of.account, dollars, Option.some(balance))
        }
        yield* leases.add(id, true)
        let isSettled = false
        return (spent: number) =>
          Effect.suspend(() => {
            if (isSettled) return Effect.void
            isSettled = true
            leases.delete(id)
            return settle(BudgetAccount.toUnits(spent))
          })
      }, Effect.uninterruptible)
    }
  })

interface Kept {
  readonly account: BudgetAccount.Account
  readonly ledger: LedgerMemory.LedgerMemory
}

/**
 * How long a reservation outlives a process that died: long enough to be renewed in time by one that is busy, short
 * enough for what it held to be free again soon.
 */
const lease = Duration.minutes(2)

/** A budget never waits: what is not granted at once leaves the queue. */
const isGranted = Effect.fnUntraced(function*({ account: { key, limits }, ledger }: Kept, id: string, amount: number) {
  const once = ledger.reserve({ key, id, amounts: { nanodollars: amount }, limits, lease })
  let decision = yield* once
  if (isBehind(decision)) decision = yield* Effect.repeat(once, { while: isBehind, schedule: behind })
  if (decision._tag === "granted") return true
  yield* ledger.leave({ key, id })
  return false
})

/** The first in the queue of a budget is about to leave it, so this is no refusal yet. */
const isBehind = (decision: Ledger.Decision): boolean => decision._tag === "wait" && decision.limit === "queue"

const behind = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(10)])

const balanceOf = ({ account, ledger }: Kept) =>
  Effect.map(ledger.balances(account.key, account.limits), (found) => BudgetAccount.inDollars(account, found))
