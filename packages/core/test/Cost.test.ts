import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Cost from "@strata/core/Cost"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { delta, finish, response, usage, watched } from "./ChatFixture.ts"

const price: Pricing.Price = { input: 1, output: 10, cacheRead: 0.1, cacheWrite: 1.25 }
const prices = (...models: ReadonlyArray<string>) => Pricing.layer(models.map((model) => ({ model, price })))
const expected = Pricing.cost(usage, price)!

const chat = (overrides?: Partial<ChatService.Provider>) =>
  ChatService.make({
    provider: "test.provider",
    defaultModel: "test-model",
    policy: Policy.none,
    generate: () => Effect.succeed(response("hello")),
    stream: () => Stream.make(delta("hel"), delta("lo"), finish),
    ...overrides
  })

const ways: ReadonlyArray<
  readonly [
    string,
    (
      service: ChatService.ChatService["Service"]
    ) => Effect.Effect<ChatResponse.ChatResponse, ChatService.ChatStreamError>
  ]
> = [
  ["generate", (service) => service.generate({ messages: "hi" })],
  ["stream", (service) => ChatEvent.collect(service.stream({ messages: "hi" }))]
]

const spent = (operation: Telemetry.Operation, model: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(Telemetry.cost, {
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": "test.provider",
      "gen_ai.request.model": model
    })),
    ({ count }) => count
  )

/** Counts the characters of each text. */
const embedding = (overrides?: Partial<EmbeddingService.Provider>) =>
  EmbeddingService.make({
    provider: "test.provider",
    defaultModel: "test-embedding",
    policy: Policy.none,
    limits: () => Effect.succeed({ maxItems: 2, maxLength: 1000 }),
    embedBatch: ({ inputs }) =>
      Effect.succeed({
        vectors: inputs.map(() => Float32Array.of(1)),
        inputTokens: inputs.reduce((sum, input) => sum + String(input).length, 0)
      }),
    ...overrides
  })

const inputCost = (inputTokens: number) => Cost.make({ input: inputTokens / 1e6 })

describe("Cost", () => {
  it("adds up part by part", () => {
    const one = Cost.make({ input: 1, output: 2 })
    assert.deepStrictEqual(one, { input: 1, cacheRead: 0, cacheWrite: 0, output: 2, total: 3 })
    assert.deepStrictEqual(Cost.add(one, Cost.make({ cacheRead: 4, cacheWrite: 8 })), {
      input: 1,
      cacheRead: 4,
      cacheWrite: 8,
      output: 2,
      total: 15
    })
    assert.deepStrictEqual(Cost.add(Cost.empty, one), one)
  })
})

describe("the cost of a chat", () => {
  it.effect.each(ways)(
    "is on the answer of %s, its span and a counter, once",
    ([, ask]) =>
      watched(({ spans }) =>
        Effect.gen(function*() {
          const service = yield* Effect.provide(chat(), prices("test-model"))
          const answer = yield* ask(service)
          assert.deepStrictEqual(answer.cost, expected)
          assert.strictEqual(answer.provider, "test.provider")
          assert.strictEqual(answer.text, "hello")
          assert.deepStrictEqual(spans.map(({ attributes }) => attributes.get("strata.cost.usd")), [expected.total])
          assert.strictEqual(yield* spent("chat", "test-model"), expected.total)
          yield* ask(service)
          assert.strictEqual(yield* spent("chat", "test-model"), 2 * expected.total)
        })
      )
  )

  it.effect.each(ways)(
    "is missing from %s without prices, and nothing is logged",
    ([, ask]) =>
      watched(({ logs }) =>
        Effect.gen(function*() {
          const answer = yield* ask(yield* chat())
          assert.notProperty(answer, "cost")
          assert.strictEqual(answer.provider, "test.provider")
          assert.deepStrictEqual(logs, [])
        })
      )
  )

  it.effect("is logged as missing once for each model without a price", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const service = yield* Effect.provide(
          chat({ generate: ({ model }) => Effect.succeed({ ...response("hello"), model }) }),
          prices("test-model")
        )
        for (const model of ["test-model", "other", "other", "another"]) {
          const { cost } = yield* service.generate({ model, messages: "hi" })
          assert.strictEqual(cost === undefined, model !== "test-model")
        }
        assert.deepStrictEqual(logs.map(({ annotations, level }) => [level, annotations["model"]]), [
          ["Info", "other"],
          ["Info", "another"]
        ])
        assert.match(String(logs[0]?.message), /No price is configured for this model/u)
      })
    ))

  it.effect("is priced by the model that answered, and counted for the requested one", () =>
    watched(() =>
      Effect.gen(function*() {
        const service = yield* Effect.provide(
          chat({ generate: () => Effect.succeed({ ...response("hello"), model: "us.test-model" }) }),
          prices("us.test-model")
        )
        assert.deepStrictEqual((yield* service.generate({ messages: "hi" })).cost, expected)
        assert.strictEqual(yield* spent("chat", "test-model"), expected.total)
      })
    ))

  it.effect("is logged when a price lacks a kind of tokens that was used", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const service = yield* Effect.provide(
          chat(),
          Pricing.layer([{ model: "test-model", price: { input: 1, output: 10 } }])
        )
        assert.isUndefined((yield* service.generate({ messages: "hi" })).cost)
        assert.match(String(logs[0]?.message), /does not name all kinds of tokens/u)
      })
    ))
})

describe("the cost of embeddings", () => {
  it.effect("is on the batch, and on what is counted separately", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const service = yield* Effect.provide(embedding(), prices("test-embedding"))
        const batch = yield* service.embedMany(["a", "bb", "cccc"])
        assert.deepStrictEqual(batch.cost, inputCost(7))
        assert.deepStrictEqual(batch.embeddings.map(({ cost }) => cost), [undefined, undefined, inputCost(4)])
        assert.strictEqual(yield* spent("embeddings", "test-embedding"), inputCost(3).total + inputCost(4).total)

        assert.deepStrictEqual((yield* service.embed("hello")).cost, inputCost(5))
        const { cost, results: each, usage } = yield* service.embedEach(["hello", ""])
        assert.deepStrictEqual([cost, usage], [inputCost(5), { inputTokens: 5 }])
        assert.deepStrictEqual(each.slice(0, 1).map((result) => Result.getOrThrow(result).cost), [inputCost(5)])
        const embedded = yield* Stream.runCollect(service.embedStream(Stream.make("hello"), (text) => text))
        assert.deepStrictEqual(embedded.map(({ embedding }) => embedding.cost), [inputCost(5)])
        assert.deepStrictEqual(
          spans.map(({ attributes }) => attributes.get("strata.cost.usd")),
          [7, 5, 5, 5].map((tokens) => inputCost(tokens).total)
        )
      })
    ))

  it.effect("is missing where tokens are not counted, or have no price", () =>
    Effect.gen(function*() {
      const uncounted = embedding({
        embedBatch: ({ inputs }) => Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1)) })
      })
      for (const make of [Effect.provide(uncounted, prices("test-embedding")), embedding()]) {
        const service = yield* make
        assert.notProperty(yield* service.embedMany(["a"]), "cost")
        assert.notProperty(yield* service.embed("a"), "cost")
      }
    }))
})
