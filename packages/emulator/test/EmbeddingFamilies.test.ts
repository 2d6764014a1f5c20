import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  base64,
  cohere3,
  cohere4,
  dataUri,
  invoke,
  jpeg,
  marengo27,
  marengo30,
  nova,
  novaImage,
  novaText,
  png,
  single,
  titan
} from "./EmbeddingBodies.ts"
import * as Fixture from "./Fixture.ts"

const json = Effect.fnUntraced(function*(model: string, body: unknown) {
  const { headers, status, text } = yield* invoke(model, body)
  assert.strictEqual(status, 200, text)
  return { body: JSON.parse(text), headers }
})

/** The vectors of an answer of any family. */
const vectorsOf = (body: {
  readonly embedding?: Array<number>
  readonly embeddings?: Array<Array<number> | { readonly embedding: Array<number> }> | {
    readonly float: Array<Array<number>>
  }
  readonly data?: Array<{ readonly embedding: Array<number> }>
}): Array<Array<number>> => {
  if (body.embedding !== undefined) return [body.embedding]
  const list = body.data ?? body.embeddings ?? []
  return Array.isArray(list) ? list.map((item) => Array.isArray(item) ? item : item.embedding) : list.float
}

const seen = (asked: ReadonlyArray<Fixture.EmbeddingCall>): ReadonlyArray<Embedding.Input> =>
  asked.flatMap(({ inputs }) => inputs)

const embedding = (asked: Array<Fixture.EmbeddingCall>) =>
  Fixture.emulator({}, Layer.merge(Fixture.chat(), Fixture.embedding({ asked })))

/** A text-only embedding model behind the emulator, like that of `@strata/local`. */
const textsOnly = Fixture.emulator(
  {},
  Layer.merge(TestChat.layer(), TestEmbedding.layer({ limits: { images: undefined, combined: undefined } }))
)

