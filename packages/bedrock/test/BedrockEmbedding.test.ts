import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as Families from "../src/embedding/Families.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import * as Answers from "./embedding/answers.ts"
import { client, provideEmbedding, type Sent, textsOf } from "./embedding/stub.ts"

/** Vectors whose first number is the number in the text. */
const cohere = (sent: Sent) =>
  Answers.cohere(textsOf(sent).map((text) => Answers.numbers(1024, Number(/\d+/.exec(text)?.[0]))))

const titan = (sent: Sent) => Answers.titan(Answers.numbers(1024, Number(/\d+/.exec(textsOf(sent)[0]!)?.[0])), 3)

const texts = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, index) => `text ${index}`)

const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

describe("BedrockEmbedding", () => {
  it.effect("sends 1,000 texts to Cohere in 11 requests, and keeps their order", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const batch = yield* service.embedMany(texts(1000))
      assert.deepStrictEqual(sent.map((request) => textsOf(request).length), [...Array(10).fill(96), 40])
      assert.strictEqual(batch.requests, 11)
      assert.strictEqual(batch.usage.inputTokens, 1000)
      assert.deepStrictEqual(batch.embeddings.map(({ vector }) => vector[0]), texts(1000).map((_, index) => index))
      assert.isTrue(batch.embeddings.every(({ vector }) => vector instanceof Float32Array && vector.length === 1024))
    }).pipe(
      provideEmbedding({ model: "cohere.embed-english-v3" }, cohere, sent)
    )
  })

  it.effect("sends Titan one request for each text, and believes the body's count of tokens", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const batch = yield* service.embedMany(texts(7))
      assert.strictEqual(sent.length, 7)
      assert.strictEqual(batch.requests, 7)
      assert.strictEqual(batch.usage.inputTokens, 21)
      assert.deepStrictEqual(batch.embeddings.map(({ vector }) => vector[0]), [0, 1, 2, 3, 4, 5, 6])
    }).pipe(
      provideEmbedding({ model: "amazon.titan-embed-text-v2:0" }, titan, sent)
    )
  })

  it.effect("sends the id unchanged, and the options in the family's format", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      yield* service.embed("text 1", {
        model: "eu.cohere.embed-v4:0",
        purpose: "query",
        dimensions: 1024,
        truncate: "end",
        providerOptions: { bedrock: { body: { max_tokens: 512, truncate: "RIGHT" } } }
      })
      assert.deepStrictEqual(sent, [{
        modelId: "eu.cohere.embed-v4:0",
        body: {
          texts: ["text 1"],
          input_type: "search_query",
          truncate: "RIGHT",
          embedding_types: ["float"],
          output_dimension: 1024,
          max_tokens: 512
        }
      }])
    }).pipe(
      provideEmbedding({ model: "amazon.titan-embed-text-v2:0" }, cohere, sent)
    )
  })

  describe("refuses before anything is sent", () => {
    const refusal = (options: Parameters<EmbeddingService.EmbeddingService["Service"]["embed"]>[1]) => {
      const sent: Array<Sent> = []
      return Effect.gen(function*() {
        const service = yield* EmbeddingService.EmbeddingService
        const error = yield* Effect.flip(service.embed("text 1", options))
        assert.deepStrictEqual(sent, [])
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.provider, "aws.bedrock")
        return error
      }).pipe(provideEmbedding({}, cohere, sent))
    }

    it.effect.each(Families.all.map(({ dimensions, name }) => ({ name, allowed: dimensions.allowed })))(
      "a length $name has no vectors of",
      ({ allowed, name }) =>
        Effect.gen(function*() {
          const error = yield* refusal({
            model: applicationProfile,
            dimensions: 100,
            providerOptions: { bedrock: { family: name } }
          })
          assert.strictEqual(error.field, "dimensions")
          assert.deepStrictEqual(error.remedy?.match(/\d+/g)?.map(Number), [...allowed])
        })
    )

    it.effect.each(
      Families.all.flatMap(({ name, vectorTypes }) =>
        (["int8", "uint8", "binary"] as const)
          .filter((vectorType) => !vectorTypes.includes(vectorType))
          .map((vectorType) => ({ name, vectorType, vectorTypes }))
      )
    )(
      "vectors of type $vectorType, which $name does not make",
      ({ name, vectorType, vectorTypes }) =>
        Effect.gen(function*() {
          const error = yield* refusal({
            model: applicationProfile,
            vectorType,
            providerOptions: { bedrock: { family: name } }
          })
          assert.strictEqual(error.field, "vectorType")
          const named = Array.from(error.remedy?.matchAll(/\b(float|int8|uint8|binary)\b/g) ?? [], ([type]) => type)
          assert.deepStrictEqual(named, [...vectorTypes])
        })
    )

    it.effect("unit length of a vector that is not of type float", () =>
      Effect.gen(function*() {
        const error = yield* refusal({ model: "cohere.embed-v4:0", vectorType: "int8", normalize: true })
        assert.strictEqual(error.field, "normalize")
      }))

    it.effect("a model whose family its id does not tell", () =>
      Effect.gen(function*() {
        const error = yield* refusal({ model: applicationProfile })
        assert.strictEqual(error.field, "model")
        assert.include(error.remedy, "`family`")
        for (const name of Families.names) assert.include(error.remedy, name)
      }))

    it.effect.each(["texts", "embedding_types"])("another value for `%s`", (field) =>
      Effect.gen(function*() {
        const error = yield* refusal({
          model: "cohere.embed-english-v3",
          providerOptions: { bedrock: { body: { [field]: ["int8"] } } }
        })
        assert.strictEqual(error.field, `providerOptions.bedrock.body.${field}`)
      }))

    it.effect("another value for a field inside another", () =>
      Effect.gen(function*() {
        const error = yield* refusal({
          model: "amazon.nova-2-multimodal-embeddings-v1:0",
          providerOptions: { bedrock: { body: { singleEmbeddingParams: { embeddingDimension: 256 } } } }
        })
        assert.strictEqual(error.field, "providerOptions.bedrock.body.singleEmbeddingParams.embeddingDimension")
      }))

    it.effect("fields that are not JSON", () =>
      Effect.gen(function*() {
        const circle: Record<string, never> = {}
        Object.assign(circle, { circle })
        const error = yield* refusal({
          model: "cohere.embed-english-v3",
          providerOptions: { bedrock: { body: circle } }
        })
        assert.strictEqual(error.field, "providerOptions.bedrock.body.circle")
      }))
  })

  it.effect("asks for the model of an application inference profile where a lookup is provided", () => {
    const sent: Array<Sent> = []
    const asked: Array<string> = []
    const lookup = Layer.succeed(InferenceProfile.InferenceProfile, (arn) => {
      asked.push(arn)
      return Effect.succeed("amazon.titan-embed-text-v2:0")
    })
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      yield* service.embed("text 1")
      assert.deepStrictEqual(sent.map(({ modelId }) => modelId), [applicationProfile])
      assert.include(asked, applicationProfile)
      const before = asked.length
      yield* service.embed("text 2", { model: "cohere.embed-english-v3" })
      yield* service.embed("text 3", { providerOptions: { bedrock: { family: "cohere-v3" } } })
      assert.lengthOf(asked, before)
    }).pipe(
      Effect.provide(
        BedrockEmbedding.layer({ model: applicationProfile }).pipe(
          Layer.provide(client((request) => "texts" in request.body ? cohere(request) : titan(request), sent)),
          Layer.provide(lookup)
        )
      )
    )
  })

  it.effect("uses the family of the layer or the request for an opaque id", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      yield* service.embed("text 1")
      yield* service.embed("text 2", { providerOptions: { bedrock: { family: "cohere-v3" } } })
      assert.deepStrictEqual(sent.map(({ body }) => Object.keys(body)), [
        ["inputText"],
        ["texts", "input_type", "truncate"]
      ])
      assert.isTrue(sent.every(({ modelId }) => modelId === applicationProfile))
    }).pipe(
      provideEmbedding(
        { model: applicationProfile, family: "titan-text-v2" },
        (request) => "texts" in request.body ? cohere(request) : titan(request),
        sent
      )
    )
  })

  it.effect.each([
    [{ embedding: Answers.numbers(512, 1) }, "the answer has a vector of 512 numbers instead of 1024"],
    [
      { embedding: [...Answers.numbers(1023, 1), null] },
      "the answer has no finite 32-bit number at `embedding[1023]`"
    ],
    [{ message: "none today" }, "the answer has no list of numbers at `embedding`"],
    [[], "the answer is not a JSON object"]
  ])("fails with MalformedResponseError on an answer that is none (%#)", ([answer, message]) =>
    Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const error = yield* Effect.flip(service.embed("text 1"))
      assert.include(error.message, `amazon.titan-embed-text-v2:0 in us-east-1: ${message} (request `)
      const { _tag, model, provider, requestId } = error
      assert.deepStrictEqual([_tag, provider, model, requestId], [
        "MalformedResponseError",
        "aws.bedrock",
        "amazon.titan-embed-text-v2:0",
        "request-1"
      ])
    }).pipe(
      provideEmbedding({ model: "amazon.titan-embed-text-v2:0", policy: Policy.none }, () => answer)
    ))

  it.effect("coalesces calls for the configured time", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const early = yield* Effect.forkChild(service.embed("text 1"))
      yield* TestClock.adjust("9 millis")
      const late = yield* Effect.forkChild(service.embed("text 2"))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(early)
      yield* Fiber.join(late)
      assert.deepStrictEqual(sent.map(textsOf), [["text 1", "text 2"]])
    }).pipe(provideEmbedding({ model: "cohere.embed-english-v3", coalesce: "10 millis" }, cohere, sent))
  })

  it.effect("reads its options from Config", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      yield* service.embed("text 1")
      assert.deepStrictEqual(sent.map(({ modelId }) => modelId), [applicationProfile])
    }).pipe(
      Effect.provide(
        BedrockEmbedding.layerConfig({
          model: Config.String("EMBEDDING_MODEL"),
          family: Config.Literals(BedrockEmbedding.families, "EMBEDDING_FAMILY"),
          policy: Config.succeed(Policy.none)
        }).pipe(Layer.provide(client(cohere, sent)))
      ),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ EMBEDDING_MODEL: applicationProfile, EMBEDDING_FAMILY: "cohere-v3" })
      )
    )
  })
})
