import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as BedrockRerank from "../src/BedrockRerank.ts"
import * as Region from "../src/Region.ts"
import { connect, request } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
const invalidId = WireServer.failing(400, "ValidationException", "The provided model identifier is invalid.")
const noAccess = WireServer.failing(403, "AccessDeniedException", "You don't have access to the model with this id.")
const throttled = WireServer.failing(429, "ThrottlingException", "Too many requests, please wait before trying again.")

/** The model id in the path of a request. */
const idOf = ({ path }: WireServer.Received) => decodeURIComponent(path.split("/")[2] ?? "")

/** A region where models are called through these profiles only. */
const onlyThrough =
  (profiles: Readonly<Record<string, WireServer.Handler>>): WireServer.Handler => (received, answer) => {
    const id = idOf(received)
    const handler = id.startsWith("anthropic.") || id.startsWith("arn:")
      ? WireServer.failing(
        400,
        "ValidationException",
        `Invocation of model ID ${id} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of ` +
          "an inference profile that contains this model."
      )
      : profiles[id.slice(0, id.indexOf("."))] ?? invalidId
    handler(received, answer)
  }

const open = Effect.fnUntraced(function*(handler: WireServer.Handler, options: BedrockClient.Options = {}) {
  const server = yield* WireServer.http1(handler)
  const client = yield* connect(server, options)
  const converse = (modelId: string) => client.converse({ ...request, modelId })
  return { client, converse, asked: () => server.received.map(idOf) }
})

/** The log of an effect, by level. */
const logged = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) =>
      void lines.push(`${logLevel} ${String(message)}`)
    )
    return Effect.as(Effect.provideService(self, Logger.CurrentLoggers, new Set([logger])), lines)
  })

const emulated = Layer.effect(
  BedrockClient.BedrockClient,
  Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
).pipe(
  Layer.provideMerge(Emulator.layer()),
  Layer.provide(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer({ dimensions: 1024 })))
)

const requests = Effect.map(
  Effect.flatMap(Emulator.Emulator, ({ statistics }) => statistics),
  ({ requests }) => requests
)

describe("Region.geographies", () => {
  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["us-east-1", ["us"]],
    ["us-west-2", ["us"]],
    ["us-gov-west-1", ["us-gov"]],
    ["us-iso-east-1", []],
    ["ca-central-1", ["ca"]],
    ["eu-central-2", ["eu"]],
    ["ap-northeast-1", ["jp", "apac"]],
    ["ap-northeast-2", ["apac"]],
    ["ap-northeast-3", ["jp", "apac"]],
    ["ap-southeast-2", ["au", "apac"]],
    ["ap-south-1", ["apac"]],
    ["sa-east-1", []],
    ["cn-north-1", []]
  ])(
    "of %s",
    ([region, geographies]) => Effect.sync(() => assert.deepStrictEqual(Region.geographies(region), geographies))
  )
})

