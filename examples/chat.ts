/**
 * Ask a model, get the whole answer, and what it took.
 *
 * Offline, a script plays the model.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, Message } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

export const main = Effect.gen(function*() {
  const { finishReason, model, text, usage } = yield* ChatService.generate({
    messages: [Message.system("Answer in one sentence."), Message.user("Why is the sky blue?")],
    maxTokens: 200
  })
  yield* Console.log(text)
  yield* Console.log(`(${model}: ${usage.inputTokens} tokens in, ${usage.outputTokens} out, ${finishReason})`)
}).pipe(Effect.provide(Provider.scripted(["Air scatters the blue in sunlight more than the red."])))

if (import.meta.main) NodeRuntime.runMain(main)
