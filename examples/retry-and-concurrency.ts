/**
 * A policy declares how calls are made: how many at once, what is tried again, how long it may take.
 *
 * Sixty questions are asked at once. Offline, the emulator refuses the first twenty requests, as a busy Bedrock would, and
 * each of those calls is tried again until it is answered.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, Policy, Retry } from "@strata/core"
import { Clock, Console, Effect } from "effect"
import * as Activity from "./src/Activity.ts"
import * as Provider from "./src/Provider.ts"

const policy = Policy.make({
  // Permits are held while a call is in flight, never while it waits for its next try.
  concurrency: 16,
  // Exponential, jittered, longer after throttling, and never shorter than the service asks for.
  retry: Retry.exponential({ times: 6, base: "100 millis", rateLimitBase: "200 millis" }),
  timeouts: { attempt: "30 seconds", deadline: "2 minutes" }
})

const questions = Array.from({ length: 60 }, (_, index) => `Question ${index + 1}: what are you?`)

const program = Effect.gen(function*() {
  const start = yield* Clock.currentTimeMillis
  const results = yield* Effect.forEach(
    questions,
    (messages) => Effect.result(ChatService.generate({ messages, maxTokens: 50 })),
    { concurrency: "unbounded" } // the policy bounds it
  )
  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  const answered = results.filter((result) => result._tag === "Success").length
  yield* Console.log(`${answered} of ${questions.length} answered in ${seconds.toFixed(1)} s, 16 at a time`)
  yield* Console.log(
    `${(yield* Activity.summary).requests} requests were sent: those that were refused were sent again`
  )
})

export const main = program.pipe(
  Effect.provide(Provider.throttled(20).pipe(ChatService.withPolicy(policy)))
)

if (import.meta.main) NodeRuntime.runMain(main)
