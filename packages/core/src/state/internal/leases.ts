/**
 * Signs of life for reservations, from one fiber that is there only while there are any: no timer outlives the calls.
 */
import type * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

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
  yield* Effect.addFinalizer(() => renewing === undefined ? Effect.void : Fiber.interrupt(renewing))

  return {
    /** Names a reservation as no other process does, whatever its `Random`. */
    nextId: () => `${name}.${made++}`,
    /** Renews a reservation from now on, with what `renew` needs to know of it. */
    add: (id: string, reservation: A): Effect.Effect<void> =>
      // One step: between a fork and its note another call could fork as well.
      Effect.contextWith((context: Context.Context<never>) => {
        held.set(id, reservation)
        renewing ??= Effect.runForkWith(context)(
          Effect.forever(Effect.delay(Effect.suspend(() => renew(held)), Duration.toMillis(lease) / 3))
        )
        return Effect.void
      }),
    delete: (id: string) => {
      held.delete(id)
      if (held.size > 0) return
      renewing?.interruptUnsafe()
      renewing = undefined
    }
  }
})
