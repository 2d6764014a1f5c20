/**
 * Ten thousand mixed requests, two hundred at a time, through clients of an emulator that breaks now and then: what is left
 * on the heap and open on the network while they run. Client and emulator share this process, so both are measured.
 */
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { ChatResponse, ChatService, EmbeddingService, Message, Policy, Retry, Usage } from "@strata/core"
import { Emulator, type Fault } from "@strata/emulator"
import { Console, Effect, Exit, Layer, Stream } from "effect"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as ForgetfulEmbedding from "./ForgetfulEmbedding.ts"
import * as Table from "./Table.ts"

const concurrency = 200
const round = 2_000
const rounds = 5

/** Models that answer at once and remember nothing. */
const models = Layer.merge(
  Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: "bench",
      defaultModel: "bench",
      policy: Policy.none,
      generate: ({ model }) => Effect.succeed(answer(model)),
      stream: ({ model }) => {
        const { message, ...outcome } = answer(model)
        return Stream.make({ type: "text-delta", index: 0, delta: Message.textOf(message) }, {
          type: "finish",
          ...outcome
        })
      }
    })
  ),
  ForgetfulEmbedding.layer
)

const answer = (model: string) =>
  ChatResponse.make([Message.text("Once upon a time there was a fox who wanted some grapes")], {
    finishReason: "stop",
    usage: Usage.make({ inputTokens: 5, outputTokens: 12 }),
    model,
    providerMetadata: {}
  })

const rare = (fault: Fault.Fault): Fault.Fault => ({ probability: 0.002, seed: fault.type, ...fault })

/** Those of HTTP/2 sessions take all calls on them along, so they are rare. */
const faults: ReadonlyArray<Fault.Fault> = ([
  { type: "throttle", probability: 0.01 },
  { type: "exception", exception: "InternalServerException", probability: 0.01 },
  { type: "garbage", probability: 0.01 },
  { type: "emptyBody", probability: 0.01 },
  { type: "truncateStream", afterEvents: 3, probability: 0.01 },
  { type: "streamException", exception: "ModelStreamErrorException", probability: 0.01 },
  { type: "errorFrame", probability: 0.01 },
  { type: "corruptFrame", probability: 0.01 },
  { type: "resetStream", probability: 0.01 },
  { type: "latency", duration: 1, upTo: 50, probability: 0.01 },
  { type: "slow", pause: 0, upTo: 5, probability: 0.01 },
  { type: "contentType", contentType: "text/plain" },
  { type: "huge", megabytes: 0.1 },
  { type: "stall" },
  { type: "half" },
  { type: "reset", afterBytes: 100 },
  { type: "goaway" },
  { type: "goaway", code: "INTERNAL_ERROR" },
  { type: "refuseConnection" },
  { type: "halfOpen", probability: 0.0005 },
  { type: "stallConnection", probability: 0.0005 }
] satisfies ReadonlyArray<Fault.Fault>).map(rare)

const policy = Policy.make({
  retry: Retry.never,
  retryBudget: "unlimited",
  concurrency,
  timeouts: { attempt: "5 seconds", firstEvent: "5 seconds", idle: "5 seconds" }
})

/** Bytes on the heap that something still refers to. */
const heap = Effect.gen(function*() {
  V8.setFlagsFromString("--expose-gc")
  const collect: () => void = Vm.runInNewContext("gc")
  for (let times = 0; times < 3; times++) {
    collect()
    yield* Effect.sleep("20 millis")
  }
  return process.memoryUsage().heapUsed
})

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

const measure = Effect.fnUntraced(function*(protocol: string, transport: BedrockClient.Options["transport"]) {
  const { client, statistics } = yield* Emulator.Emulator
  const rows: Array<ReadonlyArray<string | number>> = []
  const row = Effect.fnUntraced(function*(name: string, answered: number, cpu: NodeJS.CpuUsage) {
    const seen = yield* statistics
    const { rss } = process.memoryUsage()
    const millis = (cpu.user + cpu.system) / 1_000 / round
    rows.push([
      `${protocol}, ${name}`,
      answered,
      megabytes(yield* heap),
      megabytes(rss),
      seen.openConnections,
      seen.inFlight,
      millis.toFixed(2)
    ])
  })
  yield* Effect.gen(function*() {
    const chat = yield* ChatService.ChatService
    const embedding = yield* EmbeddingService.EmbeddingService
    const request = { messages: "Tell me a story", maxTokens: 50 }
    const one = (index: number): Effect.Effect<unknown, unknown> =>
      index % 3 === 0
        ? chat.generate(request)
        : index % 3 === 1
        ? Stream.runDrain(chat.stream(request))
        : embedding.embed(`text ${index}`, { dimensions: 256 })
    for (let done = 1; done <= rounds; done++) {
      const start = process.cpuUsage()
      let answered = 0
      yield* Effect.forEach(
        Array.from({ length: round }, (_, index) => index),
        (index) => Effect.map(Effect.exit(one(index)), (exit) => void (answered += Exit.isSuccess(exit) ? 1 : 0)),
        { concurrency, discard: true }
      )
      yield* row(`after ${done * round}`, answered, process.cpuUsage(start))
    }
  }).pipe(Effect.provide(
    Layer.merge(
      BedrockChat.layer({ model: "amazon.nova-lite-v1:0", policy }),
      BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0", policy })
    ).pipe(Layer.provide(BedrockClient.layer({ ...client, transport })))
  ))
  yield* Effect.sleep("1 second")
  yield* row("client closed", 0, { user: 0, system: 0 })
  return rows
}, Effect.provide(Emulator.layer({ faults }).pipe(Layer.provide(models))))

/** One protocol after the other, each with its own emulator. */
export const run: Effect.Effect<void, unknown> = Effect.gen(function*() {
  const heading = ["requests", "answered", "heap MB", "rss MB", "connections", "in flight", "CPU ms/request"]
  const http1 = yield* measure("HTTP/1.1", undefined)
  const http2 = yield* measure("HTTP/2", { http2: true })
  yield* Console.log(Table.render([heading, ...http1, ...http2]))
})
