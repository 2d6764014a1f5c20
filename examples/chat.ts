/**
 * Ask a model, get the whole answer.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const program = Effect.gen(function*() {
  const response = yield* ChatService.generate({
    messages: [
      { role: "system", content: "Answer in one sentence." },
      { role: "user", content: "What are you?" }
    ],
    maxTokens: 200
  })
  yield* Console.log(response.text)
  yield* Console.log(
    `(${response.model}: ${response.usage.inputTokens} tokens in, ${response.usage.outputTokens} out, ${response.finishReason})`
  )
})

export const main = program.pipe(Effect.provide(Provider.layer))

if (import.meta.main) NodeRuntime.runMain(main)