describe("BedrockClient, about a model without on-demand throughput", () => {
  it.live("calls the inference profile of its region, and keeps to it", () =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(onlyThrough({ us: WireServer.answering }))
      const first = yield* converse(model)
      const second = yield* converse(model)
      assert.deepStrictEqual(asked(), [model, `us.${model}`, `us.${model}`])
      assert.deepStrictEqual([first.inferenceProfile, second.inferenceProfile], [`us.${model}`, `us.${model}`])
    }))

  it.live("logs once per model, with the remedy for the refused request", () =>
    Effect.gen(function*() {
      const { converse } = yield* open(onlyThrough({ us: WireServer.answering }))
      const lines = yield* logged(Effect.all(
        [...Array.from({ length: 10 }, () => converse(model)), converse("anthropic.claude-haiku-4-5-20251001-v1:0")],
        { concurrency: "unbounded" }
      ))
      assert.lengthOf(lines, 2)
      assert.match(lines[0] ?? "", /^Info .*inference profiles only: us\.anthropic\..* Set it as `model`/)
    }))

  it.live("calls models that are served as before", () =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(WireServer.answering)
      const output = yield* converse(model)
      assert.notProperty(output, "inferenceProfile")
      assert.deepStrictEqual(asked(), [model])
    }))

  it.live("uses the narrowest geography with a profile", () =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(onlyThrough({ apac: WireServer.answering }), { region: "ap-northeast-1" })
      yield* converse(model)
      yield* converse(model)
      assert.deepStrictEqual(asked(), [model, `jp.${model}`, `apac.${model}`, `apac.${model}`])
    }))

  it.live("leaves the geography only when enabled", () =>
    Effect.gen(function*() {
      const handler = onlyThrough({ global: WireServer.answering })
      const staying = yield* open(handler)
      assert.strictEqual((yield* Effect.flip(staying.converse(model)))._tag, "InvalidRequestError")
      assert.deepStrictEqual(staying.asked(), [model, `us.${model}`])
      const leaving = yield* open(handler, { inferenceProfile: "global" })
      yield* leaving.converse(model)
      assert.deepStrictEqual(leaving.asked(), [model, `us.${model}`, `global.${model}`])
      const elsewhere = yield* open(handler, { inferenceProfile: "global", region: "sa-east-1" })
      yield* elsewhere.converse(model)
      assert.deepStrictEqual(elsewhere.asked(), [model, `global.${model}`])
    }))

  it.live.each<readonly [string, BedrockClient.Options, string]>([
    ["it is told never to", { inferenceProfile: "never" }, model],
    ["the region has no geography", { region: "sa-east-1" }, model],
    ["the model is named by an ARN", {}, `arn:aws:bedrock:us-east-1::foundation-model/${model}`],
    ["the id is no id of a model", {}, "anthropic."]
  ])("fails as the service does when %s", ([_, options, id]) =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(onlyThrough({ us: WireServer.answering }), options)
      const error = yield* Effect.flip(converse(id))
      assert(error._tag === "InvalidRequestError")
      assert.include(error.message, "on-demand throughput")
      assert.deepStrictEqual(asked(), [id])
    }))

  it.live("names both when the profile is refused too", () =>
    Effect.gen(function*() {
      const { converse } = yield* open(onlyThrough({}), { region: "ap-southeast-2" })
      const error = yield* Effect.flip(converse(model))
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.model, model)
      assert.strictEqual(error.field, "model")
      for (const part of [model, `au.${model} and apac.${model}`, "identifier is invalid"]) {
        assert.include(error.message, part)
      }
    }))

  it.live("reports missing access", () =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(onlyThrough({ us: noAccess }))
      const error = yield* Effect.flip(converse(model))
      assert.strictEqual(error._tag, "PermissionDeniedError")
      for (const part of [`us.${model}`, "access to the model"]) assert.include(error.message, part)
      yield* Effect.flip(converse(model))
      assert.deepStrictEqual(asked(), [model, `us.${model}`, model, `us.${model}`])
    }))

  it.live("keeps to a profile that is only busy", () =>
    Effect.gen(function*() {
      const { asked, converse } = yield* open(onlyThrough({ us: throttled }))
      for (let call = 0; call < 2; call++) {
        assert.strictEqual((yield* Effect.flip(converse(model)))._tag, "RateLimitError")
      }
      assert.deepStrictEqual(asked(), [model, `us.${model}`, `us.${model}`])
    }))

  it.live("does the same for streams and InvokeModel, with one memory", () =>
    Effect.gen(function*() {
      const stream = WireServer.streaming([WireServer.event("messageStop", { stopReason: "end_turn" })])
      const { asked, client } = yield* open(onlyThrough({
        us: (received, answer) => (received.path.endsWith("-stream") ? stream : WireServer.answering)(received, answer)
      }))
      const streamed = yield* Effect.scoped(Effect.tap(
        client.converseStream({ ...request, modelId: model }),
        ({ events }) => Stream.runDrain(events)
      ))
      const invoked = yield* client.invokeModel({ modelId: model, body: "{}" })
      assert.deepStrictEqual([streamed.inferenceProfile, invoked.inferenceProfile], [`us.${model}`, `us.${model}`])
      assert.deepStrictEqual(asked(), [model, `us.${model}`, `us.${model}`])
    }))
})

describe("services over an emulator that serves models through profiles", () => {
  it.live("chats, and tells which profile was called", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model, policy: Policy.none })
      const response = yield* chat.generate({ messages: "Hi", maxTokens: 10 })
      const finish = yield* Stream.runLast(chat.stream({ messages: "Hi", maxTokens: 10 }))
      assert(finish._tag === "Some" && finish.value.type === "finish")
      for (const outcome of [response, finish.value]) {
        assert.strictEqual(outcome.model, model)
        assert.strictEqual(outcome.providerMetadata.bedrock?.inferenceProfile, `us.${model}`)
      }
      assert.strictEqual(yield* requests, 3)
    }).pipe(Effect.provide(emulated)))

  it.live("streams first as well, before any event", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model, policy: Policy.none })
      const events = yield* Stream.runCollect(chat.stream({ messages: "Hi", maxTokens: 10 }))
      assert.strictEqual(events.at(-1)?.type, "finish")
      assert.strictEqual(yield* requests, 2)
    }).pipe(Effect.provide(emulated)))

  it.live("embeds", () =>
    Effect.gen(function*() {
      const embedding = yield* BedrockEmbedding.make({
        model: "twelvelabs.marengo-embed-2-7-v1:0",
        policy: Policy.none
      })
      assert.lengthOf((yield* embedding.embed("Hi")).vector, 1024)
      yield* embedding.embed("Hi")
      assert.strictEqual(yield* requests, 3)
    }).pipe(Effect.provide(emulated)))
})

describe("BedrockRerank", () => {
  it.live("ranks through a profile", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* open((received, answer) => {
        if (idOf(received).startsWith("us.")) {
          answer.head(200, { "content-type": "application/json" })
          answer.end(JSON.stringify({ results: [{ index: 0, relevance_score: 0.5 }] }))
        } else {
          WireServer.failing(400, "ValidationException", "on-demand throughput isn’t supported")(received, answer)
        }
      })
      const rerank = yield* BedrockRerank.make({ model: "cohere.rerank-v3-5:0", policy: Policy.none }).pipe(
        Effect.provideService(BedrockClient.BedrockClient, client)
      )
      yield* rerank.rerank("query", ["document"])
      assert.deepStrictEqual(asked(), ["cohere.rerank-v3-5:0", "us.cohere.rerank-v3-5:0"])
    }))
})
