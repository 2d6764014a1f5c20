/**
 * A file of reviews in, a file of opinions out: a durable job asks a model about each row, and decodes the answer by a schema.
 *
 * Stop it with Ctrl-C, or kill it, and run it again: no answer is asked for twice. What does not fit the schema is kept with
 * its error as a dead letter, and is retried with a model that may correct itself.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Job, Sink, Work } from "@strata/jobs"
import { Console, Effect, FileSystem, Path, Schema, Stream } from "effect"
import * as Activity from "./src/Activity.ts"
import * as Data from "./src/Data.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"
import * as Reviews from "./src/Reviews.ts"

const name = "opinions"

const job = (directory: string, repairs: number) =>
  Job.make(
    { name, item: Reviews.Review, source: Reviews.reviews, id: ({ id }) => id, maxAttempts: 2 },
    Work.chat({
      request: (review) => ({ messages: Reviews.question(review), maxTokens: 200 }),
      schema: Reviews.Opinion,
      repairs
    }),
    Sink.jsonl({ directory, line: ({ id, output }) => ({ id, ...output.value }) })
  )

const program = Effect.gen(function*() {
  const path = yield* Path.Path
  const directory = path.join(yield* Data.folder("job-classify"), "opinions")

  const { failed } = yield* Progress.job("Asking", name, Job.run(job(directory, 0)))
  if (failed > 0) {
    yield* Job.deadLetters(name).pipe(
      Stream.runForEach(({ attempts, error, id }) =>
        Console.log(`  ${id}, tried ${attempts} times: ${error.message.replaceAll(/\s+/g, " ")}`)
      )
    )
    yield* Job.retry(name)
    yield* Progress.job("Again ", name, Job.run(job(directory, 1)))
  }

  const counts = yield* Stream.runFold(
    opinions(directory),
    () => new Map<string, number>(),
    (counts, { sentiment }) => counts.set(sentiment, (counts.get(sentiment) ?? 0) + 1)
  )
  const { requests } = yield* Activity.summary
  yield* Console.log(
    `${Array.from(counts, (count) => count.reverse().join(" ")).join(", ")}; ${requests} requests by this run`
  )
})

/** All parts that the runs of the job have written. */
const opinions = (directory: string) =>
  Stream.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const names = (yield* fs.readDirectory(directory)).filter((name) => name.endsWith(".jsonl"))
    return Stream.flatMap(Stream.fromIterable(names), (name) => Reviews.read(`${directory}/${name}`, Line))
  }))

const Line = Schema.Struct({ id: Schema.String, ...Reviews.Opinion.fields })

// Offline, each answer takes a while, so that there is something to see.
export const main = program.pipe(
  Effect.provide([Provider.scripted(Reviews.model, { latency: "100 millis" }), Data.jobs("job-classify")])
)

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
