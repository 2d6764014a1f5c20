import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as RerankService from "@strata/core/rerank/RerankService"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockRerank from "../src/BedrockRerank.ts"

const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

/** A Bedrock on this machine whose models know words, and a client of it. */
const bedrock = Layer.effect(
  BedrockClient.BedrockClient,
  Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
).pipe(
  Layer.provideMerge(Emulator.layer({ applicationProfiles: { [applicationProfile]: "amazon.rerank-v1:0" } })),
  Layer.provide(Layer.merge(TestChat.layer(), TestEmbedding.layer()))
)

const cohere = "cohere.rerank-v3-5:0"

const documents = [
  "Invoices are sent at the end of each month.",
  "You can reset your password on the account page, naïve 🙂.",
  "The office is closed on Sundays."
]

describe("BedrockRerank over HTTP", () => {
  it.live.each<BedrockRerank.Options>([
    { model: cohere },
    { model: "amazon.rerank-v1:0" },
    { model: `arn:aws:bedrock:us-east-1::foundation-model/${cohere}` },
    { model: applicationProfile, family: "amazon" }
  ])("ranks the documents with $model", ({ family, model }) =>
    Effect.gen(function*() {
      const service = yield* BedrockRerank.make({ model, family })
      const response = yield* service.rerank("reset password", documents)
      assert.deepStrictEqual(response.results.map(({ index }) => index).sort(), [0, 1, 2])
      assert.strictEqual(response.results[0]?.index, 1)
      for (const { score } of response.results) assert.isTrue(score >= 0 && score <= 1)
      assert.strictEqual(response.model, model)
      assert.isDefined(response.requestId)
      assert.isUndefined(response.usage)
      const best = yield* service.rerank("reset password", documents, { topN: 1 })
      assert.deepStrictEqual(best.results, response.results.slice(0, 1))
    }).pipe(Effect.provide(bedrock)))

  it.live("sends 1,001 documents in two requests and finds the one that fits", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1001 }, (_, index) => index === 1000 ? "reset password" : `page ${index}`)
      const service = yield* BedrockRerank.make({ model: cohere })
      const { requests, results } = yield* service.rerank("password reset", many, { topN: 5 })
      assert.deepStrictEqual([requests, results.length, results[0]?.index], [2, 5, 1000])
      const { byOperation } = yield* (yield* Emulator.Emulator).statistics
      assert.strictEqual(byOperation.InvokeModel, 2)
    }).pipe(Effect.provide(bedrock)))

  it.live.each<readonly [string, BedrockRerank.Options, string]>([
    ["ModelNotFoundError", { model: "cohere.rerank-v9:0" }, "The provided model identifier is invalid."],
    [
      "InvalidRequestError",
      { model: applicationProfile, family: "cohere" },
      "Malformed input request: #: extraneous key [api_version] is not permitted, please reformat your input and try again."
    ]
  ])(
    "fails with %s when the service does not take the model or the body",
    ([tag, options, message]) =>
      Effect.gen(function*() {
        const service = yield* BedrockRerank.make(options)
        const error = yield* Effect.flip(service.rerank("q", ["a"]))
        assert.deepStrictEqual([error._tag, error.providerMessage], [tag, message])
        assert.include(error.message, `: "${message}" (request ${error.requestId}). `)
        assert.isDefined(error.requestId)
      }).pipe(Effect.provide(bedrock))
  )

  it.live("retries throttled requests", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "throttle", times: 1 })
      const policy = Policy.make({ retry: Retry.exponential({ rateLimitBase: 0 }) })
      const ranked = yield* RerankService.rerankBy("reset password", documents, (text) => text, { topN: 1 }).pipe(
        Effect.provide(RerankService.withPolicy(BedrockRerank.layer({ model: cohere, policy: Policy.none }), policy))
      )
      assert.deepStrictEqual(ranked.map(({ value }) => value), [documents[1]])
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ status }) => status), [429, 200])
    }).pipe(Effect.provide(bedrock), Effect.provideService(References.MinimumLogLevel, "None")))

  it.live.each([{ type: "garbage", contentType: "application/json" }, { type: "emptyBody" }] as const)(
    "fails with MalformedResponseError on 200 and $type",
    (fault) =>
      Effect.gen(function*() {
        yield* (yield* Emulator.Emulator).inject(fault)
        const service = yield* BedrockRerank.make({ model: cohere, policy: Policy.none })
        const error = yield* Effect.flip(service.rerank("q", ["a"]))
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.include(error.message, `: the answer is not JSON (request ${error.requestId}). `)
      }).pipe(Effect.provide(bedrock))
  )
})
