import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Cohere from "../../src/embedding/Cohere.ts"
import * as Family from "../../src/embedding/Family.ts"
import * as Answers from "./answers.ts"

const Texts = Schema.NonEmptyArray(Schema.String)
const Images = Schema.NonEmptyArray(Answers.Image)
const Combined = Schema.NonEmptyArray(Schema.Struct({ text: Schema.String, image: Answers.Image }))
const Vectors = Schema.Array(Schema.NonEmptyArray(Answers.Float))
const VectorType = Schema.Literals(Cohere.v3.vectorTypes)
const Dimensions = Schema.UndefinedOr(Schema.Literals(Cohere.v4.dimensions.allowed))

const inputTypes = {
  document: "search_document",
  query: "search_query",
  classification: "classification",
  clustering: "clustering"
}
const truncate = { none: "NONE", start: "START", end: "END" }
const types = { float: "float", int8: "int8", uint8: "uint8", binary: "ubinary" }

const dataUri = (image: typeof Answers.Image.Type) => `data:${image.mediaType};base64,${Answers.base64(image)}`

describe("Cohere", () => {
  it.prop(
    "v3 sends texts, their purpose and truncation, and the type of vector unless it is float",
    [Texts, Answers.Options, VectorType],
    ([inputs, some, vectorType]) => {
      const options = { ...some, vectorType, dimensions: 1024 }
      assert.deepStrictEqual(JSON.parse(Family.encode(Cohere.v3, Answers.texts(inputs, options))), {
        texts: inputs,
        input_type: inputTypes[options.purpose],
        truncate: truncate[options.truncate],
        ...(vectorType !== "float" && { embedding_types: [types[vectorType]] })
      })
    }
  )

  it.prop("v3 sends an image as such, without a purpose", [Answers.Image, Answers.Options], ([image, options]) => {
    assert.deepStrictEqual(JSON.parse(Family.encode(Cohere.v3, Answers.images([image], options))), {
      images: [dataUri(image)],
      input_type: "image"
    })
  })

  it.prop(
    "v4 sends texts, images, or both, their purpose, the type of vector, and its length when it is asked for",
    [Texts, Images, Combined, Answers.Options, VectorType, Dimensions],
    ([texts, images, combined, some, vectorType, dimensions]) => {
      const options = { ...some, vectorType, dimensions }
      const bodies = [
        Answers.texts(texts, options),
        Answers.images(images, options),
        Answers.combined(combined, options)
      ].map((batch) => JSON.parse(Family.encode(Cohere.v4, batch)))
      const shared = {
        input_type: inputTypes[options.purpose],
        embedding_types: [types[vectorType]],
        ...(dimensions !== undefined && { output_dimension: dimensions })
      }
      assert.deepStrictEqual(bodies, [
        { texts, truncate: truncate[options.truncate], ...shared },
        { images: images.map(dataUri), ...shared },
        {
          inputs: combined.map(({ image, text }) => ({
            content: [{ type: "text", text }, { type: "image_url", image_url: { url: dataUri(image) } }]
          })),
          truncate: truncate[options.truncate],
          ...shared
        }
      ])
    }
  )

  it.prop("reads a bare array and one by type", [Vectors], ([vectors]) => {
    const expected = Result.succeed({ vectors: vectors.map((vector) => Float32Array.from(vector)) })
    for (const answer of [Answers.cohere(vectors), Answers.cohereByType(vectors)]) {
      assert.deepStrictEqual(Cohere.v3.decode(answer, "float"), expected)
      assert.deepStrictEqual(Cohere.v4.decode(answer, "float"), expected)
    }
  })

  it.each(
    [
      ["int8", "int8", Int8Array.of(1, -128, 127)],
      ["uint8", "uint8", Uint8Array.of(0, 255)],
      ["binary", "ubinary", Uint8Array.of(128, 1)]
    ] as const
  )("reads vectors of type %s", (vectorType, type, vector) => {
    const answer = Answers.cohereByType([[...vector]], type)
    assert.deepStrictEqual(Cohere.v4.decode(answer, vectorType), Result.succeed({ vectors: [vector] }))
  })

  it.each<readonly [answer: Record<string, unknown>, what: string, path: string]>([
    [{}, "list of vectors", "embeddings"],
    [{ embeddings: null }, "list of vectors", "embeddings"],
    [{ embeddings: "none" }, "list of vectors", "embeddings"],
    [{ embeddings: [0.1, 0.2] }, "list of numbers", "embeddings[0]"],
    [{ embeddings: [[0.1], null] }, "list of numbers", "embeddings[1]"],
    [{ embeddings: [[0.1], []] }, "list of numbers", "embeddings[1]"],
    [{ embeddings: [[0.1], ["0.2"]] }, "finite 32-bit number", "embeddings[1][0]"],
    [{ embeddings: [[0.1], [-1e39]] }, "finite 32-bit number", "embeddings[1][0]"],
    [{ embeddings: { int8: [[1, 2]] } }, "list of vectors", "embeddings"],
    [{ embeddings: { float: [0.1] } }, "list of numbers", "embeddings.float[0]"],
    [{ embeddings: { float: [[0.1], [0.1, null]] } }, "finite 32-bit number", "embeddings.float[1][1]"]
  ])("refuses %j", (answer, what, path) => {
    assert.deepStrictEqual(
      Cohere.v4.decode(answer, "float"),
      Result.fail(`The answer has no ${what} at \`${path}\``)
    )
  })

  it.each(
    [
      ["int8", "list of vectors at `embeddings`", { float: [[0.1]] }],
      ["int8", "int8 number at `embeddings.int8[0][0]`", { int8: [[128]] }],
      ["uint8", "uint8 number at `embeddings.uint8[0][0]`", { uint8: [[-1]] }],
      ["binary", "list of vectors at `embeddings`", { binary: [[1]] }],
      ["binary", "byte at `embeddings.ubinary[0][0]`", { ubinary: [[0.5]] }]
    ] as const
  )("refuses what is not of the type (%#)", (vectorType, missing, embeddings) => {
    assert.deepStrictEqual(
      Cohere.v4.decode({ embeddings }, vectorType),
      Result.fail(`The answer has no ${missing}`)
    )
  })

  it("v3 accepts one image per request, and none together with text", () => {
    assert.strictEqual(Cohere.v3.limits.images?.maxItems, 1)
    assert.isUndefined(Cohere.v3.limits.combined)
  })

  it("v4 never fills a body above 20 MB, even if every character is escaped", () => {
    const { maxBatchLength = Infinity, maxItems, maxLength } = Cohere.v4.limits
    const full = Math.floor(maxBatchLength / maxLength)
    const inputs = Array.from({ length: maxItems }, (_, index) => "\0".repeat(index < full ? maxLength : 0))
    const body = Family.encode(Cohere.v4, Answers.texts(inputs))
    assert.isAtLeast(full, 1)
    assert.isAtMost(new TextEncoder().encode(body).length, 20_000_000)
  })

  it("v4 never fills a body above 20 MB with images, however many share it", () => {
    const { maxBatchBytes = Infinity, maxItems } = Cohere.v4.limits.images ?? { maxItems: 0 }
    const bytes = new Uint8Array(Math.floor(maxBatchBytes / maxItems))
    const images = Array.from({ length: maxItems }, () => ({ bytes, mediaType: "image/jpeg" }))
    assert.isAtMost(Family.encode(Cohere.v4, Answers.images(images)).length, 20_000_000)
  })
})
