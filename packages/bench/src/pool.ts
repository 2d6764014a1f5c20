/**
 * Three regions with quotas of different size, of which the smallest is down for a third of the time: the same workload
 * through the largest region alone, through the three in order (`withFallback`), through a pool of them, and through ten
 * processes that share the pool's quotas in Redis.
 *
 * A minute for each, in real time: `pnpm bench pool 2` makes it two.
 */
import { NodeRedis, NodeRuntime } from "@effect/platform-node"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService, Policy, Pricing, Quota } from "@strata/core"
import { Emulator } from "@strata/emulator"
import { SharedState } from "@strata/persistence"
import { Clock, Console, Duration, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { createServer } from "node:net"
import * as EmulatorProcess from "./EmulatorProcess.ts"
import * as Table from "./Table.ts"

const model = "amazon.nova-lite-v1:0"

/** Tokens in ten seconds, by region. */
const quotas = { "us-east-1": 60_000, "us-west-2": 30_000, "eu-west-1": 15_000 }
type Region = keyof typeof quotas

const windowSeconds = 10

/** The region that is down, and how long of each minute, in seconds. */
const down = { region: "eu-west-1", after: 30, seconds: 20 } as const

const workers = 100

/** What the workers ask: prompts of 200 to 1,200 tokens, with room for answers of 100. */
const questions = Array.from(
  { length: 97 },
  (_, index) => `Summarize, please: ${"lorem ipsum dolor sit amet ".repeat(25 + (index * 37) % 97)}`
)

const answer = { content: "word ".repeat(80) }

/** Not a price of Amazon's: the table compares what the same answers cost. */
const price = { input: 0.1, output: 0.4, source: "an example" }

/** The address of each region's emulator. */
const Endpoints = Schema.Struct({ "us-east-1": Schema.String, "us-west-2": Schema.String, "eu-west-1": Schema.String })
type Endpoints = typeof Endpoints.Type

const inRegion = (endpoints: Endpoints, region: Region, quota?: Quota.Quota) =>
  BedrockChat.layer({ model, policy: Policy.make({ concurrency: 64, quota }) }).pipe(
    Layer.provide(
      BedrockClient.layer({ region, endpoint: endpoints[region], credentials: Emulator.defaultCredentials })
    )
  )

const withQuota = (endpoints: Endpoints, region: Region) =>
  inRegion(
    endpoints,
    region,
    Quota.make({ windows: [{ tokens: quotas[region], per: Duration.seconds(windowSeconds) }] })
  )

const pooled = (endpoints: Endpoints) =>
  ChatService.withPool({
    "us-east-1": withQuota(endpoints, "us-east-1"),
    "us-west-2": withQuota(endpoints, "us-west-2"),
    "eu-west-1": withQuota(endpoints, "eu-west-1")
  })

const ways = {
  "one lane": (endpoints: Endpoints) => withQuota(endpoints, "us-east-1"),
  "in order (fallback)": (endpoints: Endpoints) =>
    inRegion(endpoints, "us-east-1").pipe(
      ChatService.withFallback([inRegion(endpoints, "us-west-2"), inRegion(endpoints, "eu-west-1")], {
        failFast: ({ _tag }) => _tag === "RateLimitError"
      })
    ),
  "pool": pooled
}

/** What some workers did. */
const Done = Schema.Struct({
  waited: Schema.Array(Schema.Finite),
  failed: Schema.Array(Schema.String),
  cost: Schema.Finite
})
type Done = typeof Done.Type

/** So many workers ask until the time is over. What is in flight at its end is given up. */
const work = Effect.fnUntraced(function*(count: number, time: Duration.Duration) {
  const waited: Array<number> = []
  const failed: Array<string> = []
  let cost = 0
  let next = 0
  const worker = Effect.gen(function*() {
    const messages = questions[next++ % questions.length] ?? ""
    const start = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(ChatService.generate({ messages, maxTokens: 100 }))
    if (Exit.isFailure(exit)) return failed.push(String(exit.cause).slice(0, 200))
    waited.push((yield* Clock.currentTimeMillis) - start)
    cost += exit.value.cost?.total ?? 0
  })
  yield* Effect.all(Array.from({ length: count }, () => Effect.forever(worker)), { concurrency: "unbounded" }).pipe(
    Effect.timeoutOption(time)
  )
  return { waited, failed, cost }
})

const Prices = Pricing.layer([{ model, price }])

const percent = (part: number, whole: number) => `${(100 * part / Math.max(1, whole)).toFixed(1)} %`

const secondsAt = (sorted: ReadonlyArray<number>, share: number) =>
  ((sorted[Math.floor(sorted.length * share)] ?? NaN) / 1000).toFixed(1)

/** One way, with fresh emulators, of which one is down for a while. */
const measure = Effect.fnUntraced(function*<E, R>(
  name: string,
  minutes: number,
  run: (endpoints: Endpoints, time: Duration.Duration) => Effect.Effect<ReadonlyArray<Done>, E, R>
) {
  const start = (region: Region) =>
    EmulatorProcess.start({
      region,
      latency: 400,
      answer,
      quota: { "*": { tokensPerMinute: quotas[region], window: Duration.seconds(windowSeconds), algorithm: "fixed" } }
    })
  const endpoints: Endpoints = {
    "us-east-1": yield* start("us-east-1"),
    "us-west-2": yield* start("us-west-2"),
    "eu-west-1": yield* start("eu-west-1")
  }
  const outage = Effect.gen(function*() {
    yield* Effect.sleep(Duration.seconds(down.after))
    yield* EmulatorProcess.inject(endpoints[down.region], [
      { type: "exception", exception: "ServiceUnavailableException", lasting: Duration.seconds(down.seconds) }
    ])
    yield* Effect.sleep(Duration.seconds(60 - down.after))
  })
  yield* Effect.forkScoped(Effect.forever(outage))
  // The windows of the quotas begin anew: the last ones end with the work.
  const done = yield* run(endpoints, Duration.seconds(60 * minutes - 1))
  const waited = done.flatMap(({ waited }) => waited).sort((a, b) => a - b)
  const failed = done.flatMap(({ failed }) => failed)
  let used = 0
  let throttled = 0
  for (const endpoint of Object.values(endpoints)) {
    for (const drawn of Object.values((yield* EmulatorProcess.statistics(endpoint)).quota)) {
      used += drawn.used
      throttled += drawn.throttled
    }
  }
  const available = Object.values(quotas).reduce((sum, tokens) => sum + tokens, 0) * 60 / windowSeconds -
    quotas[down.region] * down.seconds / windowSeconds
  if (failed[0] !== undefined) yield* Console.log(failed[0])
  return [
    name,
    (waited.length / minutes).toFixed(0),
    percent(used, available * minutes),
    percent(throttled, throttled + waited.length),
    failed.length,
    secondsAt(waited, 0.5),
    secondsAt(waited, 0.99),
    `$${(1_000 * done.reduce((sum, { cost }) => sum + cost, 0) / Math.max(1, waited.length)).toFixed(3)}`
  ]
}, Effect.scoped)

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** A Redis for the time of a scope. */
const redis = Effect.gen(function*() {
  const port = yield* freePort
  const server = yield* ChildProcess.make("redis-server", ["--bind", "127.0.0.1", "--port", `${port}`, "--save", ""])
  yield* server.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.includes("Ready to accept connections")),
    Stream.runHead
  )
  return `redis://127.0.0.1:${port}`
})

