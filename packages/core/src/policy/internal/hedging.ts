/**
 * A second request where the first takes too long: whichever answers first wins, and the other is interrupted.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Telemetry from "../../Telemetry.ts"

/**
 * - `after`: how long the first has before a second goes out.
 * - `target`: for the count of second requests.
 * - `discard`: called with the answer of the loser when both answered at once.
 */
export interface Options<A> {
  readonly after: Duration.Duration
  readonly target: Telemetry.Target
  readonly discard: (answer: A) => Effect.Effect<void>
}

/**
 * Runs an effect, and once more when it takes too long. A failure before that is the result; after it both must fail, and
 * the failure of the first is the result. A defect ends both at once.
 *
 * It returns when the loser has let go of what it held: its connection and its permit.
 */
export const hedged = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  { after, discard, target }: Options<A>
): Effect.Effect<A, E, R> =>
  !Duration.isFinite(after) ? self : Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const racers: Array<Racer<A, E>> = []
      let winner: Racer<A, E> | undefined

      const start = Effect.tap(Effect.forkChild(self, { startImmediately: true }), (racer) =>
        Effect.sync(() => racers.push(racer)))

      /** How a race ends: with the first of the two, or the other where that one fails. */
      const decide = Effect.fnUntraced(function*(first: Racer<A, E>, second: Racer<A, E>) {
        const leader = yield* Effect.raceFirst(
          Effect.as(Fiber.await(first), first),
          Effect.as(Fiber.await(second), second)
        )
        const exit = yield* Fiber.await(leader)
        if (!isFailure(exit)) {
          return leader
        }
        const other = leader === first ? second : first
        return isFailure(yield* Fiber.await(other)) ? first : other
      })

      const race = Effect.gen(function*() {
        const first = yield* Effect.uninterruptible(start)
        const early = yield* Effect.timeoutOption(Fiber.await(first), after)
        if (Option.isSome(early)) {
          winner = first
          return yield* early.value
        }
        yield* Metric.update(Metric.withAttributes(Telemetry.hedges, Telemetry.attributes(target)), 1)
        winner = yield* decide(first, yield* Effect.uninterruptible(start))
        return yield* yield* Fiber.await(winner)
      })

      const dismiss = (racer: Racer<A, E>) =>
        Effect.flatMap(Effect.andThen(Fiber.interrupt(racer), Fiber.await(racer)), (exit) =>
          Exit.isSuccess(exit) ? discard(exit.value) : Effect.void)

      return Effect.onExit(restore(race), (exit) => {
        const losers = Exit.isSuccess(exit)
          ? racers.filter((racer) =>
            racer !== winner
          )
          : racers
        return Effect.forEach(losers, dismiss, { concurrency: "unbounded", discard: true })
      })
    })
  )

type Racer<A, E> = Fiber.Fiber<A, E>

/** Whether a racer is out of the race while the other may still win. */
const isFailure = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasFails(exit.cause) && !Cause.hasDies(exit.cause)
