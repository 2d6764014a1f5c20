/**
 * Semantic search in twenty lines: embed some texts, embed a question, compare.
 */
import { NodeRuntime } from "@effect/platform-node"
import { EmbeddingService } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const texts = [
  "You can reset your password on the account page.",
  "Our office is closed on public holidays.",
  "Invoices are sent at the end of each month.",
  "The app needs access to your camera to scan documents."
]

const program = Effect.gen(function*() {
  // One vector for each text, in order; how many requests that takes is the planner's business.
  const { embeddings, usage } = yield* EmbeddingService.embedMany(texts, { purpose: "document" })
  const question = yield* EmbeddingService.embed("I forgot my login", { purpose: "query" })

  const ranked = texts
    .map((text, index) => ({ text, score: dot(question.vector, embeddings[index]!.vector) }))
    .sort((a, b) => b.score - a.score)

  yield* Effect.forEach(ranked, ({ score, text }) => Console.log(`${score.toFixed(2)}  ${text}`))
  yield* Console.log(`(${question.vector.length} dimensions, ${usage.inputTokens ?? "uncounted"} tokens)`)
})

// The vectors have unit length, so their dot product is their cosine.
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

export const main = program.pipe(Effect.provide(Provider.layer))

if (import.meta.main) NodeRuntime.runMain(main)
