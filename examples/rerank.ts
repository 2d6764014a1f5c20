/**
 * The last step of a search: many candidates are found somehow, a reranker reads each beside the question and says which
 * are worth showing.
 */
import { NodeRuntime } from "@effect/platform-node"
import { BedrockRerank } from "@strata/bedrock"
import { RerankService } from "@strata/core"
import { Config, Console, Effect, Layer } from "effect"
import * as Provider from "./src/Provider.ts"

const candidates = [
  { title: "Invoices", text: "Invoices are sent by email at the end of each month." },
  { title: "Two keys", text: "The front door has two keys, and the caretaker keeps the second one." },
  { title: "Sign in", text: "If you forgot your password, ask for a new one on the login page." },
  { title: "Camera", text: "The app needs access to your camera to scan documents." },
  { title: "Passwords", text: "A good password is long and used for one account only." }
]

const program = Effect.gen(function*() {
  // The values come back, not only their places: best first, and no more than asked for.
  const ranked = yield* RerankService.rerankBy(
    "I cannot log in, I forgot my password",
    candidates,
    ({ text }) => text,
    { topN: 3 }
  )
  yield* Effect.forEach(ranked, ({ score, value }) => Console.log(`${score.toFixed(2)}  ${value.title}: ${value.text}`))
})

const Rerank = BedrockRerank.layerConfig({
  model: Config.String("STRATA_RERANK_MODEL").pipe(Config.withDefault("cohere.rerank-v3-5:0"))
}).pipe(Layer.provide(Provider.bedrock()))

export const main = program.pipe(Effect.provide(Rerank))

if (import.meta.main) NodeRuntime.runMain(main)
