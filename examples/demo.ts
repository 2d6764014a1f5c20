/**
 * Documents flow in, get embedded, and questions are answered as a stream, with their sources.
 *
 * Everything goes through the AWS SDK and HTTP: to an emulator on this machine, or to Bedrock with
 * `STRATA_PROVIDER=bedrock` and AWS credentials.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService, type Embedding, EmbeddingService } from "@strata/core"
import { ExtractiveChat } from "@strata/local"
import { Clock, Effect, Stream, Terminal } from "effect"
import * as Activity from "./src/Activity.ts"
import * as Documentation from "./src/Documentation.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"
import * as VectorIndex from "./src/VectorIndex.ts"

const questions = [
  "How do I limit how many effects use a shared resource at the same time?",
  "How do I wrap a sensitive value so that output does not reveal it?",
  "What decides how long to wait before the next retry?"
]

const program = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const provider = yield* Provider.name
  const models = yield* Provider.models
  yield* terminal.display(
    `Strata demo: ${models.embedding} and ${models.chat}, ` +
      (provider === "bedrock" ? "on Amazon Bedrock\n\n" : "played by this machine behind an emulated Bedrock\n\n")
  )

  const start = yield* Clock.currentTimeMillis
  const chunks = yield* Documentation.chunks
  const progress = yield* Progress.make("Embedding", chunks.length)
  const index = yield* EmbeddingService.embedStream(Stream.fromIterable(chunks), ({ text }) => text).pipe(
    Stream.tap(() => progress.step),
    Stream.runCollect
  )

  yield* Effect.forEach(questions, (question) => answer(index, question), { discard: true })

  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  const { requests, tokens } = yield* Activity.summary
  yield* terminal.display(
    `\n${chunks.length} chunks, ${requests} requests, ${tokens} tokens, ${seconds.toFixed(1)} seconds\n`
  )
  if (process.stdin.isTTY) yield* converse(index)
})

/** Finds the passages closest to the question, and lets the model answer from them. */
const answer = Effect.fn("answer")(function*(
  index: ReadonlyArray<Embedding.Embedded<Documentation.Chunk>>,
  question: string
) {
  const terminal = yield* Terminal.Terminal
  yield* terminal.display(`\n? ${question}\n`)
  const { vector } = yield* EmbeddingService.embed(question, { purpose: "query" })
  const hits = VectorIndex.search(index, vector, 4)
  yield* ChatService.textStream({
    messages: [
      { role: "system", content: "Answer from the documents alone, in a few sentences, and name your sources." },
      { role: "user", content: ExtractiveChat.prompt({ question, passages: hits.map(({ value }) => value) }) }
    ],
    maxTokens: 300
  }).pipe(Stream.runForEach(terminal.display))
  yield* terminal.display(
    `\n  closest: ${hits.map(({ score, value }) => `${value.source} (${score.toFixed(2)})`).join(", ")}\n`
  )
})

const converse = Effect.fn("converse")(function*(index: ReadonlyArray<Embedding.Embedded<Documentation.Chunk>>) {
  const terminal = yield* Terminal.Terminal
  yield* terminal.display("\nAsk about Effect; an empty line ends.\n")
  const ask = Effect.gen(function*() {
    yield* terminal.display("\n> ")
    const question = yield* terminal.readLine
    if (question.trim() === "") return false
    yield* answer(index, question)
    return true
  })
  yield* Effect.repeat(ask, { while: (more) => more }).pipe(Effect.catchTag("QuitError", () => Effect.void))
})

export const main = program.pipe(Effect.provide(Provider.layer))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
