/** What every runner of a job has: its name, the open sink, a heartbeat, and a reader of the source while no other runner reads. */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as JobError from "../JobError.ts"
import type * as JobStore from "../JobStore.ts"
import type * as Work from "../Work.ts"
import { called } from "./called.ts"
import * as Chunks from "./chunks.ts"
import * as Processes from "./processes.ts"
import * as Reading from "./reading.ts"
import type * as Sink from "./sink/contract.ts"
import * as Storing from "./store/storing.ts"

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

/** What ends a run, but for the errors of the source. */
export type Failure = JobError.JobPausedError | JobError.JobSinkError | JobError.JobStoreError

/** How often what the queue has finished is deleted from it. */
const cleanupPause = "30 seconds"

/** Opens a session, which ends with the scope. `A`: what the run comes to. */
export const open = <A>() =>
  Effect.fnUntraced(function*<Item, Output, SE, SR, E, R, WR>(options: Options<Item, Output, SE, SR, E, R, WR>) {
    const { job, name, sink, store } = options
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
      Storing.undying(called(() => sink.open({ job, name, runner, store }))),
      (cause) =>
        ProviderError.isCallError(cause) && cause._tag === "InvalidRequestError" ? cause : new JobError.JobSinkError({
          job: name,
          message: `Job ${name}: its sink cannot be opened: ${Storing.wordsOf(cause)}`,
          cause
        })
    )

    const ending = yield* Deferred.make<A, SE | Failure>()
    /** The failure of a part ends the run. */
    const ended = <A, E extends SE | Failure, R>(part: Effect.Effect<A, E, R>) =>
      Effect.onExit(
        part,
        (exit: Exit.Exit<A, E>) =>
          // A part that ends, or is interrupted, has not decided anything.
          Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
            ? Effect.void
            : Deferred.failCause(ending, exit.cause)
      )

    const heartbeat = Effect.forever(Effect.andThen(
      Effect.sleep(Duration.toMillis(lease) / 3),
      stored("saying that this process is alive", Processes.seen(sql, job, runner))
    ))
    yield* Effect.forkScoped(ended(heartbeat))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(cleanupPause), cleanup)))

    /** Reads the source while no other runner does, until `isOver`. */
    const watch = Effect.fnUntraced(function*(isOver: (look: Processes.Look | undefined) => boolean) {
      let reading: Fiber.Fiber<unknown, unknown> | undefined
      while (true) {
        const now = yield* stored("looking at the job", Processes.look(sql, job, runner))
        if (isOver(now)) return
        const isIdle = reading === undefined || reading.pollUnsafe() !== undefined
        if (now !== undefined && !now.isCancelled && !now.isRead && now.isUnread && isIdle) {
          reading = yield* Effect.forkScoped(
            ended(Reading.read({ ...options, runner, chunks, size: options.work.chunk }))
          )
        }
        yield* Effect.sleep(pollInterval)
      }
    })

    return { chunks, ended, ending, runner, stored, watch, writer }
  })
