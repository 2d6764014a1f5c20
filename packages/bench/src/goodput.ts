/**
 * Goodput under a token quota: the same workload of mixed prompts through the AWS SDK with its standard and its adaptive
 * retry, through the AI SDK and through Strata, each against a fresh emulator that sets tokens aside as Bedrock does.
 *
 * Three minutes for each client, in real time, because the waits of the retries are: `pnpm bench goodput 1` makes it one.
 */
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService, Concurrency, Policy, Quota } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { Clock, Console, Duration, Effect, Exit, Layer, Redacted, type Scope } from "effect"
import * as Peers from "./compare/Peers.ts"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Table from "./Table.ts"

const region = "us-east-1"
const keys = {
  accessKeyId: Emulator.defaultCredentials.accessKeyId,
  secretAccessKey: Redacted.value(Emulator.defaultCredentials.secretAccessKey)
}

/** Its output costs five times its count. */
const model = "us.anthropic.claude-sonnet-4-20250514-v1:0"
const tokensPerMinute = 200_000
const outputTokens = 120
const workers = 32

/** What the workers ask: prompts of 100 to 6,000 tokens, with room for answers of 256 to 2,048. */
const questions = Array.from({ length: 97 }, (_, index) => ({
  prompt: `Summarize, please: ${"lorem ipsum dolor sit amet ".repeat(15 + (index * 37) % 97 * 9)}`,
  maxTokens: [256, 512, 1024, 2048][index % 4] ?? 256
}))
type Question = typeof questions[number]

/** One call of a client. */
type Ask = (question: Question) => Effect.Effect<unknown, unknown>

const throughSdk =
  (retryMode: "standard" | "adaptive") => (endpoint: string): Effect.Effect<Ask, unknown, Scope.Scope> =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new BedrockRuntimeClient({ region, endpoint, credentials: keys, retryMode })),
        (client) => Effect.sync(() => client.destroy())
      ),
      (client) => ({ maxTokens, prompt }) =>
        Effect.tryPromise((abortSignal) =>
          client.send(
            new ConverseCommand({
              modelId: model,
              messages: [{ role: "user", content: [{ text: prompt }] }],
              inferenceConfig: { maxTokens }
            }),
            { abortSignal }
          )
        )
    )

/** What `peers/aiSdk.mjs` exports for this. */
interface AiSdk {
  readonly asker: (
    options: { readonly url: string; readonly model: string } & typeof keys
  ) => (question: Question, abortSignal: AbortSignal) => Promise<unknown>
}

const throughAiSdk = (endpoint: string): Effect.Effect<Ask, unknown, Peers.Needs> =>
  Effect.gen(function*() {
    yield* Peers.install
    const { asker } = yield* Effect.promise(() => Peers.load<AiSdk>("aiSdk.mjs"))
    const ask = asker({ url: endpoint, model, ...keys })
    return (question) => Effect.tryPromise((abortSignal) => ask(question, abortSignal))
  })

const throughStrata = (endpoint: string): Effect.Effect<Ask, unknown, Scope.Scope> =>
  Effect.map(
    Layer.build(
      BedrockChat.layer({
        model,
        policy: Policy.make({
          quota: Quota.tokens({ perMinute: tokensPerMinute }),
          concurrency: Concurrency.adaptive({ initial: workers })
        })
      }).pipe(Layer.provide(BedrockClient.layer({ region, endpoint, credentials: Emulator.defaultCredentials })))
    ),
    (services) => ({ maxTokens, prompt }) =>
      Effect.provide(ChatService.generate({ messages: prompt, maxTokens }), services)
  )

const clients: Record<string, (endpoint: string) => Effect.Effect<Ask, unknown, Scope.Scope | Peers.Needs>> = {
  "AWS SDK, standard": throughSdk("standard"),
  "AWS SDK, adaptive": throughSdk("adaptive"),
  "AI SDK": throughAiSdk,
  "Strata": throughStrata
}

/** All workers ask for as long as the time lasts; what is in flight at its end is given up. */
const work = Effect.fnUntraced(function*(ask: Ask, time: Duration.Duration) {
  const waited: Array<number> = []
  let failed = 0
  let next = 0
  const worker = Effect.gen(function*() {
    const question = questions[next++ % questions.length]
    if (question === undefined) return
    const start = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(ask(question))
    if (Exit.isSuccess(exit)) waited.push((yield* Clock.currentTimeMillis) - start)
    else failed++
  })
  yield* Effect.all(Array.from({ length: workers }, () => Effect.forever(worker)), { concurrency: "unbounded" }).pipe(
    Effect.timeoutOption(time)
  )
  return { failed, waited: waited.sort((a, b) => a - b) }
})

const percent = (part: number, whole: number) => `${(100 * part / Math.max(1, whole)).toFixed(1)} %`

const seconds = (sorted: ReadonlyArray<number>, share: number) =>
  ((sorted[Math.floor(sorted.length * share)] ?? NaN) / 1000).toFixed(1)

const measure = Effect.fnUntraced(function*(
  name: string,
  open: (endpoint: string) => Effect.Effect<Ask, unknown, Scope.Scope | Peers.Needs>,
  time: Duration.Duration
) {
  const endpoint = yield* EmulatorProcess.start({
    latency: 800,
    answer: { content: "word ".repeat(outputTokens) },
    quota: { "*": { tokensPerMinute, algorithm: "fixed" } }
  })
  // The quota begins anew with each minute of the emulator: the last one ends with the work.
  const { failed, waited } = yield* work(yield* open(endpoint), Duration.subtract(time, Duration.seconds(2)))
  const { quota } = yield* EmulatorProcess.statistics(endpoint)
  const [drawn] = Object.values(quota)
  const used = drawn?.used ?? 0
  const throttled = drawn?.throttled ?? 0
  return [
    name,
    (waited.length / Duration.toMinutes(time)).toFixed(0),
    percent(used, tokensPerMinute * Duration.toMinutes(time)),
    percent(throttled, throttled + (drawn?.completed ?? 0) + (drawn?.unfinished ?? 0)),
    failed,
    seconds(waited, 0.5),
    seconds(waited, 0.99)
  ]
}, Effect.scoped)

/** One client after the other, each with its own emulator. */
export const run: Effect.Effect<void, unknown, Peers.Needs> = Effect.gen(function*() {
  const time = Duration.minutes(Number(process.argv[3] ?? "3") || 3)
  const rows: Array<ReadonlyArray<string | number>> = [[
    `${tokensPerMinute} tokens a minute, ${workers} workers, ${Duration.format(time)}`,
    "calls/min",
    "quota used",
    "throttled",
    "failed",
    "p50 s",
    "p99 s"
  ]]
  for (const [name, open] of Object.entries(clients)) {
    rows.push(yield* measure(name, open, time))
    yield* Console.log(`${name}: done`)
  }
  yield* Console.log(`\n${Table.render(rows)}`)
})
