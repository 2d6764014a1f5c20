/**
 * A ledger that cannot fail: while the real one does, the memory of this process stands in for it.
 *
 * What other processes have on the real one is not known here meanwhile, so the limits hold for this process alone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Ledger, LedgerError } from "../Ledger.ts"
import * as LedgerMemory from "./ledgerMemory.ts"

/** The fallback of a ledger: always the same for the same ledger, so that everything in the process shares one memory. */
export const of = (ledger: Ledger): LedgerMemory.LedgerMemory => {
  const known = fallbacks.get(ledger)
  if (known !== undefined) return known
  const made = make(ledger)
  fallbacks.set(ledger, made)
  return made
}

const fallbacks = new WeakMap<Ledger, LedgerMemory.LedgerMemory>()

/** After a failure, for how many milliseconds the ledger is left alone. */
const pause = 1_000

const make = (ledger: Ledger): LedgerMemory.LedgerMemory => {
  const memory = LedgerMemory.make()
  /** Reservations and places in line that are in memory. */
  const local = new Set<string>()
  let failing = false
  let askAgainAt = 0

  const attempt = <A, B>(real: Effect.Effect<A, LedgerError>, instead: Effect.Effect<B>) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) =>
        failing && now < askAgainAt ? instead : Effect.matchEffect(real, {
          onFailure: (error) =>
            Effect.suspend(() => {
              const first = !failing
              failing = true
              askAgainAt = now + pause
              return Effect.andThen(first ? warn(error) : Effect.void, instead)
            }),
          onSuccess: (value) => {
            failing = false
            return Effect.succeed(value)
          }
        })
    )

  return {
    reserve: (reservation) => {
      const { id } = reservation
      const moved = Effect.suspend(() => local.delete(id) ? memory.leave(reservation) : Effect.void)
      return attempt(
        Effect.tap(ledger.reserve(reservation), () => moved),
        Effect.suspend(() => {
          local.add(id)
          return memory.reserve(reservation)
        })
      )
    },
    settle: (settlement) =>
      Effect.suspend(() => {
        if (!local.delete(settlement.id)) return attempt(ledger.settle(settlement), memory.settle(settlement))
        // Where the ledger works again, it learns of what was spent meanwhile.
        return Effect.andThen(
          memory.settle(settlement),
          settlement.amount > 0 ? attempt(ledger.settle(settlement), Effect.void) : Effect.void
        )
      }),
    leave: (place) =>
      Effect.suspend(() =>
        local.delete(place.id)
          ? memory.leave(place)
          : attempt(ledger.leave(place), Effect.void)
      ),
    renew: (reservations, lease) => {
      const here = reservations.filter(({ id }) => local.has(id))
      const there = reservations.filter(({ id }) => !local.has(id))
      return Effect.andThen(
        here.length === 0 ? Effect.void : memory.renew(here, lease),
        there.length === 0 ? Effect.void : attempt(ledger.renew(there, lease), Effect.void)
      )
    },
    balances: (key, limits) => attempt(ledger.balances(key, limits), memory.balances(key, limits))
  }
}

const warn = (error: LedgerError) =>
  Effect.logWarning("The ledger of quotas and budgets fails; this process goes by its own memory until it works again")
    .pipe(Effect.annotateLogs({ error: error.message }))
