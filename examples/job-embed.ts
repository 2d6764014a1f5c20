/**
 * Decisions of this project, embedded by a durable job into a table of SQLite, and searched.
 *
 * Stop it with Ctrl-C, or kill it, and run it again: it goes on where it was, and when it is done nothing is embedded again.
 * New passages are embedded by the next run; those that an edit replaced stay in the table.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { EmbeddingService, Vector } from "@strata/core"
import { Chunk, Reader, Splitter } from "@strata/documents"
import { Job, Sink, Work } from "@strata/jobs"
import { Console, Effect, FileSystem, Path, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import * as Activity from "./src/Activity.ts"
import * as Data from "./src/Data.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"

const Passage = Schema.Struct({ key: Schema.String, citation: Schema.String, text: Schema.String })

const question = "Why does a ledger keep the quotas?"

/** The first dozen decisions of this project, in passages short enough for a small encoder. */
const passages = Stream.unwrap(Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.join(import.meta.dirname, "../docs/decisions")
  const names = (yield* fs.readDirectory(folder)).filter((name) => name.endsWith(".md")).sort().slice(0, 12)
  return Stream.fromIterable(names).pipe(
    Stream.mapEffect((name) =>
      Effect.gen(function*() {
        const document = yield* Reader.read({ name, bytes: yield* fs.readFile(path.join(folder, name)) })
        const chunks = yield* Splitter.split(document, { maxTokens: 100 })
        return chunks.map((chunk) => ({
          key: chunk.key,
          citation: Chunk.cite(chunk),
          text: Chunk.withContext(chunk)
        }))
      })
    ),
    Stream.flattenIterable
  )
}))

const job = Job.make(
  { name: "decisions", item: Passage, source: passages, id: ({ key }) => key },
  // What is worked on together is written together: of small chunks less is lost when the process is killed.
  Work.embedding({ input: ({ text }) => text, options: { purpose: "document" }, chunk: 8 }),
  Sink.vectors({ table: "passages", columns: ({ citation }) => ({ citation }) })
)

const program = Effect.gen(function*() {
  const status = yield* Progress.job("Embedding", job.name, Job.run(job, { concurrency: 2 }))
  const { requests, tokens } = yield* Activity.summary
  yield* Console.log(`${status.done} passages; this run took ${requests} requests, ${tokens} tokens`)

  yield* Console.log(`\n? ${question}`)
  const { vector } = yield* EmbeddingService.embed(question, { purpose: "query" })
  const rows = yield* table
  const matrix = yield* Effect.fromResult(Vector.matrix(vector.length, rows.map(({ vector }) => vector)))
  for (const { index, score } of yield* Effect.fromResult(Vector.topK(matrix, vector, 3))) {
    yield* Console.log(`  ${score.toFixed(2)}  ${rows[index]!.citation}`)
  }
})

/** The table as the job has written it. */
const table = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Schema.decodeUnknownEffect(Schema.Array(Row))(yield* sql`SELECT citation, vector FROM passages`)
  // A copy, for the numbers have to begin at a multiple of four bytes.
  return rows.map(({ citation, vector }) => ({ citation, vector: new Float32Array(vector.slice().buffer) }))
})

const Row = Schema.Struct({ citation: Schema.String, vector: Schema.Uint8Array })

export const main = program.pipe(Effect.provide([Provider.layer, Data.jobs("job-embed")]))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
