/**
 * Semantic search: embed some texts and a question, and rank the texts by how close they are to it.
 *
 * Offline, a sentence encoder on this machine plays the model.
 */
import { NodeRuntime } from "@effect/platform-node"
import { EmbeddingService, Vector } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const texts = [
  "You can reset your password on the account page.",
  "Our office is closed on public holidays.",
  "Invoices are sent at the end of each month.",
  "The app needs access to your camera to scan documents."
]

export const main = Effect.gen(function*() {
  // One vector for each text, in order, in as few requests as the model allows.
  const { embeddings, usage } = yield* EmbeddingService.embedMany(texts, { purpose: "document" })
  const { vector } = yield* EmbeddingService.embed("I forgot my login", { purpose: "query" })
  const ranked = texts
    .map((text, index) => ({ text, score: Vector.cosine(vector, embeddings[index]!.vector) }))
    .sort((a, b) => b.score - a.score)
  for (const { score, text } of ranked) yield* Console.log(`${score.toFixed(2)}  ${text}`)
  yield* Console.log(`(${vector.length} dimensions, ${usage.inputTokens} tokens)`)
}).pipe(Effect.provide(Provider.layer))

if (import.meta.main) NodeRuntime.runMain(main)
