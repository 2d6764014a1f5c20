/** A second request where the first takes too long: whichever answers first wins, and the other is interrupted. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Telemetry from "../../Telemetry.ts"

/** `after`: how long the first has before a second is sent; `discard` gets the answer of a loser that answered, too. */
export interface Options<A> {
  readonly after: Duration.Duration
  readonly target: Telemetry.Target
  readonly discard: (answer: A) => Effect.Effect<void>
}

/**
 * Runs an effect, and once more when it takes too long. A failure before that is the result; after it both must fail, and
 * the failure of the first is the result. A defect ends both at once.
 *
 * It returns when the loser has released what it held: its connection and its permit.
 */
export const hedged = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  { after, discard, target }: Options<A>
): Effect.Effect<A, E, R> =>
  !Duration.isFinite(after) ? self : Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const racers: Array<Fiber.Fiber<A, E>> = []
      let winner: Fiber.Fiber<A, E> | undefined

      const start = Effect.uninterruptible(
        Effect.tap(Effect.forkChild(self, { startImmediately: true }), (racer) => Effect.sync(() => racers.push(racer)))
      )

      const race = Effect.gen(function*() {
        const first = winner = yield* start
        const early = yield* Effect.timeoutOption(Fiber.await(first), after)
        if (Option.isSome(early)) return yield* early.value
        yield* Metric.update(Metric.withAttributes(Telemetry.hedges, Telemetry.attributes(target)), 1)
        const second = yield* start
        const ended = (racer: Fiber.Fiber<A, E>) => Effect.as(Fiber.await(racer), racer)
        const leader = yield* Effect.raceFirst(ended(first), ended(second))
        winner = isFailure(yield* Fiber.await(leader)) ? isFailure(yield* Fiber.await(second)) ? first : second : leader
        return yield* yield* Fiber.await(winner)
      })

      const dismiss = (racer: Fiber.Fiber<A, E>) =>
        Effect.flatMap(
          Effect.andThen(Fiber.interrupt(racer), Fiber.await(racer)),
          (exit) => Exit.isSuccess(exit) ? discard(exit.value) : Effect.void
        )

      return Effect.onExit(restore(race), (exit) => {
        const losers = racers.filter((racer) => Exit.isFailure(exit) || racer !== winner)
        return Effect.forEach(losers, dismiss, { concurrency: "unbounded", discard: true })
      })
    })
  )

/** Whether a racer is out of the race while the other may still win. */
const isFailure = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasFails(exit.cause) && !Cause.hasDies(exit.cause)
