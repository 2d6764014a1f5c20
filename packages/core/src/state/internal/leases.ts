/**
 * Signs of life for reservations, from one fiber that is there only while there are any: a program that has ended its
 * calls has no timer left.
 */
import type * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * - `nextId`: names a reservation as no other process does, whatever its `Random`.
 * - `add`: renews a reservation from now on, with what `renew` needs to know of it.
 * - `delete`: no longer renews it.
 */
export interface Leases<A> {
  readonly nextId: () => string
  readonly add: (id: string, held: A) => Effect.Effect<void>
  readonly delete: (id: string) => void
}

/** Builds leases without reservations; `renew` is run three times in a lease, in the scope. */
export const make = Effect.fnUntraced(function*<A>(
  lease: Duration.Duration,
  renew: (held: ReadonlyMap<string, A>) => Effect.Effect<void>
) {
  const name = yield* Effect.flatMap(SecureRandom.SecureRandom, ({ uuidV4 }) => uuidV4()).pipe(
    Effect.provide(SecureRandom.layerWebCrypto)
  )
  const held = new Map<string, A>()
  let made = 0
  let renewing: Fiber.Fiber<void> | undefined

  const renewal = Effect.forever(
    Effect.andThen(Effect.sleep(Duration.millis(Duration.toMillis(lease) / 3)), Effect.suspend(() => renew(held)))
  )
  yield* Effect.addFinalizer(() => renewing === undefined ? Effect.void : Fiber.interrupt(renewing))

  const leases: Leases<A> = {
    nextId: () => `${name}.${made++}`,
    add: (id, reservation) =>
      // One step: between a fork and its note another call could fork as well.
      Effect.contextWith((context: Context.Context<never>) => {
        held.set(id, reservation)
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
  return leases
})
