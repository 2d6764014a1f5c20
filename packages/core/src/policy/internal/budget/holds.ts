/**
 * What the calls of one service have set aside in the accounts of its budgets, kept alive while they last.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as ProviderError from "../../../ProviderError.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as QuotaLeases from "../quota/leases.ts"
import * as BudgetAccount from "./account.ts"
import * as BudgetError from "./error.ts"

/**
 * - `take`: sets US dollars aside in every account, or in none; what it gives replaces them by what was really spent.
 */
export interface BudgetHolds {
  readonly take: (
    target: Telemetry.Target,
    dollars: number
  ) => Effect.Effect<(spent: number) => Effect.Effect<void>, ProviderError.BudgetExceededError>
}

/** Builds them; a fiber of the scope renews what is held, and is there only while something is. */
export const make = (
  accounts: ReadonlyArray<BudgetAccount.Account>
): Effect.Effect<BudgetHolds, never, Scope.Scope> =>
  Effect.gen(function*() {
    const leases = yield* QuotaLeases.make({ renew: (held) => renew(accounts, held.map(({ id }) => id)) }, lease)

    return {
      take: (target, dollars) =>
        Effect.suspend(() => {
          const id = leases.nextId()
          const amount = BudgetAccount.toUnits(dollars)
          const granted: Array<BudgetAccount.Account> = []
          const settle = (amount: number) => (account: BudgetAccount.Account) =>
            LedgerFallback.of(account.ledger).settle({ key: account.key, limits: account.limits, id, amount })

          return Effect.forEach(accounts, (account) =>
            Effect.flatMap(ask(account, id, amount), (isGranted) =>
              isGranted
                ? Effect.sync(() => granted.push(account))
                : Effect.flatMap(
                  Effect.option(BudgetAccount.balance(account)),
                  (balance) => Effect.fail(BudgetError.exceeded(target, account, dollars, balance))
                )), { discard: true }).pipe(
              Effect.onError(() => Effect.forEach(granted, settle(0), { discard: true })),
              Effect.andThen(leases.add("", id)),
              Effect.as((spent: number) => {
                leases.delete(id)
                return Effect.forEach(granted, settle(BudgetAccount.toUnits(spent)), { discard: true })
              })
            )
        })
    }
  })

/**
 * How long a reservation outlives a process that died: long enough to be renewed in time by one that is busy, short
 * enough for what it held to be free again soon.
 */
const lease = Duration.minutes(2)

const renew = (accounts: ReadonlyArray<BudgetAccount.Account>, ids: ReadonlyArray<string>) =>
  Effect.forEach(
    accounts,
    ({ key, ledger }) => LedgerFallback.of(ledger).renew(ids.map((id) => ({ key, id })), lease),
    { discard: true }
  )

/** Whoever does not get it at once leaves the line: a budget never waits. */
const ask = ({ key, ledger, limits }: BudgetAccount.Account, id: string, amount: number): Effect.Effect<boolean> => {
  const { leave, reserve } = LedgerFallback.of(ledger)
  const once = reserve({ key, id, amount, limits, lease })
  return once.pipe(
    Effect.flatMap((decision) =>
      isBehind(decision) ? Effect.repeat(once, { while: isBehind, schedule: behind }) : Effect.succeed(decision)
    ),
    Effect.onInterrupt(() => leave({ key, id })),
    Effect.flatMap(({ _tag }) => _tag === "granted" ? Effect.succeed(true) : Effect.as(leave({ key, id }), false))
  )
}

/** Those who are first in the line of a budget are about to leave it, so this is no refusal yet. */
const isBehind = (decision: Ledger.Decision): boolean => decision._tag === "wait" && decision.limit === "line"

const behind = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(10)])
