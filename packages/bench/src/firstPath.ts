/**
 * The figures of the first path, Strata beside the AWS SDK with its defaults, in one run against one emulator:
 * a burst of calls, a thousand calls of which three hundred are refused once, a thousand embeddings; and calls to a model that
 * is down.
 */
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { ChatService, EmbeddingService, Policy } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { Clock, Console, Effect, Exit, Layer, Redacted } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Resilience from "./resilience.ts"
import * as Table from "./Table.ts"

const model = "amazon.nova-lite-v1:0"
const credentials = Emulator.defaultCredentials

const strata = (endpoint: string) =>
  Layer.mergeAll(
    BedrockChat.layer({ model, policy: Policy.make({ concurrency: 1000 }) }),
    BedrockEmbedding.layer({ model: "cohere.embed-english-v3" })
  ).pipe(
    Layer.provide(BedrockClient.layer({
      region: "us-east-1",
      endpoint,
      credentials
    }))
  )

const sdk = (endpoint: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      new BedrockRuntimeClient({
        region: "us-east-1",
        endpoint,
        credentials: {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: Redacted.value(credentials.secretAccessKey)
        }
      })
    ),
    (client) => Effect.sync(() => client.destroy())
  )

const ask = ChatService.generate({ messages: "What is the capital of France?", maxTokens: 10 })

const askSdk = (client: BedrockRuntimeClient) =>
  Effect.tryPromise(() =>
    client.send(
      new ConverseCommand({
        modelId: model,
        messages: [{ role: "user", content: [{ text: "What is the capital of France?" }] }],
        inferenceConfig: { maxTokens: 10 }
      })
    )
  )

/** Milliseconds for `count` calls at once, and how many of them succeeded. */
const burst = Effect.fnUntraced(function*<A, E, R>(call: Effect.Effect<A, E, R>, count: number) {
  const start = yield* Clock.currentTimeMillis
  const exits = yield* Effect.forEach(Array.from({ length: count }), () => Effect.exit(call), {
    concurrency: "unbounded"
  })
  const end = yield* Clock.currentTimeMillis
  return { milliseconds: end - start, succeeded: exits.filter(Exit.isSuccess).length }
})

/** A burst with no connection open, then the median of five more over the connections it left. */
const coldAndWarm = Effect.fnUntraced(function*<A, E, R>(call: Effect.Effect<A, E, R>, count: number) {
  const cold = yield* burst(call, count)
  const warm = yield* Effect.all(Array.from({ length: 5 }, () => burst(call, count)))
  const sorted = warm.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return [cold.milliseconds, sorted[2] ?? 0]
})

/** 1, 10, 100 and 1,000 calls of 500 ms at once, after both clients have made some thousand calls. */
const bursts = Effect.gen(function*() {
  const endpoint = yield* EmulatorProcess.start({ latency: 500 })
  const ours = (count: number) => Effect.provide(coldAndWarm(ask, count), strata(endpoint))
  const theirs = (count: number) =>
    Effect.scoped(Effect.flatMap(sdk(endpoint), (client) => coldAndWarm(askSdk(client), count)))
  yield* Effect.all([ours(200), ours(200), theirs(200), theirs(200)]) // for the compiler to know the way
  const rows: Array<ReadonlyArray<string | number>> = [[
    "calls of 500 ms, wall ms",
    "Strata cold",
    "warm",
    "AWS SDK cold",
    "warm"
  ]]
  for (const count of [1, 10, 100, 1000]) rows.push([count, ...yield* ours(count), ...yield* theirs(count)])
  yield* Console.log(Table.render(rows))
})

/** A thousand calls at once, of which the service refuses three hundred. */
const refusals = Effect.gen(function*() {
  const rows: Array<ReadonlyArray<string | number>> = [["1,000 calls, 300 refused once", "succeeded", "failed", "ms"]]
  const throttled = EmulatorProcess.start({ latency: 50, faults: [{ type: "throttle", times: 300 }] })
  const ours = yield* Effect.flatMap(throttled, (endpoint) => Effect.provide(burst(ask, 1000), strata(endpoint)))
  const theirs = yield* Effect.flatMap(
    throttled,
    (endpoint) => Effect.scoped(Effect.flatMap(sdk(endpoint), (client) => burst(askSdk(client), 1000)))
  )
  for (const [name, result] of [["Strata", ours], ["AWS SDK", theirs]] as const) {
    rows.push([name, result.succeeded, 1000 - result.succeeded, result.milliseconds])
  }
  yield* Console.log(Table.render(rows))
})

/** A thousand texts through a model that takes 96 in a request. */
const embeddings = Effect.gen(function*() {
  const endpoint = yield* EmulatorProcess.start({ latency: 50 })
  const texts = Array.from({ length: 1000 }, (_, index) => `Text number ${index} of the collection`)
  const start = yield* Clock.currentTimeMillis
  const batch = yield* Effect.provide(EmbeddingService.embedMany(texts), strata(endpoint))
  const end = yield* Clock.currentTimeMillis
  yield* Console.log(Table.render([
    ["1,000 texts through Cohere", "requests", "vectors", "tokens", "ms"],
    ["Strata", batch.requests, batch.embeddings.length, batch.usage.inputTokens ?? "-", end - start]
  ]))
})

/** All three, and what an outage costs. */
export const run: Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner> = Effect.gen(function*() {
  yield* Effect.scoped(bursts)
  yield* Console.log("")
  yield* Effect.scoped(refusals)
  yield* Console.log("")
  yield* Effect.scoped(embeddings)
  yield* Console.log("")
  yield* Effect.scoped(Resilience.outage)
})
