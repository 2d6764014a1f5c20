/**
 * Fibers waiting in line, first come first served.
 *
 * Who is called owns what was waited for. Who is interrupted leaves the line; if that happens between being called and
 * going on, `onMissed` hands the turn back, so none is ever lost.
 */
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Telemetry from "../../Telemetry.ts"

/** Makes an effect as interruptible as its surroundings are: the `restore` of `Effect.uninterruptibleMask`. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * - `wait`: takes what is free, or else goes to the end of the line and returns when called. Both happen at once: between
 *   a look of the caller's own and the line, what is waited for could come back, and nobody would be called. Run it where
 *   interruption is masked.
 * - `next`: calls the first in line; false when nobody waits.
 */
export interface WaitingLine {
  readonly wait: (restore: Restore, take: () => boolean, onMissed: () => void) => Effect.Effect<void>
  readonly next: () => boolean
}

/** Builds an empty line. Joining, leaving and calling take the same time however long it is. */
export const make = (): WaitingLine => {
  let first: Place | undefined
  let last: Place | undefined

  const append = (place: Place) => {
    place.before = last
    if (last === undefined) first = place
    else last.behind = place
    last = place
  }

  const remove = (place: Place) => {
    if (place.before === undefined) first = place.behind
    else place.before.behind = place.behind
    if (place.behind === undefined) last = place.before
    else place.behind.before = place.before
  }

  return {
    wait: (restore, take, onMissed) =>
      Effect.withFiber((fiber) => {
        if (take()) return Effect.void
        const place: Place = { called: false, call: undefined, before: undefined, behind: undefined }
        append(place)
        const turn = Effect.callback<void>((resume) => {
          if (place.called) return resume(Effect.void)
          // A task of its own: a fiber that ran inside its caller would nest deeper with each that follows.
          place.call = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
        })
        return Effect.onInterrupt(restore(turn), () =>
          Effect.sync(() => {
            if (place.called) onMissed()
            else remove(place)
          }))
      }),
    next: () => {
      const place = first
      if (place === undefined) return false
      remove(place)
      place.called = true
      place.call?.()
      return true
    }
  }
}

/** Runs a wait, and records how long it was, however it ended. */
export const recorded = (
  wait: Effect.Effect<void>,
  target: Telemetry.Target,
  reason: "concurrency" | "retry-budget"
): Effect.Effect<void> =>
  Effect.flatMap(Watchdog.now, (start) =>
    Effect.onExit(
      wait,
      () => Effect.flatMap(Watchdog.now, (now) => Telemetry.recordWait(target, reason, now - start))
    ))

interface Place {
  called: boolean
  call: (() => void) | undefined
  before: Place | undefined
  behind: Place | undefined
}
