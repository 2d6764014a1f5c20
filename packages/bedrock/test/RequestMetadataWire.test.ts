import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import * as RerankService from "@strata/core/rerank/RerankService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as BedrockChat from "../src/BedrockChat.ts"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as BedrockRerank from "../src/BedrockRerank.ts"
import { type Pairs, RequestMetadata } from "../src/RequestMetadata.ts"
import { connect } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as SpendProgram from "./support/SpendProgram.ts"
import * as WireServer from "./support/WireServer.ts"

const all = { concurrency: "unbounded" } as const

const numbers = (length: number) => Array.from({ length }, () => 0.5)

const scores = { results: [{ index: 0, relevance_score: 0.5 }] }

const vectors = (texts: ReadonlyArray<string> | undefined) =>
  texts === undefined
    ? { embedding: numbers(1024), inputTextTokenCount: 1 }
    : { embeddings: { float: texts.map(() => numbers(1536)) } }

const answering: WireServer.Handler = (received, answer) => {
  if (received.path.endsWith("/converse-stream")) {
    const stop = WireServer.event("messageStop", { stopReason: "end_turn" })
    const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 }
    const end = WireServer.event("metadata", { usage, metrics: { latencyMs: 1 } })
    return WireServer.streaming([WireServer.delta("Hello"), stop, end])(received, answer)
  }
  if (received.path.endsWith("/converse")) return WireServer.answering(received, answer)
  answer.head(200, { "content-type": "application/json" })
  answer.end(JSON.stringify(received.path.includes("rerank") ? scores : vectors(JSON.parse(received.body).texts)))
}

/** What a request says of itself, in its body or in its header. */
const metadataOf = ({ body, headers, path }: WireServer.Received): unknown => {
  if (path.includes("/converse")) return JSON.parse(body).requestMetadata
  const header = headers["x-amzn-bedrock-request-metadata"]
  return header === undefined ? undefined : JSON.parse(String(header))
}

/** The services with pairs of their layers. */
const services = (requestMetadata?: Pairs) => {
  const options = { policy: Policy.none, requestMetadata }
  return {
    chat: BedrockChat.layer({ ...options, model: "amazon.nova-lite-v1:0" }),
    embedding: BedrockEmbedding.layer({ ...options, model: "amazon.titan-embed-text-v2:0" }),
    rerank: BedrockRerank.layer({ ...options, model: "cohere.rerank-v3-5:0" })
  }
}

/** Runs calls of the services, and has what the requests say. */
const open = Effect.fnUntraced(function*(requestMetadata?: Pairs) {
  const server = yield* WireServer.http1(answering)
  const client = yield* connect(server)
  const { chat, embedding, rerank } = services(requestMetadata)
  const context = yield* Layer.mergeAll(chat, embedding, rerank).pipe(
    Layer.provide(Layer.succeed(BedrockClient, client)),
    Layer.build
  )
  return {
    client,
    run: Effect.provideContext(context),
    received: server.received,
    said: () => server.received.map(metadataOf)
  }
})

type Call = Effect.Effect<
  unknown,
  ProviderError.ChatStreamError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | RerankService.RerankService
>

const options = (requestMetadata: Pairs | undefined) => ({ providerOptions: { bedrock: { requestMetadata } } })

const ask = (own?: Pairs) => ({ messages: "Hi", maxTokens: 9, ...options(own) })

/** One call of each kind, with these pairs of the request; each sends one request. */
const calls: Readonly<Record<string, (own?: Pairs) => Call>> = {
  generate: (own) => ChatService.generate(ask(own)),
  stream: (own) => Stream.runDrain(ChatService.stream(ask(own))),
  embed: (own) => EmbeddingService.embed("Hi", options(own)),
  embedMany: (own) => EmbeddingService.embedMany(["Hi"], options(own)),
  embedStream: (own) => Stream.runDrain(EmbeddingService.embedStream(Stream.make("Hi"), options(own))),
  rerank: (own) => RerankService.rerank("q", ["a"], options(own))
}

const every = Object.entries(calls)

const tagged = (pairs: Pairs) => Effect.provideService(RequestMetadata, pairs)

