/**
 * Ask a model, read the answer as it is written.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { ExtractiveChat } from "@strata/local"
import { Effect, Stream, Terminal } from "effect"
import * as Provider from "./src/Provider.ts"

const question = ExtractiveChat.prompt({
  question: "When does the museum open on Sundays?",
  passages: [
    { source: "visit", text: "The museum opens at ten on weekdays. On Sundays it opens at noon and closes at six." },
    { source: "tickets", text: "A ticket costs twelve euros. Children under twelve enter for free." }
  ]
})

const program = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  yield* ChatService.stream({ messages: question, maxTokens: 200 }).pipe(
    Stream.runForEach((event) => {
      switch (event.type) {
        case "text-delta":
          return terminal.display(event.delta)
        case "finish":
          return terminal.display(`\n(${event.finishReason}, ${event.usage.outputTokens} tokens)\n`)
        default:
          return Effect.void
      }
    })
  )
})

export const main = program.pipe(Effect.provide(Provider.layer))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
