/**
 * Three processes, one quota: what they set aside and spend is on one ledger, in Redis. So are breakers, adaptive limits,
 * budgets and caches. Kill one of them, and what it had set aside comes back.
 *
 * Each process asks ten questions at once, of 150 tokens each: 4,500 tokens for a quota of 3,000 a second. So about twenty
 * answers come at once, in whichever process asked first, and the others when a second has passed. Without the ledger each
 * process would take the quota for its own, and requests would be refused.
 *
 * The Redis is that of `REDIS_URL`, or a `redis-server` started here. Offline, the emulator has the same quota and a script
 * plays the model; the three ask it as they would ask Bedrock.
 */
import { NodeRedis, NodeRuntime, NodeServices } from "@effect/platform-node"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService, Policy, Quota } from "@strata/core"
import { Emulator, Script } from "@strata/emulator"
import { SharedState } from "@strata/persistence"
import { Clock, Config, Console, Effect, Layer, Redacted, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Redis from "./src/Redis.ts"

const tokens = 3_000

/** What each of the three does: it knows nothing of the others. */
const worker = Effect.gen(function*() {
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
    policy: Policy.make({ quota: Quota.make({ windows: [{ tokens, per: "1 second" }] }) })
  }).pipe(
    Layer.provide(BedrockClient.layer()),
    Layer.provide(SharedState.layerRedis(NodeRedis.layer({ url: Redacted.value(url), disableOfflineQueue: true })))
  )))

/** Starts the three, and shows what they say. */
const program = Effect.gen(function*() {
  const isOffline = (yield* Config.String("STRATA_PROVIDER").pipe(Config.withDefault("local"))) !== "bedrock"
  const { client, statistics } = yield* Emulator.Emulator
  const env = {
    REDIS_URL: yield* Redis.RedisUrl,
    ...(isOffline && {
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: client.endpoint,
      AWS_REGION: client.region,
      AWS_ACCESS_KEY_ID: client.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: Redacted.value(client.credentials.secretAccessKey)
    })
  }
  yield* Effect.forEach(["one", "two", "three"], (name) =>
    Effect.gen(function*() {
      const child = yield* ChildProcess.make(process.execPath, [import.meta.filename, "worker"], {
        env,
        extendEnv: true
      })
      yield* child.all.pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.runForEach((line) => Console.log(`${name}: ${line}`))
      )
    }).pipe(Effect.scoped), { concurrency: "unbounded" })
  for (const [model, { completed, throttled, used }] of Object.entries((yield* statistics).quota)) {
    yield* Console.log(`${model}: ${completed} requests, ${used} tokens, ${throttled} refused`)
  }
})

const Bedrock = Script.layerEmulator(
  { answers: ["A layer."], atEnd: "repeat" },
  { quota: { "*": { tokensPerMinute: tokens, window: "1 second" } } }
)

export const main = program.pipe(Effect.provide(Layer.merge(Bedrock, Redis.layer)))

if (import.meta.main) {
  if (process.argv[2] === "worker") worker.pipe(Effect.provide(Chat), NodeRuntime.runMain)
  else main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
}
