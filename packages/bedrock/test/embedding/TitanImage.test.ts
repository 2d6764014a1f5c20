import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Family from "../../src/embedding/Family.ts"
import * as TitanImage from "../../src/embedding/TitanImage.ts"
import * as Answers from "./answers.ts"

const Dimensions = Schema.UndefinedOr(Schema.Literals(TitanImage.v1.dimensions.allowed))
const Vector = Schema.NonEmptyArray(Answers.Float)

const config = (dimensions: number | undefined) =>
  dimensions === undefined ? {} : { embeddingConfig: { outputEmbeddingLength: dimensions } }

describe("TitanImage", () => {
  it.prop(
    "sends the text, the image in base64, or both, and the length of the vector when it is asked for",
    [Schema.String, Answers.Image, Answers.Options, Dimensions],
    ([text, image, some, dimensions]) => {
      const options = { ...some, dimensions }
      const bodies = [
        Answers.texts([text], options),
        Answers.images([image], options),
        Answers.combined([{ text, image }], options)
      ].map((batch) => JSON.parse(Family.encode(TitanImage.v1, batch)))
      const inputImage = Answers.base64(image)
      assert.deepStrictEqual(bodies, [
        { inputText: text, ...config(dimensions) },
        { inputImage, ...config(dimensions) },
        { inputText: text, inputImage, ...config(dimensions) }
      ])
    }
  )

  it.prop("reads the vector and the count of tokens", [Vector], ([vector]) => {
    const expected = Result.succeed({ vectors: [Float32Array.from(vector)], inputTokens: 7 })
    for (const message of [undefined, null, ""]) {
      assert.deepStrictEqual(TitanImage.v1.decode({ ...Answers.titan(vector, 7), message }, "float"), expected)
    }
  })

  it("reports the model's error, even beside a vector", () => {
    const decoded = TitanImage.v1.decode({ embedding: [0.1], message: "The image is too small" }, "float")
    assert.deepStrictEqual(decoded, Result.fail("The model returned no vector: The image is too small"))
  })

  it.each([{}, { embedding: null }, { embedding: [] }, { embeddingsByType: { float: [0.1] } }])(
    "refuses %j",
    (answer) => {
      assert.deepStrictEqual(
        TitanImage.v1.decode(answer, "float"),
        Result.fail("The answer has no list of numbers at `embedding`")
      )
    }
  )

  it.each([...Answers.notFinite, [0.1]])("refuses %j in a vector", (odd) => {
    assert.deepStrictEqual(
      TitanImage.v1.decode({ embedding: [0.1, odd] }, "float"),
      Result.fail("The answer has no finite 32-bit number at `embedding[1]`")
    )
  })

  it("refuses half a vector", () => {
    assert.deepStrictEqual(
      Family.decode(TitanImage.v1, Answers.texts(["a"]), Answers.bytes(Answers.titan(Answers.numbers(512, 1)))),
      Result.fail("The answer has a vector of 512 numbers instead of 1024")
    )
  })
})
