/** One process that works on the chunks of a job, until nothing is left. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import * as Outage from "./outage.ts"
import * as Session from "./session.ts"
import * as Working from "./working.ts"

/** Works until nothing is left or the job is cancelled. What is in flight when it is interrupted is finished or given back. */
export const run = Effect.fnUntraced(function*<Item, Output, SE, SR, E, R, WR>(
  options: Session.Options<Item, Output, SE, SR, E, R, WR>
) {
  const { concurrency, grace, name, patience } = options
  const { chunks, ended, ending, stored, watch, writer } = yield* Session.open<void>()(options)
  const work = Working.make({
    ...options,
    writer,
    chunks,
    outage: Outage.make(name, patience),
    permits: Semaphore.makeUnsafe(concurrency)
  })

  /** Workers that have a chunk in their hands. */
  const busy = new Set<number>()
  let isStopping = false
  const worker = (index: number) =>
    Effect.gen(function*() {
      while (!isStopping) {
        yield* stored(
          "taking from the queue",
          chunks.take((chunk) =>
            Effect.suspend(() => {
              busy.add(index)
              return work(chunk)
            }).pipe(Effect.ensuring(Effect.sync(() => busy.delete(index))))
          )
        )
      }
    })
  const fibers = yield* Effect.forEach(
    Array.from({ length: concurrency }, (_, index) => index),
    (index) => Effect.forkScoped(ended(worker(index)))
  )
  // Runs before the scope interrupts the fibers: what is in flight has some time to end.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      isStopping = true
      yield* Fiber.interruptAll(fibers.filter((_, index) => !busy.has(index)))
      yield* Effect.timeoutOption(Effect.interruptible(Fiber.awaitAll(fibers)), grace)
      yield* Fiber.interruptAll(fibers)
    })
  )
  const watching = watch((now) => now === undefined || now.isCancelled || now.isRead && !now.hasChunks)
  yield* Effect.forkScoped(Effect.andThen(ended(watching), Deferred.succeed(ending, undefined)))
  yield* Deferred.await(ending)
})
