import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Answer from "../../src/embedding/Answer.ts"

const whole = (minimum: number, maximum: number) =>
  Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const Bits = Schema.NonEmptyArray(Schema.Literals([0, 1]))

const missing = (what: string, path: string) => Result.fail(`The answer has no ${what} at \`${path}\``)

const read = (json: string) => Answer.parse(new TextEncoder().encode(json))

describe("Answer", () => {
  describe("parse", () => {
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
      assert.deepStrictEqual(Answer.typedVector(signed, "int8", "v"), Result.succeed(Int8Array.from(signed)))
      assert.deepStrictEqual(Answer.typedVector(unsigned, "uint8", "v"), Result.succeed(Uint8Array.from(unsigned)))
      assert.deepStrictEqual(Answer.typedVector(unsigned, "binary", "v"), Result.succeed(Uint8Array.from(unsigned)))
    })

    it("reads numbers of any kind as 32-bit floats", () => {
      assert.deepStrictEqual(
        Answer.typedVector([0.1, -2, 300], "float", "v"),
        Result.succeed(Float32Array.of(0.1, -2, 300))
      )
    })

    it.each([-129, 128, 0.5, NaN, Infinity, 1e39, "1", true, null, {}])("refuses %j among int8", (odd) => {
      assert.deepStrictEqual(Answer.typedVector([1, odd], "int8", "v"), missing("int8 number", "v[1]"))
    })

    it.each([-1, 256, 0.5, NaN, -Infinity, "1", null])("refuses %j among uint8 and bytes of bits", (odd) => {
      assert.deepStrictEqual(Answer.typedVector([1, odd], "uint8", "v"), missing("uint8 number", "v[1]"))
      assert.deepStrictEqual(Answer.typedVector([1, odd], "binary", "v"), missing("byte", "v[1]"))
    })

    it.each([NaN, Infinity, -1e39, "1", true, null, {}])("refuses %j among floats", (odd) => {
      assert.deepStrictEqual(Answer.typedVector([1, odd], "float", "v"), missing("finite 32-bit number", "v[1]"))
    })

    it.each([[[]], [{ 0: 1 }], [{ length: 1e9 }], ["AQI="], [undefined]])(
      "refuses %j in place of an array",
      (value) => {
        for (const type of ["float", "int8", "uint8", "binary"] as const) {
          assert.deepStrictEqual(Answer.typedVector(value, type, "v"), missing("list of numbers", "v"))
        }
      }
    )
  })

  describe("bits", () => {
    it.prop("packs eight to a byte, the first in the highest bit", [Bits], ([some]) => {
      const bits = Array.from({ length: 8 * some.length }, (_, index) => some[index % some.length]!)
      const binary = Array.from(Result.getOrThrow(Answer.bits(bits, "v")), (byte) => byte.toString(2).padStart(8, "0"))
        .join("")
      assert.strictEqual(binary, bits.join(""))
    })

    it("packs a one and seven zeros as 128", () => {
      assert.deepStrictEqual(Answer.bits([1, 0, 0, 0, 0, 0, 0, 0], "v"), Result.succeed(Uint8Array.of(128)))
    })

    it.each([2, -1, true, NaN, "1"])("refuses %j among bits", (odd) => {
      assert.deepStrictEqual(Answer.bits([1, 0, 0, 0, 0, 0, 0, odd], "v"), missing("bit", "v[7]"))
    })

    it.each([[[]], [[1, 0, 1]], ["10000000"], [null]])("refuses %j in place of whole bytes", (value) => {
      assert.deepStrictEqual(Answer.bits(value, "v"), missing("list of bits", "v"))
    })
  })
})
