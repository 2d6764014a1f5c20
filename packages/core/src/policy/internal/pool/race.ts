/**
 * Sends one call through the first of several lanes that admits it.
 *
 * It starts in the best lane. Where it has to wait there, or fails, it starts in the next one as well, so that in the end it
 * waits in the queues of all of them, also of those that are back meanwhile. The lane that has granted it a place in its
 * quota and a permit claims it, and it leaves the others.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
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
  | { readonly _tag: "changes" }
  | { readonly _tag: "ends"; readonly lane: Lane; readonly exit: Exit.Exit<A, E> }

/**
 * The lanes of a race.
 *
 * - `start`: when the call began, in milliseconds of `Watchdog.now`.
 * - `next`: the best one that may be asked now, besides those that are.
 * - `due`: in how many milliseconds another lane may be asked that may not now; `undefined` for none.
 * - `onChange`: calls the listener when a lane leaves or is back, until the function it gives is called.
 */
export interface Course<Lane> {
  readonly start: number
  readonly next: (asked: ReadonlyMap<Lane, unknown>) => Effect.Effect<Lane | undefined>
  readonly due: (asked: ReadonlyMap<Lane, unknown>) => Effect.Effect<number | undefined>
  readonly onChange: (listener: () => void) => () => void
}

/**
 * The first answer, or the lanes that failed: all that were asked, or those until the one that had claimed the call. An error
 * for which `goesOn` is false ends the race.
 */
export const race = <Lane, A, E, E2, R>(
  course: Course<Lane>,
  attempt: (lane: Lane) => Effect.Effect<A, E, R>,
  goesOn: (error: E) => Effect.Effect<boolean, E2>
): Effect.Effect<Result.Result<A, ReadonlyArray<Failed<Lane, E>>>, E | E2, R> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function*(): Effect.fn.Return<Result.Result<A, ReadonlyArray<Failed<Lane, E>>>, E | E2, R> {
      const outer = yield* Admission.Admission
      const events = yield* Queue.unbounded<Event<Lane, A, E>>()
      const running = new Map<Lane, Fiber.Fiber<unknown, unknown>>()
      const waiting = new Set<Lane>()
      const failed: Array<Failed<Lane, E>> = []
      let owner: { readonly lane: Lane } | undefined
      let isTold = false

      const tell = (event: Event<Lane, A, E>) => Queue.offerUnsafe(events, event)
      const admission = (lane: Lane): Admission.Admission => ({
        start: outer?.start ?? course.start,
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
      const start = Effect.gen(function*() {
        const lane = yield* course.next(running)
        if (lane === undefined) return yield* outer?.waits ?? Effect.void
        const run = Effect.provideService(attempt(lane), Admission.Admission, admission(lane))
        const fiber = yield* Effect.forkIn(run, scope, { startImmediately: true })
        running.set(lane, fiber)
        // Also where something else interrupts it.
        fiber.addObserver((exit) => tell({ _tag: "ends", lane, exit }))
      })
      const isWaiting = () => owner === undefined && waiting.size >= running.size

      const event = Effect.suspend(() => {
        const take = Queue.take(events)
        if (!isWaiting()) return take
        return Effect.flatMap(
          course.due(running),
          (millis) =>
            millis === undefined ? take : Effect.timeoutOrElse(take, {
              duration: millis,
              orElse: () => Effect.succeed<Event<Lane, A, E>>({ _tag: "changes" })
            })
        )
      })
      const listen = Effect.sync(() =>
        course.onChange(() => {
          // Only what waits may start in another lane.
          if (!isTold && owner === undefined) isTold = tell({ _tag: "changes" })
        })
      )
      yield* Scope.provide(Effect.acquireRelease(listen, Effect.sync), scope)

      yield* start
      while (running.size > 0) {
        const told = yield* event
        switch (told._tag) {
          case "changes":
            isTold = false
            if (isWaiting()) yield* start
            break
          case "waits":
            if (isWaiting()) yield* start
            break
          case "claims": {
            const others = [...running].filter(([lane]) => lane !== told.lane)
            for (const [lane, fiber] of others) {
              running.delete(lane)
              // The scope waits for its end: a ledger that is slow to take it back must not hold up the call.
              fiber.interruptUnsafe()
            }
            break
          }
          case "ends": {
            const { exit, lane } = told
            // It has left the race already.
            if (!running.delete(lane)) break
            waiting.delete(lane)
            if (Exit.isSuccess(exit)) return Result.succeed(exit.value)
            // The call is sent by another lane.
            if (owner !== undefined && owner.lane !== lane) break
            const found = Cause.findErrorOption(exit.cause)
            if (found._tag === "None" || !(yield* goesOn(found.value))) return yield* Effect.failCause(exit.cause)
            failed.push({ lane, error: found.value })
            if (isWaiting()) yield* start
          }
        }
      }
      return Result.fail(failed)
    })
  )
