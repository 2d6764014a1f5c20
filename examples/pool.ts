/**
 * Three regions, one service: each call goes to the region that has the most room in its quota, and what waits is sent by the
 * first that has some. A region that is down leaves the pool, and comes back when a call that probes it is answered.
 *
 * Offline, the regions are emulated, with quotas of 6,000, 3,000 and 1,500 tokens in two seconds, and the second is down at
 * first.
 */
import { NodeRuntime } from "@effect/platform-node"
import { BedrockChat } from "@strata/bedrock"
import { ChatService, Policy, Quota } from "@strata/core"
import { Array, Clock, Console, Effect, Layer } from "effect"
import * as Provider from "./src/Provider.ts"

const limit = (tokens: number) => ({ tokensPerMinute: tokens, window: "2 seconds" as const })

const client = Provider.regions(["us-east-1", "us-west-2", "eu-west-1"], {
  quota: { "us-east-1/*": limit(6_000), "us-west-2/*": limit(3_000), "eu-west-1/*": limit(1_500) },
  faults: [{
    type: "exception",
    exception: "ServiceUnavailableException",
    region: "us-west-2",
    lasting: "900 millis"
  }]
})

const lane = (region: Parameters<typeof client>[0], tokens: number) =>
  BedrockChat.layer({
    model: "amazon.nova-lite-v1:0",
    policy: Policy.make({ quota: Quota.make({ windows: [{ tokens, per: "2 seconds" }] }) })
  }).pipe(Layer.provide(client(region)))

const Chat = ChatService.withPool({
  "us-east-1": lane("us-east-1", 6_000),
  "us-west-2": lane("us-west-2", 3_000),
  // Used last: data may leave the country only when there is no other way.
  "eu-west-1": { layer: lane("eu-west-1", 1_500), cost: 2 }
})

const program = Effect.gen(function*() {
  const start = yield* Clock.currentTimeMillis
  const answers = yield* Effect.forEach(
    Array.makeBy(120, (index) => `Question ${index + 1}: ${"what is a stratum? ".repeat(30)}`),
    (messages) => ChatService.generate({ messages, maxTokens: 100 }),
    { concurrency: "unbounded" }
  )
  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  yield* Console.log(`${answers.length} answers in ${seconds.toFixed(1)} s`)
  const byLane = Array.groupBy(answers, ({ lane = "none" }) => lane)
  for (const [name, given] of Object.entries(byLane)) {
    const tokens = given.reduce((sum, { usage }) => sum + usage.totalTokens, 0)
    yield* Console.log(`  ${name}: ${given.length} answers, ${tokens} tokens`)
  }
})

export const main = program.pipe(Effect.provide(Chat))

if (import.meta.main) NodeRuntime.runMain(main)
