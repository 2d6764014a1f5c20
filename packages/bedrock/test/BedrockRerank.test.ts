import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import type * as Rerank from "@strata/core/rerank/Rerank"
import * as RerankService from "@strata/core/rerank/RerankService"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockRerank from "../src/BedrockRerank.ts"
import * as Families from "../src/rerank/Families.ts"
import * as InvokeModelDouble from "./support/InvokeModelDouble.ts"

type Sent = InvokeModelDouble.Sent<
  Readonly<Record<string, unknown>> & { readonly documents: ReadonlyArray<string>; readonly top_n: number }
>

/** A client that writes down what is sent and answers what it is told to: text as it is, anything else as JSON. */
const client = (answer: (sent: Sent) => unknown, sent: Array<Sent> = [], inputTokens?: number) =>
  InvokeModelDouble.layer<Sent["body"]>({
    answer: (request) => {
      const answered = answer(request)
      return new TextEncoder().encode(typeof answered === "string" ? answered : JSON.stringify(answered))
    },
    inputTokens: () => inputTokens,
    sent
  })

/** The score of a document is the number in its text, by 10,000. */
const numbered = ({ body: { documents, top_n } }: Sent) => ({
  results: documents
    .map((document, index) => ({ index, relevance_score: Number(/\d+/.exec(document)?.[0]) / 10_000 }))
    .sort((self, that) => that.relevance_score - self.relevance_score)
    .slice(0, top_n)
})

const provideRerank = (options: BedrockRerank.Options, ...stub: Parameters<typeof client>) =>
  Effect.provide(Layer.provide(BedrockRerank.layer(options), client(...stub)))

const cohere = "cohere.rerank-v3-5:0"
const amazon = "amazon.rerank-v1:0"
const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

