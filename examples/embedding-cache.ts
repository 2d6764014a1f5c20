/**
 * Embed a text once: vectors are kept in memory, and only new texts reach the model.
 *
 * `Layer.provide(EmbeddingCachePersistence.layerKeyValueStore())` of `@strata/persistence` keeps them in files instead, and others like it in SQL
 * or in Redis.
 */
import { NodeRuntime } from "@effect/platform-node"
import { EmbeddingService } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const monday = ["Alerts are checked at nine.", "Backups run at noon.", "Reports go out at five."]
const tuesday = [...monday, "Invoices go out at six."]

const program = Effect.gen(function*() {
  for (const [day, texts] of Object.entries({ monday, tuesday, wednesday: tuesday })) {
    const { embeddings, requests, usage } = yield* EmbeddingService.embedMany(texts)
    yield* Console.log(`${day}: ${embeddings.length} vectors, ${requests} requests, ${usage.inputTokens} tokens`)
  }
})

const Cached = Provider.layer.pipe(EmbeddingService.withCache({ timeToLive: "30 days" }))

export const main = program.pipe(Effect.provide(Cached))

if (import.meta.main) NodeRuntime.runMain(main)
