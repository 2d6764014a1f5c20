/** One process that runs a job: it reads or waits for who reads, works on chunks, and ends when nothing is left. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import * as JobError from "../JobError.ts"
import type * as JobStore from "../JobStore.ts"
import type * as Work from "../Work.ts"
import * as Chunks from "./chunks.ts"
import * as Outage from "./outage.ts"
import * as Processes from "./processes.ts"
import * as Reading from "./reading.ts"
import type * as Sink from "./sink/contract.ts"
import * as Storing from "./storing.ts"
import * as Working from "./working.ts"

export interface Options<Item, Output, SE, SR, E, R, WR> {
  readonly store: JobStore.JobStore["Service"]
  readonly job: number
  readonly name: string
  readonly source: Stream.Stream<Item, SE, SR>
  readonly id: (item: Item) => string
  readonly encode: (item: Item) => Result.Result<string, JobError.ItemError>
  readonly decode: (json: string) => Result.Result<Item, JobError.ItemError>
  readonly work: Work.Work<Item, Output, WR>
  readonly sink: Sink.Sink<Item, Output, E, R>
  readonly maxAttempts: number
  readonly maxItemBytes: number
  readonly readAhead: number
  readonly concurrency: number
  readonly grace: Duration.Duration
  readonly patience: Duration.Duration
}

/** How often what the queue has finished is deleted from it. */
const cleanupPause = "30 seconds"

/** Works until nothing is left or the job is cancelled. What is in flight when it is interrupted is finished or given back. */
export const run = Effect.fnUntraced(function*<Item, Output, SE, SR, E, R, WR>(
  options: Options<Item, Output, SE, SR, E, R, WR>
) {
  const { concurrency, grace, job, name, patience, sink, store } = options
  const { lease, pollInterval, queueStore, sql } = store
  const stored = <A, E, R>(doing: string, effect: Effect.Effect<A, E, R>) =>
    Storing.attempt(doing, Storing.persist(effect), name)

  const runner = Processes.runnerName()
  yield* stored("starting", Processes.enter(sql, job, runner, Duration.toMillis(lease)))
  const cleanup = Effect.ignore(queueStore.cleanup({ timeToLive: Duration.zero, failedTimeToLive: undefined }))
  yield* Effect.addFinalizer(() => cleanup)
  const chunks = yield* Chunks.make(store, job, runner)
  yield* stored("starting", chunks.recover)
  const writer = yield* Effect.mapError(
    sink.open({ job, name, runner, store }),
    (cause) => new JobError.JobSinkError({ job: name, message: sinkClosed(name, cause), cause })
  )
  const work = Working.make({
    ...options,
    writer,
    chunks,
    outage: Outage.make(name, patience),
    permits: Semaphore.makeUnsafe(concurrency)
  })

  type Ending = SE | JobError.JobPausedError | JobError.JobSinkError | JobError.JobStoreError
  const ending = yield* Deferred.make<void, Ending>()
  const ended = <A, E extends Ending, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.onExit(
      effect,
      (exit: Exit.Exit<A, E>) =>
        // A part that ends, or is interrupted, has not decided anything.
        Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
          ? Effect.void
          : Deferred.failCause(ending, exit.cause)
    )

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

  const heartbeat = Effect.forever(Effect.andThen(
    Effect.sleep(Duration.toMillis(lease) / 3),
    stored("saying that this process is alive", Processes.seen(sql, job, runner))
  ))

  /** Ends the run when there is nothing left; reads when nobody does. */
  const watch = Effect.gen(function*() {
    let reading: Fiber.Fiber<unknown, unknown> | undefined
    while (true) {
      const now = yield* stored("looking at the job", Processes.look(sql, job, runner))
      if (now === undefined || now.isCancelled || now.isRead && !now.hasChunks) return
      if (!now.isRead && now.isUnread && (reading === undefined || reading.pollUnsafe() !== undefined)) {
        reading = yield* Effect.forkScoped(
          ended(Reading.read({ ...options, runner, chunks, size: options.work.chunk }))
        )
      }
      yield* Effect.sleep(pollInterval)
    }
  })

  const fibers = yield* Effect.forEach(
    Array.from({ length: concurrency }, (_, index) => index),
    (index) => Effect.forkScoped(ended(worker(index)))
  )
  yield* Effect.forkScoped(ended(heartbeat))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(cleanupPause), cleanup)))
  // Runs before the scope interrupts the fibers: what is in flight has some time to end.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      isStopping = true
      yield* Fiber.interruptAll(fibers.filter((_, index) => !busy.has(index)))
      yield* Effect.timeoutOption(Effect.interruptible(Fiber.awaitAll(fibers)), grace)
      yield* Fiber.interruptAll(fibers)
    })
  )
  yield* Effect.forkScoped(Effect.andThen(ended(watch), Deferred.succeed(ending, undefined)))
  yield* Deferred.await(ending)
})

const sinkClosed = (job: string, cause: unknown) => `Job ${job}: its sink cannot be opened: ${Storing.wordsOf(cause)}`