const Task = Schema.fromJsonString(Schema.Struct({
  url: Schema.String,
  endpoints: Endpoints,
  workers: Schema.Finite,
  seconds: Schema.Finite
}))

const processes = 10

const inProcesses = (url: string) => (endpoints: Endpoints, time: Duration.Duration) =>
  Effect.forEach(
    Array.from({ length: processes }),
    Effect.fnUntraced(function*() {
      const task = yield* Schema.encodeEffect(Task)({
        url,
        endpoints,
        workers: workers / processes,
        seconds: Duration.toSeconds(time)
      })
      const child = yield* ChildProcess.make(process.execPath, [import.meta.filename, task], { stderr: "inherit" })
      const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runLast)
      return yield* Schema.decodeEffect(Schema.fromJsonString(Done))(Option.getOrElse(line, () => ""))
    }, Effect.scoped),
    { concurrency: "unbounded" }
  )

/** One of the ten. */
const oneProcess = Effect.gen(function*() {
  const { endpoints, seconds, url, workers } = yield* Schema.decodeEffect(Task)(process.argv[2] ?? "")
  const shared = SharedState.layerRedis(NodeRedis.layer({ url, disableOfflineQueue: true }))
  const done = yield* work(workers, Duration.seconds(seconds)).pipe(
    Effect.provide(pooled(endpoints).pipe(Layer.provide(Prices), Layer.provide(shared)))
  )
  yield* Console.log(yield* Schema.encodeEffect(Schema.fromJsonString(Done))(done))
})

export const run: Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner> = Effect.gen(function*() {
  const minutes = Math.max(1, Math.round(Number(process.argv[3] ?? "1") || 1))
  const rows: Array<ReadonlyArray<string | number>> = [[
    `quotas of ${Object.values(quotas).join(" + ")} tokens in ${windowSeconds} s, one down for ${down.seconds} s of 60`,
    "calls/min",
    "quota used",
    "refused",
    "failed",
    "p50 s",
    "p99 s",
    "1,000 calls"
  ]]
  for (const [name, layer] of Object.entries(ways)) {
    rows.push(
      yield* measure(name, minutes, (endpoints, time) =>
        Effect.map(
          Effect.provide(work(workers, time), Layer.provide(layer(endpoints), Prices)),
          (done) => [done]
        ))
    )
    yield* Console.log(`${name}: done`)
  }
  const url = yield* Effect.option(redis)
  if (Option.isNone(url)) yield* Console.log("There is no redis-server here: without ten processes")
  else rows.push(yield* measure(`pool, ${processes} processes`, minutes, inProcesses(url.value)))
  yield* Console.log(`\n${Table.render(rows)}`)
}).pipe(Effect.scoped)

if (import.meta.main) NodeRuntime.runMain(oneProcess)
