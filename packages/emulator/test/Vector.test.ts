import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Vector from "../src/invoke/embedding/Vector.ts"

const numbers = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -100, maximum: 100 }))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(40)
)

const dot = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0)

const cosine = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))

describe("Vector", () => {
  it.effect.prop("padding does not change the cosine", { a: numbers, b: numbers }, ({ a, b }) =>
    Effect.sync(() => {
      const before = cosine(a, b)
      const [filledA, filledB] = [a, b].map((vector) => Array.from(Vector.resize(Float32Array.from(vector), 64)))
      if (Number.isFinite(before)) assert.approximately(cosine(filledA ?? [], filledB ?? []), before, 1e-6)
    }))

  it.effect.prop("truncating keeps the norm", { a: numbers }, ({ a }) =>
    Effect.sync(() => {
      const vector = Float32Array.from([1, ...a])
      const cut = Vector.resize(vector, 1)
      assert.approximately(Math.hypot(...cut), Math.hypot(...vector), 1e-3)
    }))

  it("does not change a zero vector", () => {
    assert.deepStrictEqual(Array.from(Vector.normalize(new Float32Array(2))), [0, 0])
  })

  it("averages two directions regardless of their norms", () => {
    const [x, y] = Vector.between(Float32Array.of(100, 0), Float32Array.of(0, 1))
    assert.deepStrictEqual([x, y], [Math.fround(Math.SQRT1_2), Math.fround(Math.SQRT1_2)])
  })

  it("encodes the other number types", () => {
    const vector = Float32Array.of(1, -1, 0.5, 0, 0, 0, 0, 0.25, 0.1)
    assert.deepStrictEqual(Vector.toNumbers(vector, "int8"), [127, -127, 64, 0, 0, 0, 0, 32, 13])
    assert.deepStrictEqual(Vector.toNumbers(vector, "uint8"), [255, 1, 192, 128, 128, 128, 128, 160, 141])
    assert.deepStrictEqual(Vector.toNumbers(vector, "ubinary"), [0b10100001, 0b10000000])
    assert.deepStrictEqual(Vector.toNumbers(vector, "binary"), [33, 0])
    assert.deepStrictEqual(Vector.toBits(vector), [1, 0, 1, 0, 0, 0, 0, 1, 1])
  })
})
