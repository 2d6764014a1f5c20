/**
 * Signals that ask the command to end: the first one gracefully, where a command can, the second one at once.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The signals, by the exit code of a process that one of them ended. */
export const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** A signal. */
export type Signal = keyof typeof exitCodes

/**
 * Tells a command that the process was asked to end.
 *
 * - `requested`: the first signal, when it comes; `received`: it, if it came.
 * - `finishing`: runs an effect that ends by itself soon after `requested`, because it finishes what it began and starts
 *   nothing new. Only a second signal interrupts it; any other effect is interrupted by the first.
 */
export class Shutdown extends Context.Service<Shutdown, {
  readonly requested: Effect.Effect<Signal>
  readonly received: Effect.Effect<Option.Option<Signal>>
  readonly finishing: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}>()("@strata/cli/process/Shutdown") {}

/**
 * Controls the end of a command from outside.
 *
 * - `shutdown`: for the command; `signal`: tells it of a signal.
 * - `run`: the result of an effect, or the signal that interrupted it.
 */
export interface Control {
  readonly shutdown: Shutdown["Service"]
  readonly signal: (signal: Signal) => void
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A | Signal, E, R>
}

/** Signals come from {@link Control.signal}, which needs no fiber. */
export const make: Effect.Effect<Control> = Effect.sync(() => {
  const first = Deferred.makeUnsafe<Signal>()
  const last = Deferred.makeUnsafe<Signal>()
  let received = Option.none<Signal>()
  let finishing = 0
  return {
    signal: (signal) => {
      // Told now: what waits for the first signal may run at once, and be finished.
      const isLast = Option.isSome(received) || finishing === 0
      received = Option.some(signal)
      Deferred.doneUnsafe(first, Effect.succeed(signal))
      if (isLast) Deferred.doneUnsafe(last, Effect.succeed(signal))
    },
    run: (effect) => Effect.raceFirst(effect, Deferred.await(last)),
    shutdown: {
      requested: Deferred.await(first),
      received: Effect.sync(() => received),
      finishing: (effect) =>
        Effect.acquireUseRelease(
          Effect.sync(() => finishing++),
          () => effect,
          () => Effect.sync(() => finishing--)
        )
    }
  }
})
