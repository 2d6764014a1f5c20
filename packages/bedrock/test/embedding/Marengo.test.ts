import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Family from "../../src/embedding/Family.ts"
import * as Marengo from "../../src/embedding/Marengo.ts"
import * as Answers from "./answers.ts"

const Vector = Schema.NonEmptyArray(Answers.Float)

describe("Marengo", () => {
  it.prop(
    "2.7 sends a text with its truncation, or an image, side by side with its type",
    [Schema.String, Answers.Image, Answers.Options],
    ([text, image, options]) => {
      const bodies = [Answers.texts([text], options), Answers.images([image], options)].map((batch) =>
        JSON.parse(Family.encode(Marengo.v2_7, batch))
      )
      assert.deepStrictEqual(bodies, [
        { inputType: "text", inputText: text, textTruncate: options.truncate === "end" ? "end" : "none" },
        { inputType: "image", mediaSource: { base64String: Answers.base64(image) } }
      ])
    }
  )

  it.prop(
    "3.0 sends a text, an image, or both, under the name of their type",
    [Schema.String, Answers.Image, Answers.Options],
    ([text, image, options]) => {
      const bodies = [
        Answers.texts([text], options),
        Answers.images([image], options),
        Answers.combined([{ text, image }], options)
      ].map((batch) => JSON.parse(Family.encode(Marengo.v3_0, batch)))
      const mediaSource = { base64String: Answers.base64(image) }
      assert.deepStrictEqual(bodies, [
        { inputType: "text", text: { inputText: text } },
        { inputType: "image", image: { mediaSource } },
        { inputType: "text_image", text_image: { inputText: text, mediaSource } }
      ])
    }
  )

  it("2.7 does not support text and image in one vector", () => {
    assert.isUndefined(Marengo.v2_7.limits.combined)
    assert.isDefined(Marengo.v3_0.limits.combined)
  })

  it.prop("reads the vector of an array, and of an object", [Vector], ([vector]) => {
    const expected = Result.succeed({ vectors: [Float32Array.from(vector)] })
    for (const answer of [Answers.marengo(vector), { data: { embedding: vector } }]) {
      assert.deepStrictEqual(Marengo.v2_7.decode(answer, "float"), expected)
      assert.deepStrictEqual(Marengo.v3_0.decode(answer, "float"), expected)
    }
  })

  it.each([
    {},
    { data: null },
    { data: "none" },
    { data: {} },
    { data: [[0.1]] },
    { data: [{ embedding: [] }] },
    { data: [{ embedding: { float: [0.1] } }] },
    { embedding: [0.1] }
  ])("refuses %j", (answer) => {
    assert.deepStrictEqual(
      Marengo.v3_0.decode(answer, "float"),
      Result.fail("The answer has no list of numbers at `data[0].embedding`")
    )
  })

  it.each(Answers.notFinite)("refuses %j in a vector", (odd) => {
    assert.deepStrictEqual(
      Marengo.v3_0.decode({ data: [{ embedding: [0.1, odd] }] }, "float"),
      Result.fail("The answer has no finite 32-bit number at `data[0].embedding[1]`")
    )
  })

  it.each(
    [
      [Marengo.v2_7, "The answer has a vector of 256 numbers instead of 1024"],
      [Marengo.v3_0, "The answer has a vector of 256 numbers instead of 512"]
    ] as const
  )("refuses half a vector (%#)", (family, message) => {
    const body = Answers.bytes(Answers.marengo(Answers.numbers(256, 1)))
    assert.deepStrictEqual(Family.decode(family, Answers.texts(["a"]), body), Result.fail(message))
  })
})
