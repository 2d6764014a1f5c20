/**
 * One of the processes of `shared-redis.ts`: it asks ten questions at once, within a quota on the Redis of `REDIS_URL`, and
 * knows nothing of the others.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService, Policy, Quota } from "@strata/core"
import { SharedState } from "@strata/persistence"
import { Clock, Config, Console, Effect, Layer, Redacted } from "effect"

const program = Effect.gen(function*() {
  const start = yield* Clock.currentTimeMillis
  const seconds = yield* Effect.forEach(
    Array.from({ length: 10 }, (_, index) => `Question ${index + 1}: ${"what is a stratum? ".repeat(30)}`),
    (messages) =>
      ChatService.generate({ messages, maxTokens: 100 }).pipe(
        Effect.andThen(Clock.currentTimeMillis),
        Effect.map((end) => (end - start) / 1000)
      ),
    { concurrency: "unbounded" }
  )
  const [first, last] = [Math.min(...seconds), Math.max(...seconds)]
  yield* Console.log(`10 answers, the first after ${first.toFixed(1)} s, the last after ${last.toFixed(1)} s`)
})

const Chat = Layer.unwrap(Effect.map(Config.Redacted("REDIS_URL"), (url) =>
  BedrockChat.layer({
    model: "us.amazon.nova-lite-v1:0",
    policy: Policy.make({ quota: Quota.make({ windows: [{ tokens: 2_000, per: "1 second" }] }) })
  }).pipe(
    Layer.provide(BedrockClient.layer()),
    Layer.provide(SharedState.layerRedis(NodeRedis.layer({ url: Redacted.value(url), disableOfflineQueue: true })))
  )))

program.pipe(Effect.provide(Chat), NodeRuntime.runMain)
