/**
 * A token quota: calls wait here for their turn instead of being refused there.
 *
 * Bedrock sets the prompt and `maxTokens` aside when a request starts, and settles when it ends. The policy does the same
 * sum, so a pipeline runs at the speed of its quota and is never throttled.
 *
 * Offline, the emulator has a quota of 4,000 tokens in four seconds instead of a minute, and keeps it as Bedrock does.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService, Concurrency, Policy, Quota } from "@strata/core"
import { Clock, Console, Effect } from "effect"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"

const tokens = 4_000

const policy = Policy.make({
  // With Bedrock: Quota.tokens({ perMinute: 400_000 }), the figure of the Service Quotas console.
  quota: Quota.tokens({ windows: [{ tokens, per: "4 seconds" }] }),
  // As many calls at once as the service takes.
  concurrency: Concurrency.adaptive({ max: 64 })
})

const questions = Array.from({ length: 40 }, (_, index) => ({
  messages: `Question ${index + 1}: ${"what is a stratum? ".repeat(1 + (index * 7) % 40)}`,
  maxTokens: 200
}))

const program = Effect.gen(function*() {
  const progress = yield* Progress.make("asking", questions.length)
  const start = yield* Clock.currentTimeMillis
  const answers = yield* Effect.forEach(
    questions,
    (question) => Effect.tap(ChatService.generate(question), progress.step),
    { concurrency: "unbounded" } // the policy bounds it
  )
  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  const drawn = answers.reduce((sum, { usage }) => sum + usage.totalTokens, 0)
  yield* Console.log(`${answers.length} answers, ${drawn} tokens in ${seconds.toFixed(1)} s, nothing refused`)
})

const Chat = Provider.limited({ "*": { tokensPerMinute: tokens, window: "4 seconds" } }).pipe(
  ChatService.withPolicy(policy)
)

export const main = program.pipe(Effect.provide(Chat))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
