/**
 * A stream of a million texts through Strata: what it keeps in memory.
 */
import { BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { EmbeddingService, Policy } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { Clock, Console, Effect, Layer, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Table from "./Table.ts"

const strata = (endpoint: string) =>
  BedrockEmbedding.layer({ policy: Policy.make({ concurrency: 50 }) }).pipe(
    Layer.provide(BedrockClient.layer({ region: "us-east-1", endpoint, credentials: Emulator.defaultCredentials }))
  )

/** Peak memory once so many texts have passed; some minutes. */
export const run: Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner> = Effect.scoped(
  Effect.gen(function*() {
    const endpoint = yield* EmulatorProcess.start({ latency: 0 })
    const rows: Array<ReadonlyArray<string | number>> = [["texts through one stream", "seconds", "peak MB"]]
    const start = yield* Clock.currentTimeMillis
    let count = 0
    let peak = 0
    const texts = Stream.range(1, 1_000_000)
    yield* EmbeddingService.embedStream(texts, (n) => `text ${n}`, { model: "cohere.embed-english-v3" }).pipe(
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
      Effect.provide(strata(endpoint))
    )
    yield* Console.log(Table.render(rows))
  })
)
