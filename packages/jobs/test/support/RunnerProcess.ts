/**
 * A process that runs a job on embeddings of an emulator. Run as a program it does that; imported, it starts that program.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import * as PgClient from "@effect/sql-pg/PgClient"
import { BedrockBatch, BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import { Job, JobStore, Sink, Work } from "@strata/jobs"
import { SharedState, SqliteClient } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fixture from "./Fixture.ts"

/**
 * - `database`: the URL of a PostgreSQL, or the file of a SQLite database.
 * - `endpoint`: of the emulator. `directory`: where the results go as files, or else to a table.
 * - `items`, `poison`: how many there are, and of which the process dies.
 * - `requestsPerSecond`: the quota that all processes share.
 * - `batch`: by batch jobs, of embeddings or of chat.
 * - `stall`: milliseconds for which this process does nothing, not even renew its leases, in the middle of its first chunk.
 */
export class Options extends Schema.Class<Options>("Options")({
  database: Schema.String,
  endpoint: Schema.String,
  directory: Schema.optional(Schema.String),
  items: Schema.Number,
  poison: Schema.Array(Schema.Number),
  requestsPerSecond: Schema.Number,
  batch: Schema.optional(Schema.Literals(["embedding", "chat"])),
  stall: Schema.optional(Schema.Number)
}) {}

export const secret = Redacted.make("b")

const OptionsJson = Schema.fromJsonString(Options)

/** What a process dies of. */
const deadly = "deadly"

export const docs = ({ items, poison }: Options): ReadonlyArray<Fixture.Doc> =>
  Fixture.docs(items, (index) => poison.includes(index) ? deadly : `text ${index}`)

/** A new process; killed with the scope. */
export const start = (options: Options, stdout: "ignore" | "pipe" = "ignore") =>
  ChildProcess.make(process.execPath, [import.meta.filename, Schema.encodeSync(OptionsJson)(options)], {
    killSignal: "SIGKILL",
    stdout,
    stderr: "inherit"
  })

const sql = (database: string) =>
  database.startsWith("postgres:")
    ? PgClient.layer({ url: Redacted.make(database), maxConnections: 5 })
    : SqliteClient.layer({ filename: database })

/** The store of the job. */
export const store = (database: string) =>
  Layer.provideMerge(JobStore.layer({ lease: "2 seconds", pollInterval: "100 millis" }), sql(database))

const titan = "amazon.titan-embed-text-v2:0"
const nova = "us.amazon.nova-lite-v1:0"

const program = (options: Options) => {
  const model = options.batch === undefined ? "cohere.embed-v4:0" : titan
  let { stall = 0 } = options
  const quota = Quota.make({ windows: [{ requests: options.requestsPerSecond, per: "1 second" }] })
  const { endpoint } = options
  const Services = Layer.mergeAll(
    BedrockEmbedding.layer({ model, policy: Policy.make({ quota }) }),
    BedrockChat.layer({ model: nova }),
    BedrockBatch.layer({
      model: options.batch === "chat" ? nova : titan,
      input: "s3://data/in/",
      output: "s3://data/out/",
      roleArn: "arn:aws:iam::123456789012:role/batch",
      endpoint,
      s3: { endpoint, forcePathStyle: true }
    })
  ).pipe(
    Layer.provide(BedrockClient.layer({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "a", secretAccessKey: secret }
    })),
    Layer.provide(SharedState.layerSql(sql(options.database)))
  )
  const job = Job.make({
    name: "docs",
    item: Fixture.Doc,
    source: Stream.fromIterable(docs(options)),
    id: ({ id }) => id,
    work: Work.embedding({
      input: ({ text }: Fixture.Doc) => {
        if (text === deadly) process.kill(process.pid, "SIGKILL")
        if (stall > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall)
        stall = 0
        return text
      },
      chunk: 10
    }),
    sink: options.directory === undefined
      ? Fixture.writtenIds
      : Sink.jsonl<Fixture.Doc, unknown>({
        directory: options.directory,
        line: ({ id, item }) => ({ id, text: item.text })
      })
  })
  const asking = Job.make(
    { name: "docs", item: Fixture.Doc, source: Stream.fromIterable(docs(options)), id: ({ id }) => id },
    Work.chat({ request: ({ text }) => ({ messages: text, maxTokens: 10 }) }),
    Fixture.writtenIds
  )
  const batch = { engine: "batch", polling: "200 millis" } as const
  return Effect.gen(function*() {
    if (options.batch === undefined) return yield* Job.run(job, { concurrency: 4 })
    return options.batch === "chat" ? yield* Job.run(asking, batch) : yield* Job.run(job, batch)
  }).pipe(Effect.provide([Services, store(options.database), NodeServices.layer]))
}

if (import.meta.main) {
  NodeRuntime.runMain(
    Schema.decodeUnknownEffect(OptionsJson)(process.argv[2]).pipe(Effect.flatMap(program))
  )
}