describe("Embedding families", () => {
  it.effect.each<readonly [string, string, unknown, Embedding.Input, number]>([
    ["a text, Titan", titan, { inputText: "a" }, "a", 1024],
    ["an image, Titan", titan, { inputImage: base64(png) }, { image: { bytes: png, mediaType: "image/png" } }, 1024],
    [
      "both, Titan",
      titan,
      { inputText: "a", inputImage: base64(jpeg), embeddingConfig: { outputEmbeddingLength: 384 } },
      { text: "a", image: { bytes: jpeg, mediaType: "image/jpeg" } },
      384
    ],
    ["a text, Nova", nova, single(novaText("a")), "a", 3072],
    [
      "an image, Nova",
      nova,
      single(novaImage(png), { embeddingDimension: 256 }),
      { image: { bytes: png, mediaType: "image/jpeg" } },
      256
    ],
    ["a text, Marengo 2.7", marengo27, { inputType: "text", inputText: "a", textTruncate: "none" }, "a", 1024],
    [
      "an image, Marengo 2.7",
      marengo27,
      { inputType: "image", mediaSource: { base64String: base64(png) } },
      { image: { bytes: png, mediaType: "image/png" } },
      1024
    ],
    ["a text, Marengo 3.0", marengo30, { inputType: "text", text: { inputText: "a" } }, "a", 512],
    [
      "an image, Marengo 3.0",
      marengo30,
      { inputType: "image", image: { mediaSource: { base64String: base64(jpeg) } } },
      { image: { bytes: jpeg, mediaType: "image/jpeg" } },
      512
    ],
    [
      "both, Marengo 3.0",
      marengo30,
      { inputType: "text_image", text_image: { inputText: "a", mediaSource: { base64String: base64(png) } } },
      { text: "a", image: { bytes: png, mediaType: "image/png" } },
      512
    ],
    [
      "an image, Cohere 3",
      cohere3,
      { images: [dataUri(jpeg, "image/JPEG")], input_type: "image" },
      { image: { bytes: jpeg, mediaType: "image/jpeg" } },
      1024
    ],
    [
      "an image, Cohere 4",
      cohere4,
      { images: [dataUri(png, "image/webp")], input_type: "search_document" },
      { image: { bytes: png, mediaType: "image/webp" } },
      1536
    ],
    ...[dataUri(png), { url: dataUri(png) }].map((image_url) =>
      [
        `both, Cohere 4, the image as ${typeof image_url}`,
        cohere4,
        {
          inputs: [{ content: [{ type: "text", text: "a" }, { type: "image_url", image_url }] }],
          input_type: "search_document",
          output_dimension: 512
        },
        { text: "a", image: { bytes: png, mediaType: "image/png" } },
        512
      ] as const
    )
  ])("passes the embedding service %s", ([, model, body, input, dimensions]) => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      const answer = yield* json(model, body)
      assert.deepEqual(JSON.parse(JSON.stringify(seen(asked))), JSON.parse(JSON.stringify([input])))
      assert.deepStrictEqual(vectorsOf(answer.body).map((vector) => vector.length), [dimensions])
    }).pipe(Effect.provide(embedding(asked)))
  })

  it.effect("reports token counts where the service does", () =>
    Effect.gen(function*() {
      const counter = "x-amzn-bedrock-input-token-count"
      const ofTitan = yield* json(titan, { inputText: "four" })
      assert.hasAllKeys(ofTitan.body, ["embedding", "inputTextTokenCount"])
      assert.deepStrictEqual([ofTitan.body.inputTextTokenCount, ofTitan.headers[counter]], [4, undefined])
      const image = yield* json(titan, { inputImage: base64(png) })
      assert.strictEqual(image.body.inputTextTokenCount, 0)
      const ofNova = yield* json(nova, single(novaText("four")))
      assert.strictEqual(ofNova.headers[counter], "4")
      const ofMarengo = yield* json(marengo30, { inputType: "text", text: { inputText: "four" } })
      assert.hasAllKeys(ofMarengo.body, ["data"])
      assert.isUndefined(ofMarengo.headers[counter])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("reports Nova's embedding type and truncated length", () => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      const image = yield* json(nova, single(novaImage(png)))
      assert.strictEqual(image.body.embeddings[0].embeddingType, "IMAGE")
      const short = yield* json(nova, single(novaText("a")))
      assert.hasAllKeys(short.body.embeddings[0], ["embeddingType", "embedding"])
      const long = `${"a".repeat(20_000)}${"b".repeat(20_000)}`
      for (const mode of ["START", "END"]) {
        const { body } = yield* json(nova, single(novaText(long, mode)))
        assert.deepInclude(body.embeddings[0], { embeddingType: "TEXT", truncatedCharLength: 32_768 })
      }
      const [, , start, end] = seen(asked)
      assert.deepStrictEqual([start, end], [long.slice(-32_768), long.slice(0, 32_768)])
    }).pipe(Effect.provide(embedding(asked)))
  })

  it.effect("truncates the end of a text too long for Marengo 2.7, unless the request forbids it", () => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      yield* json(marengo27, { inputType: "text", inputText: "x".repeat(400) })
      assert.deepStrictEqual(seen(asked), ["x".repeat(308)])
    }).pipe(Effect.provide(embedding(asked)))
  })

  it.effect("passes Nova's purpose to the embedding service", () => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      for (const embeddingPurpose of ["GENERIC_INDEX", "IMAGE_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"]) {
        yield* json(nova, single(novaText("a"), { embeddingPurpose }))
      }
      assert.deepStrictEqual(
        asked.map(({ options }) => options?.purpose),
        ["document", "query", "classification", "clustering"]
      )
    }).pipe(Effect.provide(embedding(asked)))
  })

  it.effect("derives Cohere's other number types of image vectors from the floats", () =>
    Effect.gen(function*() {
      const { body } = yield* json(cohere4, {
        images: [dataUri(png), dataUri(jpeg, "image/jpeg")],
        input_type: "image",
        output_dimension: 256,
        embedding_types: ["float", "int8", "uint8", "binary", "ubinary"]
      })
      const { binary, float, int8, ubinary, uint8 } = body.embeddings
      assert.deepStrictEqual([float.length, float[0].length, ubinary[0].length], [2, 256, 32])
      for (const [index, vector] of (float as Array<Array<number>>).entries()) {
        assert.deepStrictEqual(int8[index].map(Math.abs), vector.map((x) => Math.abs(Math.round(x * 127))))
        assert.deepStrictEqual(uint8[index], int8[index].map((x: number) => x + 128))
        const bits = ubinary[index].map((byte: number) => byte.toString(2).padStart(8, "0")).join("")
        assert.strictEqual(bits, vector.map((x) => x > 0 ? "1" : "0").join(""))
        assert.deepStrictEqual(binary[index], ubinary[index].map((byte: number) => byte - 128))
      }
    }).pipe(Effect.provide(textsOnly)))

  it.effect("derives image vectors from a hash when the embedding service does not support images", () =>
    Effect.gen(function*() {
      const vectorOf = Effect.fnUntraced(function*(content: object) {
        const { body } = yield* json(titan, content)
        assert.approximately(Math.hypot(...body.embedding), 1, 1e-5)
        return body.embedding as Array<number>
      })
      const cosine = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
        a.reduce((sum, x, index) => sum + x * b[index]!, 0)
      const image = yield* vectorOf({ inputImage: base64(png) })
      assert.deepStrictEqual(yield* vectorOf({ inputImage: base64(png) }), image)
      const other = yield* vectorOf({ inputImage: base64(jpeg) })
      assert.isBelow(Math.abs(cosine(image, other)), 0.2)
      const text = yield* vectorOf({ inputText: "a red boat" })
      const both = yield* vectorOf({ inputText: "a red boat", inputImage: base64(png) })
      assert.isAbove(cosine(both, image), 0.6)
      assert.isAbove(cosine(both, text), 0.6)
    }).pipe(Effect.provide(textsOnly)))

  it.effect("keeps the order of texts and images when image vectors are derived", () =>
    Effect.gen(function*() {
      const text = { type: "text", text: "a red boat" }
      const image = { type: "image_url", image_url: dataUri(png) }
      const floats = Effect.fnUntraced(function*(...contents: ReadonlyArray<ReadonlyArray<object>>) {
        const { body } = yield* json(cohere4, {
          inputs: contents.map((content) => ({ content })),
          input_type: "search_document"
        })
        return vectorsOf(body)
      })
      const [first, second, third] = yield* floats([image], [text], [text, image])
      assert.deepStrictEqual([first], yield* floats([image]))
      assert.deepStrictEqual([second], yield* floats([text]))
      assert.deepStrictEqual([third], yield* floats([text, image]))
    }).pipe(Effect.provide(textsOnly)))
})
