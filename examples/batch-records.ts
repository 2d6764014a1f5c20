/**
 * Many texts that can wait, at half the price: one batch job, which goes on when the program stops.
 *
 * Of 120 texts three are blank, which a single call would refuse. Offline, hashed words play the model, and Bedrock and S3
 * are in this process. With Bedrock itself, run it twice: the second time it finds its job by the name. Set STRATA_BATCH_INPUT and
 * STRATA_BATCH_OUTPUT, folders like `s3://my-bucket/batch/`, and STRATA_BATCH_ROLE_ARN.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Batch, BatchService, Cost, Pricing } from "@strata/core"
import { Console, Effect, Layer, References, Stream } from "effect"
import * as Provider from "./src/Provider.ts"

const total = 120

/** Rows of a table, say; an id of a record has letters and digits only. */
const rows = Stream.map(Stream.range(1, total), (number) => ({
  id: `ROW${String(number).padStart(8, "0")}`,
  text: number % 40 === 0 ? " " : `Ticket ${number}: the door of flat ${number % 9} does not close.`
}))

const program = Effect.gen(function*() {
  for (const { problem, remedy } of yield* BatchService.preflight()) yield* Console.log(`${problem} ${remedy}.`)

  // What a single call would refuse is refused here, before anything is uploaded; the rest goes on without it.
  const refused: Array<string> = []
  const lines = Stream.flatMap(
    rows,
    ({ id, text }) =>
      Stream.fromEffect(BatchService.prepare({ recordId: id, embedding: text })).pipe(
        Stream.map(({ line }) => line),
        Stream.catchTag("InvalidRequestError", ({ message }) => {
          refused.push(`${id}: ${message}`)
          return Stream.empty
        })
      )
  )
  const { job, outcome } = yield* BatchService.submit({ name: "tickets-of-2026", kind: "embedding", lines })
  yield* Console.log(`${outcome === "created" ? "Created" : "Found"} the job ${job.name}; refused: ${refused.length}`)

  // Or come back later: `BatchService.find` knows the job by its name.
  yield* BatchService.watch(job.id, yield* Provider.waiting).pipe(
    Stream.map(({ state }) => state),
    Stream.changes,
    Stream.runForEach((state) => Console.log(`  ${state}`))
  )

  const costs: Array<Cost.Cost | undefined> = []
  let failures = 0
  yield* Stream.runForEach(BatchService.results(job.id), (result) =>
    Effect.sync(() => {
      if (Batch.failureOf(result) === undefined) costs.push(result.cost)
      else failures++
    }))
  const cost = Cost.sum(costs)?.total
  yield* Console.log(
    `${costs.length} vectors, ${failures} failures, ${cost === undefined ? "?" : cost.toFixed(6)} dollars`
  )
})

/** Prices are yours to set; Bedrock charges half of this one in a batch. */
const prices = Pricing.layer([{ model: "*titan-embed-text-v2:0", price: { input: 0.02, batch: 0.5 } }])

export const main = program.pipe(
  Effect.provide(Layer.provide(Provider.batch, prices)),
  Effect.provideService(References.MinimumLogLevel, "Warning")
)

if (import.meta.main) NodeRuntime.runMain(main)
