/**
 * Signs of life for all the reservations of a quota or of budgets, from one fiber that is there only while there are any.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"

/** `nextId` names a reservation as no other process does. */
export interface QuotaLeases {
  readonly nextId: () => string
  readonly add: (key: string, id: string) => Effect.Effect<void>
  readonly delete: (id: string) => void
}

/** Builds the leases of a gate; the fiber lives in the scope. */
export const make = (
  ledger: Pick<LedgerMemory.LedgerMemory, "renew">,
  lease: Duration.Duration
): Effect.Effect<QuotaLeases, never, Scope.Scope> =>
  Effect.gen(function*() {
    const name = [yield* Random.nextInt, yield* Random.nextInt, yield* Clock.currentTimeNanos]
      .map((number) => number.toString(36))
      .join(".")
    const held = new Map<string, string>()
    let made = 0
    let renewing: Fiber.Fiber<void> | undefined

    const renewal = Effect.forever(Effect.andThen(
      Effect.sleep(Duration.millis(Duration.toMillis(lease) / 3)),
      Effect.suspend(() => ledger.renew(Array.from(held, ([id, key]) => ({ key, id })), lease))
    ))

    yield* Effect.addFinalizer(() => renewing === undefined ? Effect.void : Fiber.interrupt(renewing))

    return {
      nextId: () => `${name}.${made++}`,
      add: (key, id) =>
        // One step: between a fork and its note another call could fork as well.
        Effect.contextWith((context: Context.Context<never>) => {
          held.set(id, key)
          renewing ??= Effect.runForkWith(context)(renewal)
          return Effect.void
        }),
      delete: (id) => {
        held.delete(id)
        if (held.size > 0) return
        renewing?.interruptUnsafe()
        renewing = undefined
      }
    }
  })
