/**
 * Calls to a model that is down, and to one that refuses calls at random: over the wire, with an emulator in a process of its own.
 */
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { Breaker, ChatService, Concurrency, Policy, Quota } from "@strata/core"
import { Emulator, type Fault } from "@strata/emulator"
import { Clock, Console, Effect, Exit, Layer, type Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Table from "./Table.ts"

const preferred = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
const fallback = "us.amazon.nova-pro-v1:0"

const client = (endpoint: string) =>
  BedrockClient.layer({ region: "us-east-1", endpoint, credentials: Emulator.defaultCredentials })

/** So many calls at once: what each came to, and after how many milliseconds, the fastest first. */
const calls = Effect.fnUntraced(function*(count: number) {
  const one = Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(ChatService.generate({ messages: "What is the capital of France?", maxTokens: 10 }))
    return { exit, millis: (yield* Clock.currentTimeMillis) - start }
  })
  const results = yield* Effect.all(Array.from({ length: count }, () => one), { concurrency: "unbounded" })
  const millis = results.map(({ millis }) => millis).sort((a, b) => a - b)
  return { answered: results.filter(({ exit }) => Exit.isSuccess(exit)).length, millis }
})

type Spawner = ChildProcessSpawner.ChildProcessSpawner | Scope.Scope

/** Twenty calls with the policy and the fallback of the README, while the first model is down: at once, and a while later. */
export const outage: Effect.Effect<void, unknown, Spawner> = Effect.gen(function*() {
  const down: ReadonlyArray<readonly [string, Fault.Fault]> = [
    ["503", { type: "exception", exception: "ServiceUnavailableException", model: preferred, lasting: "1 hour" }],
    ["500", { type: "exception", exception: "InternalServerException", model: preferred, lasting: "1 hour" }],
    ["no answer in 500 ms", { type: "stall", model: preferred, lasting: "1 hour" }]
  ]
  const rows: Array<ReadonlyArray<string | number>> = [[
    "20 calls, first model down",
    "answered",
    "median ms",
    "slowest ms",
    "slowest ms, circuit open"
  ]]
  for (const [name, fault] of down) {
    const endpoint = yield* EmulatorProcess.start({ latency: 200, faults: [fault] })
    const policy = Policy.make({
      quota: Quota.tokens({ perMinute: 400_000 }),
      concurrency: Concurrency.adaptive({ max: 128 }),
      breaker: Breaker.consecutive(5),
      timeouts: { deadline: "2 minutes", ...(fault.type === "stall" && { attempt: "500 millis" }) }
    })
    const Chat = BedrockChat.layer({ model: preferred, policy }).pipe(
      ChatService.withFallback(BedrockChat.layer({ model: fallback })),
      Layer.provide(client(endpoint))
    )
    const [first, second] = yield* Effect.all([calls(20), calls(20)]).pipe(Effect.provide(Chat))
    rows.push([
      name,
      first.answered + second.answered,
      first.millis[10] ?? "-",
      first.millis.at(-1) ?? "-",
      second.millis.at(-1) ?? "-"
    ])
  }
  yield* Console.log(Table.render(rows))
})

/** A thousand calls of 200 ms, of which one in twenty is refused at random: fixed numbers beside the adaptive limit. */
const noise: Effect.Effect<void, unknown, Spawner> = Effect.gen(function*() {
  const settings: ReadonlyArray<readonly [string, Concurrency.Concurrency]> = [
    ["8", 8],
    ["16", 16],
    ["32", 32],
    ["64", 64],
    ["adaptive, at most 64", Concurrency.adaptive({ max: 64 })],
    ["adaptive", Concurrency.adaptive()]
  ]
  const rows: Array<ReadonlyArray<string | number>> = [[
    "1,000 calls, 5 % refused at random",
    "answered",
    "950 answers ms",
    "all ms"
  ]]
  for (const [name, concurrency] of settings) {
    const endpoint = yield* EmulatorProcess.start({
      latency: 200,
      faults: [{ type: "throttle", probability: 0.05, seed: "noise" }]
    })
    const Chat = BedrockChat.layer({ model: fallback, policy: Policy.make({ concurrency }) }).pipe(
      Layer.provide(client(endpoint))
    )
    const { answered, millis } = yield* Effect.provide(calls(1_000), Chat)
    rows.push([name, answered, millis[949] ?? "-", millis.at(-1) ?? "-"])
  }
  yield* Console.log(Table.render(rows))
})

/** Both. */
export const run: Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner> = Effect.gen(function*() {
  yield* Effect.scoped(outage)
  yield* Console.log("")
  yield* Effect.scoped(noise)
})
