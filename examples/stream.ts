/**
 * Ask a model, and show the answer while it is written.
 *
 * Offline, a script plays the model, and writes a word in 60 ms.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { Effect, Stream, Terminal } from "effect"
import * as Provider from "./src/Provider.ts"

const script = [{
  content: "The museum opens at noon on Sundays, and at ten on other days.",
  interval: "60 millis"
}] as const

const write = (text: string) => Effect.flatMap(Terminal.Terminal, ({ display }) => display(text))

export const main = ChatService.stream({ messages: "When does the museum open on Sundays?", maxTokens: 200 }).pipe(
  Stream.runForEach((event) => {
    if (event.type === "text-delta") return write(event.delta)
    return event.type === "finish"
      ? write(`\n(${event.finishReason}, ${event.usage.outputTokens} tokens)\n`)
      : Effect.void
  }),
  Effect.provide([Provider.scripted(script), NodeServices.layer])
)

if (import.meta.main) NodeRuntime.runMain(main)
