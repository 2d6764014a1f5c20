/**
 * A ledger that always answers: while the one it stands before cannot be reached, the memory of this process counts.
 */
import * as Effect from "effect/Effect"
import type * as Ledger from "../policy/Ledger.ts"
import * as LedgerMemory from "./ledgerMemory.ts"

/** A {@link Ledger.Ledger} of which nothing fails. */
export type BudgetLedger = {
  readonly [Operation in Exclude<keyof Ledger.Ledger, "balances">]: (
    ...parameters: Parameters<Ledger.Ledger[Operation]>
  ) => Effect.Effect<Effect.Success<ReturnType<Ledger.Ledger[Operation]>>>
}

/**
 * What stands before a ledger; for one ledger always the same.
 *
 * What was set aside in memory is settled there, and with the ledger too if that is back by then: to it this is an
 * unknown reservation, which is entered as spent.
 */
export const of = (ledger: Ledger.Ledger): BudgetLedger => {
  const known = ledgers.get(ledger)
  if (known !== undefined) return known
  const made = make(ledger)
  ledgers.set(ledger, made)
  return made
}

const ledgers = new WeakMap<Ledger.Ledger, BudgetLedger>()

const make = (ledger: Ledger.Ledger): BudgetLedger => {
  const memory = LedgerMemory.make()
  /** Set aside in memory, by id. */
  const inMemory = new Set<string>()
  let isBroken = false

  const reached = <A>(self: Effect.Effect<A, Ledger.LedgerError>, otherwise: Effect.Effect<A, Ledger.LedgerError>) =>
    Effect.matchEffect(self, {
      onSuccess: (value) => {
        isBroken = false
        return Effect.succeed(value)
      },
      onFailure: (error) => {
        const warning = isBroken ? Effect.void : Effect.logWarning(
          "The ledger of budgets cannot be reached: until it can, this process counts by itself",
          error
        )
        isBroken = true
        // Memory does not fail; its type is that of any ledger.
        return Effect.andThen(warning, Effect.orDie(otherwise))
      }
    })

  return {
    reserve: (reservation) =>
      reached(
        ledger.reserve(reservation),
        Effect.tap(memory.reserve(reservation), () => Effect.sync(() => inMemory.add(reservation.id)))
      ),
    settle: (settlement) =>
      Effect.suspend(() => {
        const settled = memory.settle(settlement)
        return inMemory.delete(settlement.id)
          ? Effect.andThen(Effect.orDie(settled), reached(ledger.settle(settlement), Effect.void))
          : reached(ledger.settle(settlement), settled)
      }),
    leave: (place) => {
      inMemory.delete(place.id)
      return Effect.andThen(Effect.orDie(memory.leave(place)), reached(ledger.leave(place), Effect.void))
    },
    renew: (reservations, lease) =>
      Effect.andThen(
        Effect.orDie(memory.renew(reservations, lease)),
        reached(ledger.renew(reservations, lease), Effect.void)
      )
  }
}
