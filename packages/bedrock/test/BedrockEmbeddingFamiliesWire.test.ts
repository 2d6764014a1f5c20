import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import { TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as Emulated from "./support/Emulated.ts"

const families = [
  { model: "amazon.titan-embed-text-v1", dimensions: 1536, images: 0, combined: false },
  { model: "amazon.titan-embed-text-v2:0", dimensions: 1024, images: 0, combined: false },
  { model: "amazon.titan-embed-image-v1", dimensions: 1024, images: 1, combined: true },
  { model: "amazon.nova-2-multimodal-embeddings-v1:0", dimensions: 3072, images: 1, combined: false },
  { model: "cohere.embed-multilingual-v3", dimensions: 1024, images: 1, combined: false },
  { model: "us.cohere.embed-v4:0", dimensions: 1536, images: 96, combined: true },
  { model: "us.twelvelabs.marengo-embed-2-7-v1:0", dimensions: 1024, images: 1, combined: false },
  { model: "twelvelabs.marengo-embed-3-0-v1:0", dimensions: 512, images: 1, combined: true }
] as const

const withImages = families.filter(({ images }) => images > 0)

/** An image no other number gives, whose first bytes are a PNG's. */
const image = (seed: number): Embedding.Image => ({
  bytes: Uint8Array.from({ length: 1000 }, (_, index) => index < 4 ? [0x89, 0x50, 0x4e, 0x47][index]! : index * seed),
  mediaType: "image/png"
})

const texts = ["a red boat", "the boat is red", "naïve “texts” 🙂"]

const images = [1, 2, 3].map((seed) => ({ image: image(seed) }))

const pairs = texts.map((text, index) => ({ text, image: image(index + 7) }))

/** What the service behind the emulator makes of the inputs, asked without any wire. */
const direct = (inputs: ReadonlyArray<Embedding.Input>, options: Embedding.EmbeddingOptions) =>
  Effect.flatMap(EmbeddingService.EmbeddingService, (service) => service.embedMany(inputs, options))

const vectorsOf = ({ embeddings }: Embedding.EmbeddingBatch) => embeddings.map(({ vector }) => vector)

describe("Embedding families over HTTP", () => {
  it.live.each(families)("brings the vectors of texts and images home from $model", (family) =>
    Effect.gen(function*() {
      const { dimensions, model } = family
      const inputs = [...texts, ...(family.images > 0 ? images : []), ...(family.combined ? pairs : [])]
      const expected = yield* direct(inputs, { dimensions })
      const service = yield* BedrockEmbedding.make({ model })
      const batch = yield* service.embedMany(inputs)
      assert.deepStrictEqual(vectorsOf(batch), vectorsOf(expected))
    }).pipe(Effect.provide(Emulated.embedding(family.dimensions))))

  it.live.each(withImages)("brings $model the image as it was", ({ dimensions, model }) =>
    Effect.gen(function*() {
      const service = yield* BedrockEmbedding.make({ model })
      yield* service.embed(images[0]!)
      const double = yield* TestEmbedding.TestEmbedding
      const [batch] = yield* double.batches
      assert.deepStrictEqual(batch?.inputs, [images[0]!])
    }).pipe(Effect.provide(Emulated.embedding(dimensions))))

  it.live.each(withImages)(
    "sends $model $images image(s) a request",
    ({ dimensions, images: most, model }) =>
      Effect.gen(function*() {
        const service = yield* BedrockEmbedding.make({ model })
        const { requests } = yield* service.embedMany(images)
        assert.strictEqual(requests, Math.ceil(images.length / most))
      }).pipe(Effect.provide(Emulated.embedding(dimensions)))
  )

  it.live.each(families)(
    "knows the tokens of $model where it counts them",
    ({ dimensions, model }) =>
      Effect.gen(function*() {
        const expected = yield* direct(texts, { dimensions })
        const service = yield* BedrockEmbedding.make({ model })
        const { usage } = yield* service.embedMany(texts)
        const counts = !model.includes("twelvelabs")
        assert.strictEqual(usage.inputTokens, counts ? expected.usage.inputTokens : undefined)
      }).pipe(Effect.provide(Emulated.embedding(dimensions)))
  )

  it.live.each([
    { model: "amazon.titan-embed-image-v1", dimensions: 256 },
    { model: "amazon.titan-embed-image-v1", dimensions: 384 },
    { model: "amazon.nova-2-multimodal-embeddings-v1:0", dimensions: 256 },
    { model: "amazon.nova-2-multimodal-embeddings-v1:0", dimensions: 1024 },
    { model: "cohere.embed-v4:0", dimensions: 512 }
  ])("gets vectors of $dimensions numbers from $model", ({ dimensions, model }) =>
    Effect.gen(function*() {
      const expected = yield* direct(["text", ...images], { dimensions })
      const service = yield* BedrockEmbedding.make({ model })
      const batch = yield* service.embedMany(["text", ...images], { dimensions })
      assert.deepStrictEqual(vectorsOf(batch), vectorsOf(expected))
    }).pipe(Effect.provide(Emulated.embedding(dimensions))))

  it.live.each([
    ...(["int8", "uint8", "binary"] as const).flatMap((vectorType) => [
      { vectorType, model: "cohere.embed-english-v3", dimensions: 1024, inputs: [...texts, ...images] },
      { vectorType, model: "cohere.embed-v4:0", dimensions: 1536, inputs: [...texts, ...images, ...pairs] }
    ]),
    { vectorType: "binary" as const, model: "amazon.titan-embed-text-v2:0", dimensions: 1024, inputs: texts }
  ])("gets $vectorType vectors from $model", ({ dimensions, inputs, model, vectorType }) =>
    Effect.gen(function*() {
      const expected = yield* direct(inputs, { dimensions, vectorType })
      const service = yield* BedrockEmbedding.make({ model })
      const batch = yield* service.embedMany(inputs, { vectorType })
      assert.deepStrictEqual(vectorsOf(batch), vectorsOf(expected))
    }).pipe(Effect.provide(Emulated.embedding(dimensions))))

  it.live.each(withImages)(
    "embeds images with $model when a model of texts stands behind it",
    (family) =>
      Effect.gen(function*() {
        const service = yield* BedrockEmbedding.make({ model: family.model })
        const inputs = [...images, ...(family.combined ? pairs : [])]
        const first = vectorsOf(yield* service.embedMany(inputs))
        assert.deepStrictEqual(vectorsOf(yield* service.embedMany(inputs)), first)
        assert.deepStrictEqual(first.map((vector) => vector.length), inputs.map(() => family.dimensions))
        assert.strictEqual(new Set(first.map(String)).size, inputs.length)
      }).pipe(Effect.provide(Emulated.embedding(family.dimensions, { images: undefined, combined: undefined })))
  )

  describe.each(families)("fails when the answer of $model", ({ dimensions, images, model }) => {
    const failure = (fault: Parameters<Emulator.Emulator["Service"]["inject"]>[0]) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.inject(fault)
        const service = yield* BedrockEmbedding.make({ model, policy: Policy.none })
        return yield* Effect.flip(service.embed(images > 0 ? { image: image(1) } : "text"))
      })

    it.live("ends in its middle", () =>
      Effect.gen(function*() {
        const error = yield* failure({ type: "half", framed: true })
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.include(error.message, ": the answer is not JSON (request ")
      }).pipe(Effect.provide(Emulated.embedding(dimensions))))

    it.live("is cut off with its connection", () =>
      Effect.gen(function*() {
        const error = yield* failure({ type: "half" })
        assert.strictEqual(error._tag, "ConnectionError")
      }).pipe(Effect.provide(Emulated.embedding(dimensions))))

    it.live.each([
      "{}",
      "[]",
      "null",
      `{"embedding":[1,2],"embeddings":[[1,2]],"data":[{"embedding":[1,2]}]}`,
      `{"embedding":["1"],"embeddings":[{"embedding":[null]}],"data":[{"embedding":{}}]}`
    ])("is %s", (body) =>
      Effect.gen(function*() {
        const error = yield* failure({ type: "garbage", body, contentType: "application/json" })
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.isDefined(error.requestId)
      }).pipe(Effect.provide(Emulated.embedding(dimensions))))
  })
})
