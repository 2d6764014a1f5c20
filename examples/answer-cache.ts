/**
 * Ask once: an answer is kept in memory, and equal questions at the same time are one call.
 *
 * `Layer.provide(ChatCachePersistence.layerPersistence())` of `@strata/persistence` keeps answers in Redis or SQL instead, for all processes.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { ExtractiveChat } from "@strata/local"
import { Console, Effect, Stream } from "effect"
import * as Provider from "./src/Provider.ts"

const question = {
  messages: ExtractiveChat.prompt({
    question: "When does the museum open on Sundays?",
    passages: [{ source: "visit", text: "The museum opens at ten on weekdays. On Sundays it opens at noon." }]
  }),
  maxTokens: 200
}

const program = Effect.gen(function*() {
  const answers = yield* Effect.all(Array.from({ length: 20 }, () => ChatService.generate(question)), {
    concurrency: "unbounded"
  })
  const paid = answers.filter(({ cached }) => cached !== true)
  yield* Console.log(`${answers.length} answers, ${paid.length} paid for: ${answers[0]?.text}`)

  // What was generated can be streamed, and the other way round.
  yield* ChatService.stream(question).pipe(
    Stream.filter((event) => event.type === "finish"),
    Stream.runForEach(({ cached, cost }) => Console.log(`streamed, cached: ${cached}, cost: ${cost?.total}`))
  )
})

const Cached = Provider.layer.pipe(ChatService.withCache({ timeToLive: "1 hour" }))

export const main = program.pipe(Effect.provide(Cached))

if (import.meta.main) NodeRuntime.runMain(main)
