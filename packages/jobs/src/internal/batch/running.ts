/** One process that runs a job by batch jobs. */
import type * as Batch from "@strata/core/batch/Batch"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as JobError from "../../JobError.ts"
import * as Session from "../session.ts"
import * as Batches from "./batches.ts"
import * as Collecting from "./collecting.ts"
import * as Engine from "./engine.ts"
import * as Gathering from "./gathering.ts"

/** `live`: whether what is left may be done by single calls. */
export interface Options extends Engine.Options {
  readonly service: Batch.Batch
  readonly live: boolean
}

/** Works until no batch job is open and no other can be made; returns whether something is left to be done otherwise. */
export const run = Effect.fnUntraced(function*<Item, Output, SE, SR, E, R, WR>(
  options: Session.Options<Item, Output, SE, SR, E, R, WR>,
  { live, ...batchOptions }: Options
) {
  const { items, minRecords } = yield* Effect.scoped(untilRest(options, batchOptions))
  if (items === 0 || live) return items > 0
  return yield* new JobError.JobPausedError({
    job: options.name,
    message: `Job ${options.name} has ${items} items left, and a batch job takes ${minRecords} or more. `
      + "Run it with `live: true`, or without `engine: \"batch\"`, to ask about them one by one."
  })
})

const untilRest = Effect.fnUntraced(function*<Item, Output, SE, SR, E, R, WR>(
  options: Session.Options<Item, Output, SE, SR, E, R, WR>,
  { service, ...batchOptions }: Omit<Options, "live">
) {
  const { job, store: { lease, sql }, work } = options
  // A batch job should be full before it is submitted.
  const readAhead = Math.max(options.readAhead, 2 * service.limits().maxRecords)
  const { chunks, ended, ending, runner, watch, writer } = yield* Session.open<Engine.Rest>()({ ...options, readAhead })
  const batches = Batches.make(sql, job, runner, Duration.toMillis(lease))
  const parts = { ...options, chunks, batches, service, writer }
  const engine = Engine.make({
    ...parts,
    ...batchOptions,
    runner,
    sql,
    kind: work.batch.kind,
    gather: Gathering.make(parts),
    collect: Collecting.make(parts)
  })
  yield* Effect.forkScoped(ended(watch(() => false)))
  yield* Effect.forkScoped(Effect.flatMap(ended(engine), (rest) => Deferred.succeed(ending, rest)))
  return yield* Deferred.await(ending)
})
