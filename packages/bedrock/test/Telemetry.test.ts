import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as BedrockChat from "../src/BedrockChat.ts"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as BedrockRerank from "../src/BedrockRerank.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

/** Runs something, and gives the spans it made. */
const traced = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.as(Effect.withTracer(Effect.result(self), tracer), spans)
  })

const stream = WireServer.streaming([
  WireServer.event("messageStart", { role: "assistant" }),
  WireServer.delta("a"),
  WireServer.event("contentBlockStop", { contentBlockIndex: 0 }),
  WireServer.event("messageStop", { stopReason: "end_turn" }),
  WireServer.event("metadata", {
    usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
    metrics: { latencyMs: 1 }
  })
])

const answers: WireServer.Handler = (received, answer) => {
  if (received.path.endsWith("-stream")) return stream(received, answer)
  if (received.path.endsWith("/converse")) return WireServer.answering(received, answer)
  answer.head(200, { "content-type": "application/json" })
  answer.end(
    received.path.includes("rerank")
      ? JSON.stringify({ results: [{ index: 0, relevance_score: 0.5 }] })
      : JSON.stringify({ embedding: Array(1024).fill(1), inputTextTokenCount: 3 })
  )
}

const guarded = {
  providerOptions: { bedrock: { guardrailConfig: { guardrailIdentifier: "gr1", guardrailVersion: "1" } } }
}

const chat = BedrockChat.make({ model: "amazon.nova-lite-v1:0" })

const operations: ReadonlyArray<
  readonly [name: string, ask: Effect.Effect<unknown, unknown, BedrockClient | Scope.Scope>]
> = [
  ["chat", Effect.flatMap(chat, (service) => service.generate({ messages: "Hi", ...guarded }))],
  ["chat", Effect.flatMap(chat, (service) => Stream.runDrain(service.stream({ messages: "Hi", ...guarded })))],
  [
    "embeddings",
    Effect.flatMap(
      BedrockEmbedding.make({ model: "amazon.titan-embed-text-v2:0" }),
      (service) => service.embedMany(["a", "b"])
    )
  ],
  [
    "rerank",
    Effect.flatMap(BedrockRerank.make({ model: "cohere.rerank-v3-5:0" }), (service) => service.rerank("a", ["b"]))
  ]
]

describe("The span of a client", () => {
  it.live.each(operations)(
    "of %s has the server it called, and its metrics too",
    ([operation, ask]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(answers)
        const client = yield* connect(server)
        const spans = yield* traced(Effect.provideService(ask, BedrockClient, client))
        const span = spans.find(({ kind }) => kind === "client")
        const port = Number(new URL(server.url).port)
        assert.strictEqual(span?.attributes.get("gen_ai.operation.name"), operation)
        assert.strictEqual(span?.attributes.get("gen_ai.provider.name"), "aws.bedrock")
        assert.strictEqual(span?.attributes.get("server.address"), "127.0.0.1")
        assert.strictEqual(span?.attributes.get("server.port"), port)
        if (operation === "chat") assert.strictEqual(span?.attributes.get("aws.bedrock.guardrail.id"), "gr1")
        const { count } = yield* Metric.value(Metric.withAttributes(Telemetry.operationDuration, {
          "gen_ai.operation.name": operation,
          "gen_ai.provider.name": "aws.bedrock",
          "gen_ai.request.model": `${span?.attributes.get("gen_ai.request.model")}`,
          "server.address": "127.0.0.1",
          "server.port": `${port}`
        }))
        assert.strictEqual(count, 1)
        // Another test may have had the same port of this machine.
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.live("has it when the call fails as well", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.failing(400, "ValidationException", "no"))
      const client = yield* connect(server)
      const spans = yield* traced(
        Effect.provideService(
          Effect.flatMap(chat, (service) => service.generate({ messages: "Hi" })),
          BedrockClient,
          client
        )
      )
      const span = spans.find(({ kind }) => kind === "client")
      assert.strictEqual(span?.attributes.get("error.type"), "InvalidRequestError")
      assert.strictEqual(span?.attributes.get("server.address"), "127.0.0.1")
      assert.strictEqual(span?.attributes.get("server.port"), Number(new URL(server.url).port))
    }))

  it.live("fails the call alone when it throws", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(answers)
      const client = yield* connect(server)
      const tracer = Tracer.make({
        span: (options) =>
          Object.assign(new Tracer.NativeSpan(options), {
            attribute: () => assert.fail("no attributes, please")
          })
      })
      const input = {
        modelId: "amazon.nova-lite-v1:0",
        messages: [{ role: "user" as const, content: [{ text: "Hi" }] }]
      }
      const exit = yield* Effect.exit(Effect.withTracer(client.converse(input), tracer))
      assert.isTrue(Exit.hasDies(exit))
    }))

  it.live("names the service's own host, with the port of its scheme", () =>
    Effect.gen(function*() {
      const closed = yield* WireServer.closedPort
      const client = yield* connect({ url: "https://bedrock-runtime.us-east-1.amazonaws.com" }, {
        transport: { proxy: closed }
      })
      const spans = yield* traced(Effect.provideService(
        Effect.flatMap(
          BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none }),
          (service) => service.generate({ messages: "Hi" })
        ),
        BedrockClient,
        client
      ))
      const span = spans.find(({ kind }) => kind === "client")
      assert.strictEqual(span?.attributes.get("server.address"), "bedrock-runtime.us-east-1.amazonaws.com")
      assert.strictEqual(span?.attributes.get("server.port"), 443)
    }))
})
