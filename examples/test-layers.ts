/**
 * Test a program that asks a model, without a model: provide other layers.
 *
 * Run as a program it shows what the doubles do; in your project the two cases would be tests of `@effect/vitest`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, EmbeddingService, ProviderError, Vector } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Console, Effect } from "effect"

/** The program under test: sums up a text, and gives the text itself back when the model is too busy. */
const summarize = (text: string) =>
  ChatService.text({ messages: [{ role: "user", content: `Sum up in one sentence: ${text}` }], maxTokens: 100 }).pipe(
    Effect.catchTag("RateLimitError", () => Effect.succeed(text))
  )

const answers = Effect.gen(function*() {
  const summary = yield* summarize("A long story about a fox and some grapes.")
  const { requests } = yield* TestChat.TestChat
  yield* Console.log(`The double answered: ${summary}`)
  yield* Console.log(`It was asked: ${JSON.stringify((yield* requests)[0]?.messages)}`)
}).pipe(Effect.provide(TestChat.layer(["A fox gives up on grapes."])))

const failures = Effect.gen(function*() {
  const summary = yield* summarize("A short story.")
  yield* Console.log(`The double refused, so the text came back: ${summary}`)
}).pipe(
  Effect.provide(TestChat.layer([new ProviderError.RateLimitError({ provider: "test", message: "Too many requests" })]))
)

const vectors = Effect.gen(function*() {
  const { embeddings } = yield* EmbeddingService.embedMany(["red apples", "green apples", "blue whales"])
  const [red, green, whales] = embeddings.map(({ vector }) => vector)
  const [apples, whale] = [Vector.cosine(red!, green!), Vector.cosine(red!, whales!)]
  yield* Console.log(`apples and apples: ${apples.toFixed(2)}, apples and whales: ${whale.toFixed(2)}`)
}).pipe(Effect.provide(TestEmbedding.layer()))

export const main = Effect.all([answers, failures, vectors], { discard: true })

if (import.meta.main) NodeRuntime.runMain(main)
