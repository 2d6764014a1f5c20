import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"

const cohere = "cohere.rerank-v3-5:0"
const amazon = "amazon.rerank-v1:0"

const invoke = (model: string, body: unknown) =>
  Fixture.post(`/model/${encodeURIComponent(model)}/invoke`, JSON.stringify(body))

const over = (services: Parameters<typeof Fixture.embedding>[0]) =>
  Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat(), Fixture.embedding(services))))

/** The unit vector of "east", "north" or "west"; the zero vector of any other text. */
const direction = (text: string) => Float32Array.from(directions[text] ?? [0, 0])

const directions: Readonly<Record<string, ReadonlyArray<number>>> = { east: [2, 0], north: [0, 3], west: [-1, 0] }

describe("Rerank", () => {
  it.effect.each([[cohere, { api_version: 2 }], [amazon, {}]] as const)(
    "answers %s with the cosine of the vectors as a score from 0 to 1, best first",
    ([model, version]) =>
      Effect.gen(function*() {
        const documents = ["west", "nowhere", "east", "north"]
        const all = yield* invoke(model, { query: "east", documents, ...version })
        assert.strictEqual(all.status, 200, all.text)
        assert.deepStrictEqual(JSON.parse(all.text), {
          results: [
            { index: 2, relevance_score: 1 },
            { index: 1, relevance_score: 0.5 },
            { index: 3, relevance_score: 0.5 },
            { index: 0, relevance_score: 0 }
          ]
        })
        assert.match(all.headers["x-amzn-bedrock-invocation-latency"] ?? "", /^\d+$/)
        const best = yield* invoke(model, { query: "east", documents, top_n: 1, ...version })
        assert.deepStrictEqual(JSON.parse(best.text).results, [{ index: 2, relevance_score: 1 }])
      }).pipe(over({ vectorOf: direction }))
  )

  it.effect("passes the query with the purpose of a query", () => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      yield* invoke(amazon, { query: "q", documents: ["a", "b"] })
      const options = { model: undefined, truncate: "end" } as const
      assert.deepStrictEqual(asked, [
        { inputs: ["q"], options: { ...options, purpose: "query" } },
        { inputs: ["a", "b"], options: { ...options, purpose: "document" } }
      ])
    }).pipe(over({ asked }))
  })

  it.effect("retries without a purpose that the embedding service refuses", () => {
    const strict = Layer.effect(
      EmbeddingService.EmbeddingService,
      Effect.map(EmbeddingService.EmbeddingService, (service) => ({
        ...service,
        embedMany: (inputs, options) =>
          options?.purpose === undefined
            ? service.embedMany(inputs, options)
            : Effect.fail(new ProviderError.InvalidRequestError({ provider: "double", message: "no purpose" }))
      }))
    ).pipe(Layer.provide(Fixture.embedding()))
    return Effect.gen(function*() {
      const { status } = yield* invoke(amazon, { query: "q", documents: ["a"] })
      assert.strictEqual(status, 200)
    }).pipe(Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat(), strict))))
  })

  const malformed = (finding: string) =>
    `Malformed input request: ${finding}, please reformat your input and try again.`
  const request = { query: "q", documents: ["a"] }

  it.effect.each<readonly [string, string, unknown, string]>([
    [
      "the body of a chat model",
      cohere,
      { prompt: "Hi" },
      malformed(
        "#: extraneous key [prompt] is not permitted#: required key [query] not found" +
          "#: required key [documents] not found#: required key [api_version] not found"
      )
    ],
    ["no version for Cohere", cohere, request, malformed("#: required key [api_version] not found")],
    [
      "version 1 for Cohere",
      cohere,
      { ...request, api_version: 1 },
      malformed("#/api_version: 1 is not greater or equal to 2")
    ],
    [
      "a version for Amazon",
      amazon,
      { ...request, api_version: 2 },
      malformed("#: extraneous key [api_version] is not permitted")
    ],
    ["an empty query", amazon, { ...request, query: "" }, malformed("#/query: expected minLength: 1, actual: 0")],
    [
      "no documents",
      amazon,
      { ...request, documents: [] },
      malformed("#/documents: expected minimum item count: 1, found: 0")
    ],
    [
      "1,001 documents",
      amazon,
      { ...request, documents: Array.from({ length: 1001 }, () => "a") },
      malformed("#/documents: expected maximum item count: 1000, found: 1001")
    ],
    [
      "a document that is no text",
      amazon,
      { ...request, documents: ["a", 1] },
      malformed("#/documents/1: expected type: String, found: Integer")
    ],
    ["top_n of 0", amazon, { ...request, top_n: 0 }, malformed("#/top_n: 0 is not greater or equal to 1")]
  ])("refuses %s", ([, model, body, message]) =>
    Effect.gen(function*() {
      const { status, text } = yield* invoke(model, body)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses Converse", () =>
    Effect.gen(function*() {
      const { status } = yield* Fixture.converse(Fixture.hello, cohere)
      assert.strictEqual(status, 400)
    }).pipe(Effect.provide(Fixture.emulator())))
})
