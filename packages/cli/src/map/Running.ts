/**
 * The job that asks about rows: run, stopped, and told of.
 */
import { BatchService, type ChatService, type ProviderError } from "@strata/core"
import { Job, type JobStore, Sink } from "@strata/jobs"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Jobs from "../jobs/Jobs.ts"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import { Shutdown } from "../process/Shutdown.ts"
import type * as Streams from "../process/Streams.ts"
import * as Mapping from "./Mapping.ts"
import type * as Reading from "./Reading.ts"
import * as Results from "./Results.ts"

/** How batch jobs are made, and by whom: see `Job.BatchOptions`. */
export interface ByBatch extends Pick<Job.BatchOptions, "live" | "polling" | "timeout"> {
  readonly service: BatchService.BatchService["Service"]
}

/**
 * - `as`: the name of the answer. `out`: the file; standard output when missing.
 * - `isRestarted`: what was done is forgotten. `isPaid`: whether the cost is shown.
 * - `batch`: by batch jobs of the provider instead of single calls.
 */
export interface Options extends Reading.Read {
  readonly name: string
  readonly as: string
  readonly out: string | undefined
  readonly isRestarted: boolean
  readonly acceptChanges: boolean
  readonly concurrency: number
  readonly isPaid: boolean
  readonly batch?: ByBatch | undefined
}

/** Some of them, by flags. The same command has the same name when it is run again. */
export const optionsOf = (
  command: string,
  given: {
    readonly input: string
    readonly out: Option.Option<string>
    readonly job: Option.Option<string>
    readonly as: string
    readonly restart: boolean
    readonly acceptChanges: boolean
  }
): Pick<Options, "name" | "as" | "out" | "isRestarted" | "acceptChanges"> => ({
  name: Option.getOrElse(
    given.job,
    () => `${command} ${given.input}${Option.isSome(given.out) ? ` to ${given.out.value}` : ""}`.slice(-200)
  ),
  as: given.as,
  out: Option.getOrUndefined(given.out),
  isRestarted: given.restart,
  acceptChanges: given.acceptChanges
})

/** Runs the job to its end, or to a signal, or until its answers are not read any more. */
export const run = Effect.fnUntraced(function*(
  { acceptChanges, as, batch, concurrency, input, isPaid, isRestarted, mapping, name, out, scan }: Options
): Effect.fn.Return<
  void,
  CommandError.CommandError | Streams.OutputClosed | ProviderError.InvalidRequestError,
  | Output
  | Shutdown
  | FileSystem.FileSystem
  | ChatService.ChatService
  | JobStore.JobStore
  | SqlClient.SqlClient
> {
  const output = yield* Output
  const shutdown = yield* Shutdown
  const closed = yield* Deferred.make<never, Streams.OutputClosed>()
  yield* Results.prepare
  if (isRestarted) {
    yield* Effect.catchTag(Job.remove(name), "JobNotFoundError", () => Effect.void).pipe(Effect.mapError(Jobs.failed))
    yield* Results.forget(name)
  }
  const before = yield* Effect.option(Job.status(name))
  if (Option.isSome(before) && before.value.done > 0) {
    yield* output.note(
      `${name} goes on: ${Progress.number(before.value.done)} rows are done already` +
        (out === undefined ? ", and are not written again. --restart begins anew" : ". --restart begins anew")
    )
  }
  const toLine = (item: Mapping.Item, answer: unknown) => Mapping.line(item, as, answer)
  const toOutput = Sink.effect((rows: ReadonlyArray<Sink.Written<Mapping.Item, unknown>>) =>
    Effect.catchTag(
      output.raw(rows.map(({ item, output }) => `${toLine(item, output)}\n`).join("")),
      "OutputClosed",
      // Nothing is at fault but the reader, so the row counts as not begun.
      (error) => Effect.andThen(Deferred.fail(closed, error), Effect.interrupt)
    )
  )
  const parts = {
    name,
    item: Mapping.Item,
    source: input.items,
    id: (item: Mapping.Item) => item.id,
    work: Mapping.work(mapping),
    maxItemBytes: 64_000_000
  }
  const options = { concurrency, acceptChanges, grace: "10 minutes" } as const
  const sink: Sink.Sink<Mapping.Item, unknown, unknown, never> = out === undefined
    ? toOutput
    : Results.sink(name, toLine)
  const durable = Job.make({ ...parts, sink })
  const running = batch === undefined ? Job.run(durable, options) : Effect.suspend(() => {
    const { service, ...more } = batch
    return Job.run(durable, { ...options, ...more, engine: "batch" }).pipe(
      Effect.provideService(BatchService.BatchService, service)
    )
  })
  // Interruption finishes what is in flight.
  const stopped = Effect.as(shutdown.requested, undefined)
  const ended = yield* Effect.scoped(Effect.andThen(
    Progress.show(
      "rows",
      Effect.map(Job.status(name), ({ cost, done, failed }) => ({
        done,
        failed,
        total: scan.rows,
        cost: isPaid ? cost?.total : undefined
      }))
    ),
    shutdown.finishing(Effect.raceFirst(Effect.raceFirst(running, stopped), Deferred.await(closed)))
  )).pipe(
    Effect.mapError((error) =>
      error._tag === "CommandError" || error._tag === "OutputClosed" || error._tag === "InvalidRequestError"
        ? error
        : Jobs.failed(error)
    ),
    Effect.exit
  )
  // Whatever ended the work, what is done is to be had.
  const written = out === undefined ? Exit.void : yield* Effect.exit(Results.write(name, out, input.items))
  const finished = yield* ended
  yield* written
  const status = finished ?? (yield* Effect.mapError(Job.status(name), Jobs.failed))
  yield* output.note(Jobs.line(status))
  if (batch !== undefined && finished === undefined) {
    yield* output.warn(
      "Batch jobs go on at the provider. Run the same command again to wait for them; " +
        `to stop them, \`strata jobs cancel "${name}"\` before that`
    )
  }
  const problems = [
    ...(status.failed > 0
      ? [`${Progress.number(status.failed)} rows have no answer: see \`strata jobs dead "${name}"\``]
      : []),
    ...(status.conflicts > 0
      ? [
        `${
          Progress.number(status.conflicts)
        } rows changed since the job began, or have the id of another row, and were ` +
        "left out: --restart begins anew"
      ]
      : [])
  ]
  if (problems.length > 0) {
    return yield* new CommandError.CommandError({ reason: "deadLetters", message: problems.join(". ") })
  }
})
