/**
 * Sends one call through the first of several lanes that admits it.
 *
 * It starts in the best lane. Where it has to wait there, or fails, it starts in the next one as well, so that in the end it
 * waits in the queues of all of them. The lane that has granted it a place in its quota and a permit claims it, and it
 * leaves the others.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Admission from "../admission.ts"

/** A lane with the error it failed with. */
export interface Failed<Lane, E> {
  readonly lane: Lane
  readonly error: E
}

/** What the lanes of a race tell it. */
type Event<Lane, A, E> =
  | { readonly _tag: "waits"; readonly lane: Lane }
  | { readonly _tag: "claims"; readonly lane: Lane }
  | { readonly _tag: "ends"; readonly lane: Lane; readonly exit: Exit.Exit<A, E> }

/**
 * The first answer, or the lanes that failed: all that were asked, or those until the one that had claimed the call. An error
 * for which `goesOn` is false ends the race.
 */
export const race = <Lane, A, E, E2, R>(
  lanes: ReadonlyArray<Lane>,
  attempt: (lane: Lane) => Effect.Effect<A, E, R>,
  goesOn: (error: E) => Effect.Effect<boolean, E2>
): Effect.Effect<Result.Result<A, ReadonlyArray<Failed<Lane, E>>>, E | E2, R> =>
  Effect.scopedWith(Effect.fnUntraced(function*(
    scope
  ): Effect.fn.Return<Result.Result<A, ReadonlyArray<Failed<Lane, E>>>, E | E2, R> {
    const outer = yield* Admission.Admission
    const events = yield* Queue.unbounded<Event<Lane, A, E>>()
    const running = new Map<Lane, Fiber.Fiber<unknown, unknown>>()
    const waiting = new Set<Lane>()
    const failed: Array<Failed<Lane, E>> = []
    let owner: { readonly lane: Lane } | undefined
    let next = 0

    const tell = (event: Event<Lane, A, E>) => Queue.offerUnsafe(events, event)
    const admission = (lane: Lane): Admission.Admission => ({
      waits: Effect.sync(() => {
        if (waiting.has(lane)) return
        waiting.add(lane)
        tell({ _tag: "waits", lane })
      }),
      claim: () => {
        if (owner !== undefined) return owner.lane === lane
        // A pool may be a lane of another one.
        if (outer?.claim() === false) return false
        owner = { lane }
        tell({ _tag: "claims", lane })
        return true
      }
    })
    const start = Effect.suspend(() => {
      const lane = lanes[next++]
      if (lane === undefined) return outer?.waits ?? Effect.void
      const run = Effect.exit(Effect.provideService(attempt(lane), Admission.Admission, admission(lane))).pipe(
        Effect.map((exit) => tell({ _tag: "ends", lane, exit }))
      )
      return Effect.map(Effect.forkIn(run, scope, { startImmediately: true }), (fiber) => void running.set(lane, fiber))
    })

    yield* start
    while (running.size > 0) {
      const event = yield* Queue.take(events)
      if (event._tag === "waits") {
        if (owner === undefined) yield* start
        continue
      }
      if (event._tag === "claims") {
        const others = [...running].filter(([lane]) => lane !== event.lane)
        for (const [lane] of others) running.delete(lane)
        yield* Fiber.interruptAll(others.map(([, fiber]) => fiber))
        continue
      }
      const { exit, lane } = event
      // It has left the race already.
      if (!running.delete(lane)) continue
      if (Exit.isSuccess(exit)) return Result.succeed(exit.value)
      const found = Cause.findErrorOption(exit.cause)
      if (found._tag === "None" || !(yield* goesOn(found.value))) return yield* Effect.failCause(exit.cause)
      failed.push({ lane, error: found.value })
      if (owner?.lane === lane) break
      if (owner === undefined) yield* start
    }
    return Result.fail(failed)
  }))
