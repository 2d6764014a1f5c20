/**
 * Ask a model, and show the answer while it is written.
 *
 * Offline, a script plays the model, and writes a word in 60 ms.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { Effect, Stream, Terminal } from "effect"
import * as Provider from "./src/Provider.ts"

export const main = ChatService.stream({ messages: "When does the museum open on Sundays?", maxTokens: 200 }).pipe(
  Stream.map((event) => {
    if (event.type === "finish") return `\n(${event.finishReason}, ${event.usage.outputTokens} tokens)\n`
    return event.type === "text-delta" ? event.delta : ""
  }),
  Stream.runForEach((text) => Terminal.Terminal.use(({ display }) => display(text))),
  Effect.provide(Provider.scripted([{ content: "The museum opens at noon on Sundays.", interval: "60 millis" }]))
)

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
