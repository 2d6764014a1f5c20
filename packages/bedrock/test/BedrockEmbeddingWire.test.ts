import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"

const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

/** A Bedrock on this machine whose models make vectors of so many numbers, and a client of it. */
const bedrock = (dimensions: number) =>
  Layer.effect(
    BedrockClient.BedrockClient,
    Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
  ).pipe(
    Layer.provideMerge(Emulator.layer({ applicationProfiles: { [applicationProfile]: "cohere.embed-v4:0" } })),
    Layer.provideMerge(Layer.merge(
      TestChat.layer(),
      TestEmbedding.layer({ dimensions, limits: { maxLength: 100_000 } })
    ))
  )

const texts = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `the ${index}th of ${count} "texts", naïve 🙂`)

/** What the service behind the emulator makes of the texts, asked without any wire. */
const direct = (inputs: ReadonlyArray<string>, dimensions: number) =>
  Effect.flatMap(EmbeddingService.EmbeddingService, (service) => service.embedMany(inputs, { dimensions }))

const vectorsOf = ({ embeddings }: Embedding.EmbeddingBatch) => embeddings.map(({ vector }) => vector)

describe("BedrockEmbedding over HTTP", () => {
  it.live.each<{ model: string; dimensions: number; requests: number; family?: "cohere-v4" }>([
    { model: "amazon.titan-embed-text-v1", dimensions: 1536, requests: 100 },
    { model: "amazon.titan-embed-g1-text-02", dimensions: 1536, requests: 100 },
    { model: "amazon.titan-embed-text-v2:0", dimensions: 1024, requests: 100 },
    { model: "cohere.embed-english-v3", dimensions: 1024, requests: 2 },
    { model: "cohere.embed-multilingual-v3", dimensions: 1024, requests: 2 },
    { model: "us.cohere.embed-v4:0", dimensions: 1536, requests: 2 },
    { model: "arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-v4:0", dimensions: 1536, requests: 2 },
    { model: applicationProfile, dimensions: 1536, requests: 2, family: "cohere-v4" }
  ])("brings every vector of $model home", ({ dimensions, family, model, requests }) =>
    Effect.gen(function*() {
      const inputs = texts(100)
      const expected = yield* direct(inputs, dimensions)
      const service = yield* BedrockEmbedding.make({ model, family })
      const batch = yield* service.embedMany(inputs, { normalize: false })
      assert.deepStrictEqual(vectorsOf(batch), vectorsOf(expected))
      assert.strictEqual(batch.usage.inputTokens, expected.usage.inputTokens)
      assert.strictEqual(batch.requests, requests)
      const emulator = yield* Emulator.Emulator
      const { byOperation } = yield* emulator.statistics
      assert.strictEqual(byOperation.InvokeModel, requests)
    }).pipe(Effect.provide(bedrock(dimensions))))

  it.live.each([
    { model: "amazon.titan-embed-text-v2:0", dimensions: 256 },
    { model: "cohere.embed-v4:0", dimensions: 512 }
  ])("gets vectors of $dimensions numbers from $model", ({ dimensions, model }) =>
    Effect.gen(function*() {
      const service = yield* BedrockEmbedding.make({ model })
      const { vector } = yield* service.embed("text", { dimensions, normalize: true })
      assert.strictEqual(vector.length, dimensions)
      assert.closeTo(Math.hypot(...vector), 1, 1e-6)
    }).pipe(Effect.provide(bedrock(64))))

  it.live("carries the purpose to the model", () =>
    Effect.gen(function*() {
      const service = yield* BedrockEmbedding.make({ model: "cohere.embed-v4:0" })
      const purposes = ["document", "query", "classification", "clustering"] as const
      for (const purpose of purposes) yield* service.embed("text", { purpose })
      const double = yield* TestEmbedding.TestEmbedding
      const batches = yield* double.batches
      assert.deepStrictEqual(batches.map(({ options }) => options.purpose), [...purposes])
    }).pipe(Effect.provide(bedrock(1536))))

  it.live("retries throttled requests", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "throttle", times: 1 })
      const policy = Policy.make({ retry: Retry.exponential({ rateLimitBase: 0 }) })
      const service = yield* BedrockEmbedding.make({ model: "cohere.embed-english-v3", policy })
      yield* service.embed("text")
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ status }) => status), [429, 200])
    }).pipe(Effect.provide(bedrock(1024)), Effect.provideService(References.MinimumLogLevel, "None")))

  it.live("does not retry without a policy", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "throttle", times: 1 })
      const service = yield* BedrockEmbedding.make({ model: "cohere.embed-english-v3", policy: Policy.none })
      const error = yield* Effect.flip(service.embed("text"))
      assert.strictEqual(error._tag, "RateLimitError")
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ status }) => status), [429])
    }).pipe(Effect.provide(bedrock(1024))))

  it.live.each([{ type: "garbage", contentType: "application/json" }, { type: "emptyBody" }] as const)(
    "fails with MalformedResponseError on 200 and $type",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.inject(fault)
        const service = yield* BedrockEmbedding.make({ model: "cohere.embed-english-v3", policy: Policy.none })
        const error = yield* Effect.flip(service.embed("text"))
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.match(error.message, /^cohere\.embed-english-v3 at 127\.0\.0\.1:\d+: the answer is not JSON \(request /)
        assert.isDefined(error.requestId)
      }).pipe(Effect.provide(bedrock(1024)))
  )
})
