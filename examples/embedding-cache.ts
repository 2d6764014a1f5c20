/**
 * Embed a text once: vectors are kept, here in memory, and only new texts reach the model.
 *
 * `EmbeddingCachePersistence` keeps them in files, in SQL or in Redis instead.
 */
import { NodeRuntime } from "@effect/platform-node"
import { EmbeddingCache, EmbeddingService } from "@strata/core"
import { Console, Effect, Layer } from "effect"
import * as Provider from "./src/Provider.ts"

const monday = ["Alerts are checked at nine.", "Backups run at noon.", "Reports go out at five."]
const tuesday = [...monday, "Invoices go out at six."]

const program = Effect.gen(function*() {
  for (const [day, texts] of Object.entries({ monday, tuesday, wednesday: tuesday })) {
    const { embeddings, requests, usage } = yield* EmbeddingService.embedMany(texts)
    yield* Console.log(`${day}: ${embeddings.length} vectors, ${requests} requests, ${usage.inputTokens} tokens`)
  }
})

const Cached = Provider.layer.pipe(
  EmbeddingCache.withCache({ timeToLive: "30 days" }),
  Layer.provide(EmbeddingCache.layerMemory())
)

program.pipe(Effect.provide(Cached), NodeRuntime.runMain)
