/**
 * A durable job as a step of a workflow, for programs that run on a cluster: the cluster says which machine works on it, and
 * when that machine is gone another one, and the job knows what is done already.
 *
 * Here the cluster is this process, with its messages and the job in one file of SQLite. With `NodeClusterSocket.layer()`
 * and PostgreSQL in its place, nothing else changes. Run it again: the workflow has its result, and nothing is asked.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Job, JobError, Sink, Work } from "@strata/jobs"
import { Console, Effect, Layer, Path, Result, Schema, Stream } from "effect"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import { Digest } from "effect/crypto"
import { Activity, DurableClock, Workflow } from "effect/workflow"
import * as Activities from "./src/Activity.ts"
import * as Data from "./src/Data.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"
import * as Reviews from "./src/Reviews.ts"

const Counts = Schema.Struct({ done: Schema.Int, failed: Schema.Int })

/** What ends a run of the job, and may be mended. */
const Failure = Schema.Union([JobError.JobPausedError, JobError.JobStoreError, JobError.JobSinkError])

/** Of a month there is one workflow, however often it is asked for. */
const Classify = Workflow.make("Classify", {
  payload: { month: Schema.String },
  idempotencyKey: ({ month }) => month,
  success: Counts
})

const nameOf = (month: string) => `reviews of ${month}`

const job = (month: string, directory: string) =>
  Job.make(
    { name: nameOf(month), item: Reviews.Review, source: Stream.orDie(Reviews.reviews), id: ({ id }) => id },
    Work.chat({
      request: (review) => ({ messages: Reviews.question(review), maxTokens: 200 }),
      schema: Reviews.Opinion,
      repairs: 1
    }),
    Sink.jsonl({ directory })
  )

const classify = (month: string, run: number) =>
  Activity.make({
    name: `classify ${run}`,
    success: Counts,
    error: Failure,
    execute: Effect.gen(function*() {
      const path = yield* Path.Path
      const directory = path.join(yield* Data.folder("job-cluster"), "opinions")
      const { done, failed } = yield* Progress.job("Asking", nameOf(month), Job.run(job(month, directory)))
      return { done, failed }
    }).pipe(
      // Mistakes of this program.
      Effect.catchTag(
        ["ConfigError", "PlatformError", "InvalidRequestError", "JobConflictError", "JobNotFoundError"],
        Effect.die
      ),
      Effect.tapError(({ message }) => Console.log(message))
    )
  })

/** The result of a step is kept, also its failure: after an hour another step goes on with the job, wherever that is then. */
const ClassifyLive = Classify.toLayer(Effect.fnUntraced(function*({ month }) {
  for (let run = 1;; run++) {
    const result = yield* Effect.result(classify(month, run))
    if (Result.isSuccess(result)) return result.success
    yield* DurableClock.sleep({ name: `pause ${run}`, duration: "1 hour" })
  }
}))

const program = Effect.gen(function*() {
  const { done, failed } = yield* Classify.execute({ month: "2026-01" })
  const { requests } = yield* Activities.summary
  yield* Console.log(`${done} reviews done, ${failed} failed; ${requests} requests by this run`)
})

/** The grace: how long what runs on a machine that is being shut down may go on. */
const Cluster = ClusterWorkflowEngine.layer.pipe(
  Layer.provideMerge(SingleRunner.layer({ shardingConfig: { entityTerminationTimeout: "1 second" } })),
  Layer.provide(Digest.layerWebCrypto)
)

export const main = program.pipe(
  Effect.provide(
    ClassifyLive.pipe(
      Layer.provideMerge(Cluster),
      Layer.provideMerge(Data.jobs("job-cluster")),
      Layer.provideMerge(Provider.scripted(Reviews.model, { latency: "50 millis" }))
    )
  )
)

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