const numbered = (count: number, prefix: string): Pairs =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index}`, "a"]))

describe("RequestMetadata over HTTP", () => {
  it.live.each(every)(
    "%s sends the pairs of layer, fiber and request, of which the later win",
    ([, call]) =>
      Effect.gen(function*() {
        const { run, said } = yield* open({ a: "layer", b: "layer", c: "layer" })
        yield* run(call())
        yield* run(tagged({ b: "fiber", c: "fiber" })(call()))
        yield* run(tagged({ b: "fiber", c: "fiber" })(call({ c: "request", d: "request" })))
        yield* run(call({ c: "request" }))
        assert.deepStrictEqual(said(), [
          { a: "layer", b: "layer", c: "layer" },
          { a: "layer", b: "fiber", c: "fiber" },
          { a: "layer", b: "fiber", c: "request", d: "request" },
          { a: "layer", b: "layer", c: "request" }
        ])
      })
  )

  it.live.each(every)("%s sends nothing where there are none", ([, call]) =>
    Effect.gen(function*() {
      const { received, run } = yield* open({})
      yield* run(call())
      yield* run(tagged({})(call({})))
      assert.lengthOf(received, 2)
      for (const { body, headers } of received) {
        assert.notProperty(headers, "x-amzn-bedrock-request-metadata")
        assert.notInclude(body, "requestMetadata")
      }
    }))

  it.live("puts them into a header in ASCII, and into a body as they are", () =>
    Effect.gen(function*() {
      const { received, run } = yield* open()
      const text = "one\ttwo\u00a0three"
      yield* run(tagged({ text })(calls["embed"]!()))
      yield* run(tagged({ text })(calls["generate"]!()))
      const [embedding, chat] = received
      assert.strictEqual(
        embedding?.headers["x-amzn-bedrock-request-metadata"],
        "{\"text\":\"one\\ttwo\\u00a0three\"}"
      )
      assert.deepStrictEqual(JSON.parse(chat?.body ?? "").requestMetadata, { text })
    }))

  describe("refuses before anything is sent", () => {
    const failures: ReadonlyArray<
      readonly [what: string, layer: Pairs, fiber: unknown, request: unknown, field: string]
    > = [
      ["a value of another type", {}, { team: 1 }, undefined, "RequestMetadata.team"],
      ["a value of a fiber that is too long", {}, { team: "a".repeat(257) }, undefined, "RequestMetadata.team"],
      ["a name with other characters", {}, { "tëam": "a" }, undefined, "RequestMetadata.tëam"],
      ["a blank name", {}, { "": "a" }, undefined, "RequestMetadata[\"\"]"],
      ["what is no object", {}, "team", undefined, "RequestMetadata"],
      ["a `Map`", {}, new Map([["team", "a"]]), undefined, "RequestMetadata"],
      ["too many of a fiber", {}, numbered(17, "fiber"), undefined, "RequestMetadata"],
      ["another type in a request", {}, {}, { team: 1 }, "providerOptions.bedrock.requestMetadata.team"],
      ["too many in a request", {}, {}, numbered(17, "request"), "providerOptions.bedrock.requestMetadata"],
      ["too many in all", numbered(6, "layer"), numbered(6, "fiber"), numbered(5, "request"), "requestMetadata"]
    ]
    it.live.each(failures)("%s", ([, layer, fiber, request, field]) =>
      Effect.gen(function*() {
        const { received, run } = yield* open(layer)
        for (const [kind, call] of every) {
          // as from JavaScript
          const error = yield* Effect.flip(run(tagged(fiber as Pairs)(call(request as Pairs | undefined))))
          assert(error._tag === "InvalidRequestError", kind)
          assert.strictEqual(error.field, field, kind)
          assert.isNotEmpty(error.remedy, kind)
        }
        assert.lengthOf(received, 0)
      }))

    it.live("invalid pairs of a layer, when it is built", () =>
      Effect.gen(function*() {
        const { client } = yield* open()
        for (const requestMetadata of [{ team: "a!" }, { team: 1 }]) {
          const { chat, embedding, rerank } = services(requestMetadata as Pairs) // as from JavaScript
          const builds = [Effect.asVoid(Layer.build(chat)), Layer.build(embedding), Layer.build(rerank)]
          for (const build of builds) {
            const error = yield* Effect.flip(
              Effect.provideService(
                Effect.asVoid<unknown, ProviderError.InvalidRequestError, BedrockClient | Scope.Scope>(build),
                BedrockClient,
                client
              )
            )
            assert.strictEqual(error.field, "requestMetadata.team")
          }
        }
      }))
  })

  describe("of concurrent fibers", () => {
    it.live.each(every)("%s keeps them apart", ([, call]) =>
      Effect.gen(function*() {
        const { run, said } = yield* open()
        const tenants = ["a", "b", "c", "a"]
        yield* Effect.forEach(tenants, (tenant) => run(tagged({ tenant })(call())), all)
        const sent = said().map((pairs) => JSON.stringify(pairs))
        for (const tenant of tenants) assert.include(sent, `{"tenant":"${tenant}"}`)
      }))

    const cohere = (index: number, own?: Pairs) =>
      EmbeddingService.embed(`text ${index}`, { model: "cohere.embed-v4:0", ...options(own) })

    it.live("share a request of `embed` only where all pairs are equal", () =>
      Effect.gen(function*() {
        const { received, run, said } = yield* open({ app: "x" })
        yield* Effect.all([
          run(tagged({ tenant: "a" })(cohere(0))),
          run(tagged({ tenant: "b" })(cohere(1))),
          run(cohere(2)),
          run(tagged({ tenant: "b" })(cohere(3, { tenant: "a" }))),
          run(cohere(4)),
          run(tagged({ tenant: "b" })(cohere(5)))
        ], all)
        const texts = received.map(({ body }): unknown => JSON.parse(body).texts)
        assert.sameDeepMembers(said().map((pairs, index) => [pairs, texts[index]]), [
          [{ app: "x", tenant: "a" }, ["text 0", "text 3"]],
          [{ app: "x", tenant: "b" }, ["text 1", "text 5"]],
          [{ app: "x" }, ["text 2", "text 4"]]
        ])
      }))

    it.live("fail only the caller whose pairs are invalid", () =>
      Effect.gen(function*() {
        const { run, said } = yield* open()
        const [error] = yield* Effect.all([
          Effect.flip(run(tagged({ tenant: "!" })(cohere(0)))),
          run(tagged({ tenant: "a" })(cohere(1))),
          run(tagged({ tenant: "a" })(cohere(2)))
        ], all)
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.deepStrictEqual(said(), [{ tenant: "a" }])
      }))
  })

  it.live("is in the program of the README", () =>
    Effect.gen(function*() {
      const file = Fs.readFileSync(new URL("support/SpendProgram.ts", import.meta.url), "utf8")
      const program = file.slice(file.indexOf("// The team's")).trim()
      assert.include(Fs.readFileSync(new URL("../README.md", import.meta.url), "utf8"), program)
      const { url, received } = yield* WireServer.http1(answering)
      const environment = { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url, AWS_BEARER_TOKEN_BEDROCK: "a-key" }
      yield* SpendProgram.answer("acme", "Hi").pipe(
        Effect.provide(Layer.provide(SpendProgram.Support, Environment.provided(environment)))
      )
      assert.deepStrictEqual(received.map(metadataOf), [{ app: "support", tenant: "acme" }])
    }))

  describe("behind a cache", () => {
    it.live("are no part of the key, wherever they are set", () =>
      Effect.gen(function*() {
        const { client, received } = yield* open()
        yield* Effect.gen(function*() {
          for (const ofLayer of [undefined, { app: "x" }]) {
            const { chat, embedding } = services(ofLayer)
            const cached = Layer.merge(ChatService.withCache(chat), EmbeddingService.withCache(embedding))
            for (const ofFiber of [{}, { tenant: "a" }]) {
              for (const own of [undefined, { tenant: "b" }, { team: "c" }]) {
                yield* Effect.provide(
                  tagged(ofFiber)(Effect.all([
                    ChatService.generate(ask(own)),
                    EmbeddingService.embed("Hi", options(own)),
                    EmbeddingService.embedMany(["Hi"], options(own))
                  ])),
                  cached
                )
              }
            }
          }
        }).pipe(
          Effect.provideService(BedrockClient, client),
          Effect.provide(Layer.merge(ChatCache.layerMemory(), EmbeddingCache.layerMemory()))
        )
        assert.lengthOf(received, 2)
      }))

    it.live("are those of the call that was sent, for all that share its answer", () =>
      Effect.gen(function*() {
        const { client, said } = yield* open()
        const question = (tenant: string) => tagged({ tenant })(ChatService.generate(ask()))
        const answers = yield* Effect.forEach(["a", "b"], question, all).pipe(
          Effect.provide(ChatService.withCache(services().chat)),
          Effect.provideService(BedrockClient, client),
          Effect.provide(ChatCache.layerMemory())
        )
        const sent = answers.findIndex(({ cached }) => cached !== true)
        assert.deepStrictEqual(said(), [{ tenant: sent === 0 ? "a" : "b" }])
      }))
  })
})
