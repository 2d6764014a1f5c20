/**
 * Mark the part of a prompt that stays the same: the model reads it once, and from its cache after that.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, Message } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

// A prefix must be long enough for the model to cache it: 1,024 tokens for this one.
const manual = Array.from({ length: 400 }, (_, index) => `Rule ${index + 1}: press button ${index % 7} and wait.`).join(
  " "
)

const ask = (question: string) =>
  ChatService.generate({
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: [
      Message.system([Message.text(manual, { cache: { ttl: "5m" } })]),
      Message.user(question)
    ],
    maxTokens: 100
  })

const program = Effect.gen(function*() {
  for (const question of ["Which button is for rule 12?", "And for rule 300?"]) {
    const { text, usage } = yield* ask(question)
    yield* Console.log(text)
    yield* Console.log(
      `(${usage.inputTokens} tokens read, ${usage.cacheWriteTokens} written to the cache, ${usage.cacheReadTokens} from it)`
    )
  }
})

export const main = program.pipe(Effect.provide(Provider.scripted(["Button 4.", "Button 5."])))

if (import.meta.main) NodeRuntime.runMain(main)
