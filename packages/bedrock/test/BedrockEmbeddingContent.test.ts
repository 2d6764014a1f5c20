import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Effect from "effect/Effect"
import type * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as Families from "../src/embedding/Families.ts"
import * as Answers from "./embedding/answers.ts"
import { provideEmbedding, type Sent } from "./embedding/stub.ts"

/** An image in base64: `Aw==`, `BA==` … */
const image = (byte = 3): Embedding.Image => ({ bytes: Uint8Array.of(byte), mediaType: "image/png" })

const profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

/** One vector for each input of a request, whatever the family. */
const answer = ({ body }: Sent, family: BedrockEmbedding.FamilyName) => {
  const dimensions = Families.all.find(({ name }) => name === family)?.dimensions.default ?? 0
  const vector = Answers.numbers(dimensions, 1)
  switch (family) {
    case "cohere-v3":
    case "cohere-v4":
      return Answers.cohereByType([body.texts, body.images, body.inputs].flat().flatMap((item) => item ? [vector] : []))
    case "nova-2":
      return Answers.nova(vector)
    case "marengo-2.7":
    case "marengo-3.0":
      return Answers.marengo(vector)
    default:
      return Answers.titan(vector, 3)
  }
}

const embedMany = (family: BedrockEmbedding.FamilyName, inputs: ReadonlyArray<Embedding.Input>, sent: Array<Sent>) =>
  Effect.flatMap(EmbeddingService.EmbeddingService, (service) => service.embedMany(inputs)).pipe(
    provideEmbedding({ model: profile, family, policy: Policy.none }, (request) => answer(request, family), sent)
  )

const withImages = ["titan-image-v1", "nova-2", "cohere-v3", "cohere-v4", "marengo-2.7", "marengo-3.0"] as const
const withCombined = ["titan-image-v1", "cohere-v4", "marengo-3.0"] as const
const without = (names: ReadonlyArray<BedrockEmbedding.FamilyName>) =>
  Families.names.filter((name) => !names.includes(name))

describe("BedrockEmbedding of content", () => {
  it.effect.each(withImages)("%s embeds texts and images side by side", (family) => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const batch = yield* embedMany(family, ["a", { image: image(3) }, { text: "b" }, { image: image(4) }], sent)
      assert.lengthOf(batch.embeddings, 4)
      const bodies = sent.map(({ body }) => JSON.stringify(body))
      assert.lengthOf(bodies.filter((body) => /Aw==|BA==/.test(body)), family === "cohere-v4" ? 1 : 2)
      assert.isFalse(bodies.some((body) => /"[ab]"/.test(body) && /Aw==|BA==/.test(body)))
    })
  })

  it.effect.each(withCombined)("%s embeds a text and an image in one vector", (family) => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const batch = yield* embedMany(family, [{ text: "a", image: image() }], sent)
      assert.lengthOf(batch.embeddings, 1)
      assert.match(JSON.stringify(sent), /"a".*Aw==/)
    })
  })

  it.effect.each(without(withImages))("%s does not support images", (family) => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const error = yield* Effect.flip(embedMany(family, [{ image: image() }], sent))
      assert.strictEqual(error._tag, "UnsupportedFeatureError")
      assert.deepStrictEqual(sent, [])
    })
  })

  it.effect.each(without(withCombined))("%s does not support text and image in one vector", (family) => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const error = yield* Effect.flip(embedMany(family, [{ text: "a", image: image() }], sent))
      assert.strictEqual(error._tag, "UnsupportedFeatureError")
      assert.deepStrictEqual(sent, [])
    })
  })

  it.effect("sends Cohere v4 96 images a request, and less when they are large", () => {
    const sent: Array<Sent> = []
    const large = Array.from({ length: 4 }, (_, index) => ({
      image: { bytes: new Uint8Array(5_000_000).fill(index), mediaType: "image/jpeg" }
    }))
    return Effect.gen(function*() {
      const small = Array.from({ length: 100 }, (_, index) => ({ image: image(index) }))
      yield* embedMany("cohere-v4", small, sent)
      yield* embedMany("cohere-v4", large, sent)
      assert.deepStrictEqual(sent.map(({ body }) => [body.images].flat().length), [96, 4, 2, 2])
    })
  })

  it.effect("refuses an image of a type or a size the model does not take", () => {
    const sent: Array<Sent> = []
    const refused: ReadonlyArray<Embedding.Image> = [
      { bytes: Uint8Array.of(3), mediaType: "image/tiff" },
      { bytes: new Uint8Array(5 * 1024 * 1024 + 1), mediaType: "image/png" }
    ]
    return Effect.gen(function*() {
      for (const image of refused) {
        const error = yield* Effect.flip(embedMany("cohere-v3", [{ image }], sent))
        assert(error._tag === "InvalidRequestError")
        assert.include(error.field, ".image")
      }
      assert.deepStrictEqual(sent, [])
    })
  })

  it.effect("returns vectors of the requested type", () => {
    const sent: Array<Sent> = []
    return Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const { vector } = yield* service.embed("a", { vectorType: "binary", dimensions: 256 })
      assert.deepStrictEqual(vector, Uint8Array.from(Answers.numbers(32, 128)))
      assert.deepStrictEqual(sent.map(({ body }) => body), [
        { inputText: "a", dimensions: 256, embeddingTypes: ["binary"] }
      ])
    }).pipe(provideEmbedding(
      { model: "amazon.titan-embed-text-v2:0" },
      () => Answers.titanBinary(Answers.numbers(256, 1), Answers.numbers(256, 1)),
      sent
    ))
  })

  it.effect("fails with MalformedResponseError and the message of a model that made no vector", () =>
    Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const error = yield* Effect.flip(service.embed({ image: image() }))
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.include(error.message, ": the model returned no vector: The image is too small (request ")
    }).pipe(provideEmbedding(
      { model: "amazon.titan-embed-image-v1", policy: Policy.none },
      () => ({ embedding: null, inputTextTokenCount: 0, message: "The image is too small" })
    )))
})
