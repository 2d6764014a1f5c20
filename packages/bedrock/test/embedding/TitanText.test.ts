import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Family from "../../src/embedding/Family.ts"
import * as TitanText from "../../src/embedding/TitanText.ts"
import * as Answers from "./answers.ts"

const Vector = Schema.NonEmptyArray(Answers.Float)
const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8192 }))

describe("TitanText", () => {
  it.prop("V1 sends the text and nothing else", [Schema.String, Answers.Options], ([text, options]) => {
    const body = Family.encode(TitanText.v1, Answers.texts([text], { ...options, dimensions: 1536 }))
    assert.deepStrictEqual(JSON.parse(body), { inputText: text })
  })

  it.prop(
    "V2 sends the text, and `dimensions`, `normalize` and the type when they are asked for",
    [
      Schema.String,
      Answers.Options,
      Schema.UndefinedOr(Schema.Literals(TitanText.v2.dimensions.allowed)),
      Schema.Literals(["float", "binary"])
    ],
    ([text, options, dimensions, vectorType]) => {
      const body = Family.encode(TitanText.v2, Answers.texts([text], { ...options, dimensions, vectorType }))
      assert.deepStrictEqual(JSON.parse(body), {
        inputText: text,
        ...(dimensions !== undefined && { dimensions }),
        ...(options.normalize !== undefined && { normalize: options.normalize }),
        ...(vectorType === "binary" && { embeddingTypes: ["binary"] })
      })
    }
  )

  it.prop(
    "reads `embedding` and `embeddingsByType`, and the count of tokens",
    [Vector, Tokens],
    ([vector, tokens]) => {
      const expected = Result.succeed({ vectors: [Float32Array.from(vector)], inputTokens: tokens })
      for (const answer of [Answers.titan(vector, tokens), Answers.titanByType(vector, tokens)]) {
        assert.deepStrictEqual(TitanText.v1.decode(answer, "float"), expected)
        assert.deepStrictEqual(TitanText.v2.decode(answer, "float"), expected)
      }
    }
  )

  it("V2 reads bits, not the numbers beside them", () => {
    const answer = Answers.titanBinary([0.1, 0.2], [1, 0, 0, 0, 0, 0, 1, 1], 3)
    assert.deepStrictEqual(
      TitanText.v2.decode(answer, "binary"),
      Result.succeed({ vectors: [Uint8Array.of(0b10000011)], inputTokens: 3 })
    )
  })

  it.each([undefined, null, -1, 1.5, "7"])("ignores %s as a token count", (inputTextTokenCount) => {
    const decoded = TitanText.v2.decode({ embedding: [1], inputTextTokenCount }, "float")
    assert.deepStrictEqual(decoded, Result.succeed({ vectors: [Float32Array.of(1)], inputTokens: undefined }))
  })

  it.each<readonly [answer: Record<string, unknown>, what: string, path: string]>([
    [{}, "list of numbers", "embedding"],
    [{ embedding: null }, "list of numbers", "embedding"],
    [{ embedding: [] }, "list of numbers", "embedding"],
    [{ embedding: "0.1" }, "list of numbers", "embedding"],
    [{ embedding: { float: [0.1] } }, "list of numbers", "embedding"],
    [{ embedding: [0.1, null] }, "finite 32-bit number", "embedding[1]"],
    [{ embedding: [0.1, "0.2"] }, "finite 32-bit number", "embedding[1]"],
    [{ embedding: [0.1, 1e39] }, "finite 32-bit number", "embedding[1]"],
    [{ embeddingsByType: [0.1] }, "list of numbers", "embedding"],
    [{ embeddingsByType: { binary: [1, 0] } }, "list of numbers", "embedding"],
    [{ embedding: null, embeddingsByType: { float: [true] } }, "finite 32-bit number", "embeddingsByType.float[0]"]
  ])("refuses %j", (answer, what, path) => {
    assert.deepStrictEqual(
      TitanText.v2.decode(answer, "float"),
      Result.fail(`The answer has no ${what} at \`${path}\``)
    )
  })

  it.each<readonly [answer: Record<string, unknown>, what: string, path: string]>([
    [{}, "list of bits", "embeddingsByType.binary"],
    [{ embedding: Array(8).fill(1) }, "list of bits", "embeddingsByType.binary"],
    [{ embeddingsByType: { float: Array(8).fill(1) } }, "list of bits", "embeddingsByType.binary"],
    [{ embeddingsByType: { binary: [1, 0, 1] } }, "list of bits", "embeddingsByType.binary"],
    [{ embeddingsByType: { binary: Array(8).fill(255) } }, "bit", "embeddingsByType.binary[0]"]
  ])("refuses %j for bits", (answer, what, path) => {
    assert.deepStrictEqual(
      TitanText.v2.decode(answer, "binary"),
      Result.fail(`The answer has no ${what} at \`${path}\``)
    )
  })
})
