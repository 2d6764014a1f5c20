/**
 * A process that embeds documents of an emulator, in a job or without an engine. Run as a program it does that; imported,
 * it starts that program.
 */
import { NodeRuntime } from "@effect/platform-node"
import { BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { EmbeddingService, Policy, Quota } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { Job, JobStore, Sink, Work } from "@strata/jobs"
import { SharedState } from "@strata/persistence"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Database from "./Database.ts"
import * as Observed from "./Observed.ts"

/**
 * - `database`: the URL of a PostgreSQL, or the file of a SQLite database; without one there is no engine.
 * - `first`, `documents`: which documents there are, or, without an engine, which this process embeds.
 * - `words`: how long a document is.
 * - `concurrency`: requests at once.
 * - `tokensPerSecond`: a quota that all processes share.
 * - `marks`: at how many items its memory is looked at.
 */
export type Task = typeof Task.Type
/** @see {@link Task} */
export const Task = Schema.Struct({
  database: Schema.optional(Schema.String),
  endpoint: Schema.String,
  first: Schema.Finite,
  documents: Schema.Finite,
  words: Schema.Finite,
  concurrency: Schema.Finite,
  chunk: Schema.Finite,
  tokensPerSecond: Schema.optional(Schema.Finite),
  marks: Schema.Array(Schema.Finite)
})

const TaskJson = Schema.fromJsonString(Task)
const FiguresJson = Schema.fromJsonString(Observed.Figures)

class NotFinished extends Schema.TaggedError<NotFinished>()("NotFinished", { message: Schema.String }) {}

/** The figures of a new process once it has ended. */
export const start = Effect.fnUntraced(function*(task: Task) {
  const argument = yield* Schema.encodeEffect(TaskJson)(task)
  const child = yield* ChildProcess.make(process.execPath, ["--no-warnings", import.meta.filename, argument], {
    stderr: "inherit"
  })
  const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runLast)
  return yield* Effect.fromOption(line).pipe(
    Effect.flatMap(Schema.decodeEffect(FiguresJson)),
    Effect.mapError(() => new NotFinished({ message: "A process did not finish; its reason is above" }))
  )
}, Effect.scoped)

const model = "cohere.embed-v4:0"
/** The smallest vectors of the model: the work that is measured is not theirs. */
const dimensions = 256

/** Of the job. */
export const name = "documents"

const Doc = Schema.Struct({ id: Schema.String, text: Schema.String })

const program = Effect.fnUntraced(function*(task: Task) {
  const { chunk, concurrency, database, documents, first, tokensPerSecond, words } = task
  const tail = "lorem ipsum ".repeat(words / 2)
  const observed = Observed.begin(task.marks)
  const source = Stream.range(first, first + documents - 1).pipe(
    Stream.map((index) => ({ id: `document-${index}`, text: `${index} ${tail}` }))
  )
  const embedding = BedrockEmbedding.layer({
    model,
    policy: Policy.make({
      concurrency,
      ...(tokensPerSecond !== undefined && {
        quota: Quota.make({ windows: [{ tokens: tokensPerSecond, per: "1 second" }] })
      })
    })
  }).pipe(
    Layer.provide(
      BedrockClient.layer({
        region: "us-east-1",
        endpoint: task.endpoint,
        credentials: Emulator.defaultCredentials
      })
    ),
    Layer.provide(
      tokensPerSecond === undefined || database === undefined
        ? Layer.empty
        : SharedState.layerSql(Database.client(database))
    )
  )
  const wrote = (rows: ReadonlyArray<unknown>) => Effect.sync(() => observed.wrote(rows.length))
  const work: Effect.Effect<unknown, unknown, EmbeddingService.EmbeddingService> = database === undefined
    ? EmbeddingService.embedStream(source, ({ text }) => text, { dimensions, unordered: true }).pipe(
      Stream.rechunk(chunk),
      Stream.runForEachArray(wrote)
    )
    : Job.run(
      Job.make(
        { name, item: Doc, source, id: ({ id }) => id },
        Work.embedding({ input: ({ text }) => text, options: { dimensions }, chunk }),
        Sink.effect(wrote)
      )
    ).pipe(Effect.provide(Layer.provideMerge(JobStore.layer(), Database.client(database))))
  yield* work.pipe(Effect.provide(embedding), Effect.provideContext(observed.tracer))
  yield* Console.log(yield* Schema.encodeEffect(FiguresJson)(observed.end()))
})

if (import.meta.main) {
  NodeRuntime.runMain(Effect.flatMap(Schema.decodeUnknownEffect(TaskJson)(process.argv[2]), program))
}
