/**
 * A line in which one waits for the ledger on behalf of all behind him: first come, first served, whatever their size.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as WaitingLine from "../waitingLine.ts"

/**
 * - `inTurn`: runs an effect when everybody who came earlier is done or gone. Run it uninterruptible: `restore` is put
 *   around the wait alone.
 * - `pause`: for the first in line: waits for a time, or until {@link wake}.
 * - `listen`: from here on a `wake` ends the next pause, even one that has not begun.
 * - `wake`: there may be room.
 * - `isEmpty`: nobody is in it.
 */
export interface QuotaLine {
  readonly inTurn: <A, E, R>(self: Effect.Effect<A, E, R>, restore: WaitingLine.Restore) => Effect.Effect<A, E, R>
  readonly pause: (duration: Duration.Duration) => Effect.Effect<void>
  readonly listen: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
  readonly isEmpty: () => boolean
}

interface Place {
  onFirst: (() => void) | undefined
}

/** Builds an empty line. */
export const make = (): QuotaLine => {
  // A set keeps the order in which its members came.
  const places = new Set<Place>()
  const room = Latch.makeUnsafe(false)
  const first = () => places.values().next().value

  /** The next one's turn begins when whoever leaves has gone on: at once, he would overtake him. */
  const leave = (place: Place) =>
    Effect.withFiber((fiber) => {
      places.delete(place)
      if (places.size > 0) fiber.currentDispatcher.scheduleTask(() => first()?.onFirst?.(), 0)
      return Effect.void
    })

  return {
    inTurn: (self, restore) =>
      Effect.suspend(() => {
        const place: Place = { onFirst: undefined }
        places.add(place)
        const turn = Effect.callback<void>((resume) => {
          place.onFirst = () => resume(Effect.void)
          if (first() === place) place.onFirst()
        })
        return Effect.ensuring(
          first() === place ? self : Effect.andThen(restore(turn), self),
          leave(place)
        )
      }),
    pause: (duration) => Effect.asVoid(Effect.timeoutOption(room.await, duration)),
    listen: Effect.sync(() => room.closeUnsafe()),
    wake: Effect.sync(() => room.openUnsafe()),
    isEmpty: () => places.size === 0
  }
}
