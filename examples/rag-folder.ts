/**
 * Questions about a folder of Markdown, HTML, text and PDF files, answered with the file, the heading and the line or page
 * of each source.
 *
 *     node examples/rag-folder.ts                                  the files of examples/src/handbook, and three questions
 *     node examples/rag-folder.ts docs "How are quotas kept?"      your own
 *
 * Offline, models on this machine answer: an encoder finds passages, and a model quotes their sentences.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService, EmbeddingService, Message, Vector } from "@strata/core"
import { Chunk, Reader, Splitter } from "@strata/documents"
import { ExtractiveChat } from "@strata/local"
import { Console, Effect, FileSystem, Path } from "effect"
import * as Provider from "./src/Provider.ts"

const [folder = `${import.meta.dirname}/src/handbook`, ...asked] = import.meta.main ? process.argv.slice(2) : []

const questions = asked.length > 0 ? asked : [
  "How many days do I have to return goods?",
  "What does delivery cost?",
  "Is breakfast paid for on a business trip?"
]

/** The passages of all files; each knows its file, its headings and its lines or pages. */
const passages = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = (yield* fs.readDirectory(folder, { recursive: true })).filter((name) =>
    /\.(md|html|txt|pdf)$/.test(name)
  )
  const chunks = yield* Effect.forEach(
    names.sort(),
    (name) =>
      Effect.flatMap(fs.readFile(path.join(folder, name)), (bytes) => Reader.read({ name, bytes })).pipe(
        Effect.flatMap((document) => Splitter.split(document, { maxTokens: 200 }))
      ),
    { concurrency: 4 }
  )
  return chunks.flat()
})

const program = Effect.gen(function*() {
  const chunks = yield* passages
  const { embeddings } = yield* EmbeddingService.embedMany(chunks.map(Chunk.withContext), { purpose: "document" })
  const vectors = embeddings.map(({ vector }) => vector)
  const matrix = yield* Effect.fromResult(Vector.matrix(vectors[0]?.length ?? 1, vectors))
  yield* Console.log(`${chunks.length} passages`)

  for (const question of questions) {
    const { vector } = yield* EmbeddingService.embed(question, { purpose: "query" })
    const nearest = yield* Effect.fromResult(Vector.topK(matrix, vector, 3))
    const found = nearest.map(({ index }, place) => ({ source: `${place + 1}`, chunk: chunks[index]! }))
    const text = yield* ChatService.text({
      messages: [
        Message.system("Answer from the documents only, and name the source of each statement like this: [1]."),
        Message.user(ExtractiveChat.prompt({
          question,
          passages: found.map(({ chunk, source }) => ({ source, text: chunk.text }))
        }))
      ],
      maxTokens: 300
    })
    yield* Console.log(`\n? ${question}\n  ${text.replaceAll("\n", " ")}`)
    // Only what the answer names.
    for (const { chunk, source } of found.filter(({ source }) => text.includes(`[${source}]`))) {
      yield* Console.log(`  [${source}] ${[Chunk.cite(chunk), ...chunk.headings].join(" > ")}`)
    }
  }
})

export const main = program.pipe(Effect.provide([Provider.layer, NodeServices.layer]))

if (import.meta.main) NodeRuntime.runMain(main)
