import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Answer from "../../src/embedding/Answer.ts"

const whole = (minimum: number, maximum: number) =>
  Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const Bits = Schema.NonEmptyArray(Schema.Literals([0, 1]))

const Numbers = Schema.Array(Schema.Finite)

const read = (json: string) => Answer.parse(new TextEncoder().encode(json))

describe("Answer", () => {
  describe("parse", () => {
    it.prop("reads everything but the second of two arrays that are the same", [Numbers, Numbers], ([a, b]) => {
      for (const float of [a, b, [...a, 1], a.slice(1)]) {
        for (const rest of [{}, { inputTextTokenCount: 3 }]) {
          const isTwin = JSON.stringify(a) === JSON.stringify(float)
          const answer = { embedding: a, embeddingsByType: { float, binary: a }, ...rest }
          const kept = { ...answer, embeddingsByType: { float: isTwin ? [] : float, binary: a } }
          for (const [json, expected] of [[JSON.stringify(answer), kept], [JSON.stringify(answer, null, 1), answer]]) {
            assert.deepStrictEqual(Result.getOrThrow(read(`${json}`)), JSON.parse(JSON.stringify(expected)))
          }
        }
      }
    })

    it.each([
      `{"embedding":[[1],[2]],"embeddingsByType":{"float":[[1],[2]]}}`,
      `{"embedding":["]"],"embeddingsByType":{"float":["]"]}}`,
      `{"embedding":{"a":[1]},"embeddingsByType":{"float":{"a":[1]}}}`,
      `{"embedding":[1],"embeddingsByType":{"float":[1,2]}}`,
      `{"embedding":[1],"embeddingsByType":{"binary":[1]}}`,
      `{"embedding":null,"embeddingsByType":{"float":[1]}}`
    ])("leaves %s as it is", (json) => {
      assert.deepStrictEqual(Result.getOrThrow(read(json)), JSON.parse(json))
    })

    it.each([
      `{"embedding":[1,],"embeddingsByType":{"float":[1,]}}`,
      `{"embedding":[1],"embeddingsByType":{"float":[1}}`,
      `{"embedding":[1],"embeddingsByType":{"float":[1],}}`,
      `{"embedding":[1],"embeddingsByType":{"float":[1]}`,
      `{"embedding":[1`,
      `{"embedding":[1],"embeddingsByType":{"float":[`
    ])("refuses %s", (json) => {
      assert.strictEqual(Result.getOrThrow(Result.flip(read(json))), "The answer is not JSON")
    })
  })

  describe("typedVector", () => {
    it.prop("reads whole numbers as they are", [whole(-128, 127), whole(0, 255)], ([signed, unsigned]) => {
      assert.deepStrictEqual(Answer.typedVector(signed, "int8"), Int8Array.from(signed))
      assert.deepStrictEqual(Answer.typedVector(unsigned, "uint8"), Uint8Array.from(unsigned))
      assert.deepStrictEqual(Answer.typedVector(unsigned, "binary"), Uint8Array.from(unsigned))
    })

    it("reads numbers of any kind as 32-bit floats", () => {
      assert.deepStrictEqual(Answer.typedVector([0.1, -2, 300], "float"), Float32Array.of(0.1, -2, 300))
    })

    it.each([-129, 128, 0.5, NaN, Infinity, 1e39, "1", true, null, {}])("refuses %j among int8", (odd) => {
      assert.isUndefined(Answer.typedVector([1, odd], "int8"))
    })

    it.each([-1, 256, 0.5, NaN, -Infinity, "1", null])("refuses %j among uint8 and bytes of bits", (odd) => {
      assert.isUndefined(Answer.typedVector([1, odd], "uint8"))
      assert.isUndefined(Answer.typedVector([1, odd], "binary"))
    })

    it.each([[[]], [{ 0: 1 }], ["AQI="], [undefined]])("refuses %j in place of an array", (value) => {
      for (const type of ["float", "int8", "uint8", "binary"] as const) {
        assert.isUndefined(Answer.typedVector(value, type))
      }
    })
  })

  describe("bits", () => {
    it.prop("packs eight to a byte, the first in the highest bit", [Bits], ([some]) => {
      const bits = Array.from({ length: 8 * some.length }, (_, index) => some[index % some.length]!)
      const binary = Array.from(Answer.bits(bits) ?? [], (byte) => byte.toString(2).padStart(8, "0")).join("")
      assert.strictEqual(binary, bits.join(""))
    })

    it("packs a one and seven zeros as 128", () => {
      assert.deepStrictEqual(Answer.bits([1, 0, 0, 0, 0, 0, 0, 0]), Uint8Array.of(128))
    })

    it.each([
      [[]],
      [[1, 0, 1]],
      [[1, 0, 0, 0, 0, 0, 0, 2]],
      [[1, 0, 0, 0, 0, 0, 0, -1]],
      [[1, 0, 0, 0, 0, 0, 0, true]],
      [[1, 0, 0, 0, 0, 0, 0, NaN]],
      ["10000000"],
      [null]
    ])("refuses %j", (value) => {
      assert.isUndefined(Answer.bits(value))
    })
  })
})
