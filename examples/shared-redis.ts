/**
 * Two processes, one quota: what they set aside and spend is on one ledger, in Redis. So are breakers, adaptive limits,
 * budgets and caches. Kill one of them, and what it had set aside comes back.
 *
 * Each process, `src/QuotaWorker.ts`, asks ten questions at once, of 150 tokens each: 3,000 tokens for a quota of 2,000 a
 * second. So about thirteen answers come at once, in whichever process asked first, and the others when a second has passed.
 * Without the ledger each process would take the quota for its own, and requests would be refused.
 *
 * The Redis is that of `REDIS_URL`, or a `redis-server` started here. Offline, the emulator has the same quota and a script
 * plays the model; the workers ask it as they would ask Bedrock.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Emulator, Script } from "@strata/emulator"
import { Config, Console, Effect, Layer, Redacted, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Redis from "./src/Redis.ts"

/** Starts the workers, and shows what they say. */
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
  yield* Effect.forEach(["one", "two"], (name) =>
    Effect.gen(function*() {
      const child = yield* ChildProcess.make(process.execPath, [`${import.meta.dirname}/src/QuotaWorker.ts`], {
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

/** The quota of the workers, as the service keeps it. */
const Bedrock = Script.layerEmulator(
  { answers: ["A layer."], atEnd: "repeat" },
  { quota: { "*": { tokensPerMinute: 2_000, window: "1 second" } } }
)

export const main = program.pipe(Effect.provide(Layer.merge(Bedrock, Redis.layer)))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