describe("BedrockRerank", () => {
  it.effect("sends Cohere's body to Cohere, and reads its scores", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const response = yield* RerankService.rerank("which?", ["no 1", "no 3", "no 2"], { topN: 2 })
      assert.deepStrictEqual(response, {
        results: [{ index: 1, score: 0.0003 }, { index: 2, score: 0.0002 }],
        model: cohere,
        requestId: "request-1",
        usage: undefined,
        requests: 1
      })
      assert.deepStrictEqual(sent, [{
        modelId: cohere,
        body: { query: "which?", documents: ["no 1", "no 3", "no 2"], top_n: 2, api_version: 2 }
      }])
    }).pipe(provideRerank({ model: cohere }, numbered, sent))
  })

  it.effect("sends Amazon's body to Amazon, which must have no version", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const { usage } = yield* RerankService.rerank("which?", ["no 1", "no 2"], { model: amazon })
      assert.deepStrictEqual(usage, { inputTokens: 7 })
      assert.deepStrictEqual(sent, [{
        modelId: amazon,
        body: { query: "which?", documents: ["no 1", "no 2"], top_n: 2 }
      }])
    }).pipe(provideRerank({ model: cohere }, numbered, sent, 7))
  })

  it.effect("sends 2,500 documents in 3 requests, and puts their results together", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const documents = Array.from({ length: 2500 }, (_, index) => `no ${index}`)
      const { requests, results } = yield* RerankService.rerank("which?", documents, { topN: 3 })
      assert.deepStrictEqual(results.map(({ index }) => index), [2499, 2498, 2497])
      assert.strictEqual(requests, 3)
      assert.deepStrictEqual(sent.map(({ body }) => body.documents.length), [1000, 1000, 500])
      assert.isTrue(sent.every(({ body }) => body.top_n === 3))
    }).pipe(provideRerank({ model: cohere }, numbered, sent))
  })

  it.effect("adds fields in the model's own format", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      yield* RerankService.rerank("which?", ["no 1"], {
        providerOptions: { bedrock: { body: { max_tokens_per_doc: 512, api_version: 3 } } }
      })
      assert.deepInclude(sent[0]?.body, { max_tokens_per_doc: 512, api_version: 3 })
    }).pipe(provideRerank({ model: cohere }, numbered, sent))
  })

  it.effect("uses the family of the layer or the request for an opaque id", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      yield* RerankService.rerank("which?", ["no 1"])
      yield* RerankService.rerank("which?", ["no 1"], { providerOptions: { bedrock: { family: "cohere" } } })
      assert.deepStrictEqual(sent.map(({ body }) => "api_version" in body), [false, true])
      assert.isTrue(sent.every(({ modelId }) => modelId === applicationProfile))
    }).pipe(provideRerank({ model: applicationProfile, family: "amazon" }, numbered, sent))
  })

  describe("refuses before anything is sent", () => {
    const refusal = (options: Rerank.RerankOptions) => {
      const sent: Array<Sent> = []
      return Effect.gen(function*() {
        const error = yield* Effect.flip(RerankService.rerank("which?", ["no 1"], options))
        assert.deepStrictEqual(sent, [])
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.provider, "aws.bedrock")
        return error
      }).pipe(provideRerank({}, numbered, sent))
    }

    it.effect.each([applicationProfile, "anthropic.claude-3-haiku-20240307-v1:0", "cohere.embed-v4:0", "rerank"])(
      "%s, which does not tell its family",
      (model) =>
        Effect.gen(function*() {
          const error = yield* refusal({ model })
          assert.strictEqual(error.field, "model")
          assert.include(error.remedy, "`family`")
          for (const name of Families.names) assert.include(error.remedy, name)
        })
    )

    it.effect.each(["query", "documents", "top_n"])("another value for `%s`", (field) =>
      Effect.gen(function*() {
        const error = yield* refusal({ model: cohere, providerOptions: { bedrock: { body: { [field]: 1 } } } })
        assert.strictEqual(error.field, `providerOptions.bedrock.body.${field}`)
      }))

    it.effect("fields that are not JSON", () =>
      Effect.gen(function*() {
        const circle: Record<string, never> = {}
        Object.assign(circle, { circle })
        const error = yield* refusal({ model: cohere, providerOptions: { bedrock: { body: circle } } })
        assert.strictEqual(error.field, "providerOptions.bedrock.body.circle")
      }))
  })

  const score = (index: unknown, relevance_score: unknown) => ({ index, relevance_score })
  const scoreless = "the answer has no finite number at `results[0].relevance_score`"

  it.effect.each<readonly [answer: unknown, message: string]>([
    ["<html>", "the answer is not JSON"],
    ["", "the answer is not JSON"],
    ["{\"results\":[{\"index\":0,\"relevance_score\":1e999}]}", scoreless],
    [null, "the answer is not a JSON object"],
    [[], "the answer is not a JSON object"],
    [{ message: "none today" }, "the answer has no list at `results`"],
    [{ results: { length: 1e9 } }, "the answer has no list at `results`"],
    [{ results: [score(0, null)] }, scoreless],
    [{ results: [score(0, "0.5")] }, scoreless],
    [{ results: [score("0", 0.5)] }, "the answer has no index at `results[0].index`"],
    [{ results: [score(1, 0.5), score(0.5, 0.5)] }, "the answer has no index at `results[1].index`"],
    [{ results: [null] }, "the answer has no index at `results[0].index`"],
    [
      { results: [score(0, 0.5), score(2, 0.4)] },
      `${cohere} of aws.bedrock answered with a score for document 2, of 2 counted from 0. Ask again, or use another model.`
    ],
    [
      { results: [score(1, 0.5), score(1, 0.4)] },
      `${cohere} of aws.bedrock answered with two scores for document 1. Ask again, or use another model.`
    ],
    [
      { results: [score(1, 0.5)] },
      `${cohere} of aws.bedrock answered with 1 of the 2 results that were asked for. Ask again, or use another model.`
    ]
  ])("fails with MalformedResponseError on %j", ([answer, message]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(RerankService.rerank("which?", ["no 1", "no 2"]))
      assert.deepStrictEqual(
        [error._tag, error.provider, error.model, error.requestId],
        ["MalformedResponseError", "aws.bedrock", cohere, "request-1"]
      )
      assert.include(error.message, message)
      assert.include(error.message, cohere)
    }).pipe(provideRerank({ model: cohere, policy: Policy.none }, () => answer)))

  it.effect("reads its options from Config", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      yield* RerankService.rerank("which?", ["no 1"])
      assert.deepStrictEqual(sent.map(({ modelId }) => modelId), [applicationProfile])
    }).pipe(
      Effect.provide(
        BedrockRerank.layerConfig({
          model: Config.String("RERANK_MODEL"),
          family: Config.Literals(BedrockRerank.families, "RERANK_FAMILY")
        }).pipe(Layer.provide(client(numbered, sent)))
      ),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ RERANK_MODEL: applicationProfile, RERANK_FAMILY: "amazon" })
      )
    )
  })
})
