/**
 * Two thousand texts through three clients, in one run against one emulator that takes 50 ms a request: Strata, the AI SDK
 * and LangChain, each with as many requests in flight. Then a stream of a million texts through Strata alone, to see what
 * it keeps in memory.
 */
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock"
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import { BedrockEmbeddings } from "@langchain/aws"
import { BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { EmbeddingService, Policy } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { embedMany } from "ai"
import { Clock, Console, Effect, Layer, Redacted, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Table from "./Table.ts"

const keys = {
  accessKeyId: Emulator.defaultCredentials.accessKeyId,
  secretAccessKey: Redacted.value(Emulator.defaultCredentials.secretAccessKey)
}
const region = "us-east-1"
const cohere = "cohere.embed-english-v3"
const titan = "amazon.titan-embed-text-v2:0"

const texts = Array.from({ length: 2000 }, (_, index) => `Text number ${index} of the collection, some ten words long`)

const strata = (endpoint: string, concurrency: number) =>
  BedrockEmbedding.layer({ policy: Policy.make({ concurrency }) }).pipe(
    Layer.provide(BedrockClient.layer({ region, endpoint, credentials: Emulator.defaultCredentials }))
  )

/** All the texts through a client, with so many requests in flight at most; how many vectors there are. */
type Through = (endpoint: string, model: string, concurrency: number) => Effect.Effect<number, unknown>

const throughStrata: Through = (endpoint, model, concurrency) =>
  Effect.map(EmbeddingService.embedMany(texts, { model }), ({ embeddings }) => embeddings.length).pipe(
    Effect.provide(strata(endpoint, concurrency))
  )

const throughAiSdk: Through = (endpoint, model, concurrency) =>
  Effect.tryPromise(() =>
    embedMany({
      model: createAmazonBedrock({ region, baseURL: endpoint, ...keys }).embedding(model),
      values: texts,
      maxParallelCalls: concurrency
    })
  ).pipe(Effect.map(({ embeddings }) => embeddings.length))

const throughLangChain: Through = (endpoint, model, concurrency) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new BedrockRuntimeClient({ region, endpoint, credentials: keys })),
    (client) =>
      Effect.tryPromise(() =>
        new BedrockEmbeddings({ region, model, client, maxConcurrency: concurrency }).embedDocuments(texts)
      ),
    (client) => Effect.sync(() => client.destroy())
  ).pipe(Effect.map((vectors) => vectors.length))

const rounds = 3

/**
 * Wall time, CPU time of this process and the most memory seen while it ran, of the round with the median CPU time; one
 * round before is for the compiler and the connections.
 */
const measure = Effect.fnUntraced(function*<E, R>(run: Effect.Effect<number, E, R>) {
  yield* Effect.ignoreCause(run)
  const results: Array<readonly [string | number, number, number, number]> = []
  for (let round = 0; round < rounds; round++) {
    let peak = process.memoryUsage().rss
    const watch = Effect.forever(
      Effect.delay(Effect.sync(() => peak = Math.max(peak, process.memoryUsage().rss)), "20 millis")
    )
    const start = yield* Clock.currentTimeMillis
    const before = process.cpuUsage()
    const vectors = yield* Effect.raceFirst(run, watch).pipe(Effect.catchCause(() => Effect.succeed("failed")))
    const { system, user } = process.cpuUsage(before)
    const end = yield* Clock.currentTimeMillis
    results.push([vectors, end - start, Math.round((system + user) / 1000), Math.round(peak / 1e6)])
  }
  return results.sort((self, that) => self[2] - that[2])[rounds >> 1]!
})

const peers = Effect.gen(function*() {
  const endpoint = yield* EmulatorProcess.start({ latency: 50 })
  const rows: Array<ReadonlyArray<string | number>> = [[
    "2,000 texts, 50 ms a request",
    "at once",
    "vectors",
    "ms",
    "CPU ms",
    "peak MB"
  ]]
  const clients: Record<string, Through> = {
    "Strata": throughStrata,
    "AI SDK": throughAiSdk,
    "LangChain": throughLangChain
  }
  for (
    const [family, model, concurrency] of [["Cohere", cohere, 32], ["Titan", titan, 32], ["Titan", titan, 128]] as const
  ) {
    for (const [client, through] of Object.entries(clients)) {
      if (client === "LangChain" && family === "Cohere") continue // it writes the bodies of Titan only
      rows.push([`${family}, ${client}`, concurrency, ...yield* measure(through(endpoint, model, concurrency))])
    }
  }
  yield* Console.log(Table.render(rows))
})

/** Peak memory once so many texts have passed. */
const stream = Effect.gen(function*() {
  const endpoint = yield* EmulatorProcess.start({ latency: 0 })
  const rows: Array<ReadonlyArray<string | number>> = [["texts through one stream", "seconds", "peak MB"]]
  const start = yield* Clock.currentTimeMillis
  let count = 0
  let peak = 0
  yield* EmbeddingService.embedStream(Stream.range(1, 1_000_000), (n) => `text ${n}`, { model: cohere }).pipe(
    Stream.runForEachArray((embedded) =>
      Effect.gen(function*() {
        const before = count
        count += embedded.length
        peak = Math.max(peak, process.memoryUsage().rss)
        for (const mark of [100_000, 1_000_000]) {
          if (before >= mark || count < mark) continue
          const now = yield* Clock.currentTimeMillis
          rows.push([mark, ((now - start) / 1000).toFixed(0), Math.round(peak / 1e6)])
        }
      })
    ),
    Effect.provide(strata(endpoint, 50))
  )
  yield* Console.log(Table.render(rows))
})

/** Both. The stream takes some minutes. */
export const run: Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner> = Effect.gen(function*() {
  yield* Effect.scoped(peers)
  yield* Console.log("")
  yield* Effect.scoped(stream)
})
