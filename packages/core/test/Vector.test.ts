import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as Vector from "../src/embedding/Vector.ts"
import type * as ProviderError from "../src/ProviderError.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Small whole numbers: their sums are exact in whatever order they are added, and equal scores are common. */
const Numbers = Schema.Array(between(-4, 4)).check(Schema.isMaxLength(40))
const Bytes = Schema.Array(between(0, 255)).check(Schema.isMaxLength(40))
const Finite = Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: -1e6, maximum: 1e6 })))

/** Rows of equal length, with and without a rest after steps of four numbers. */
const Search = {
  kind: Schema.Literals(["floats", "bytes"]),
  dimensions: Schema.Literals([1, 2, 3, 4, 7, 16, 33]),
  rows: between(0, 50),
  k: between(0, 60),
  seed: between(1, 1_000_000),
  kept: between(1, 4)
}

/** Numbers from -4 to 4 that follow from a seed. */
const sequence = (seed: number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 16) % 9 - 4
  }
}

const example = (options: { kind: string; dimensions: number; rows: number; seed: number }) => {
  const next = sequence(options.seed)
  const vector = (): Float32Array | Int8Array => {
    const numbers = Array.from({ length: options.dimensions }, next)
    return options.kind === "floats" ? Float32Array.from(numbers) : Int8Array.from(numbers)
  }
  return { vectors: Array.from({ length: options.rows }, vector), query: vector() }
}

const metrics = { dot: Vector.dot, cosine: Vector.cosine }

const naiveDot = (self: ArrayLike<number>, that: ArrayLike<number>) =>
  Array.from(self).reduce((sum, value, index) => sum + value * (that[index] ?? 0), 0)

const naiveBits = (self: ReadonlyArray<number>, that: ReadonlyArray<number>) =>
  self.reduce((sum, byte, index) => sum + (byte ^ that[index]!).toString(2).replaceAll("0", "").length, 0)

const sortedSlice = (scores: ReadonlyArray<number>, k: number, filter: (index: number) => boolean) =>
  scores
    .map((score, index) => ({ index, score }))
    .filter(({ index, score }) => filter(index) && !Number.isNaN(score))
    .sort((self, that) => that.score - self.score || self.index - that.index)
    .slice(0, k)

const matrix = (dimensions: number, vectors: Iterable<Embedding.Vector>) =>
  Result.getOrThrow(Vector.matrix(dimensions, vectors))

const refusal = (result: Result.Result<unknown, ProviderError.InvalidRequestError>) => {
  const error = Result.getOrThrow(Result.flip(result))
  assert.strictEqual(error.provider, "strata")
  return error.message
}

describe("Vector", () => {
  describe("dot, norm and cosine", () => {
    it.prop("are what the formulas say, for floats, bytes and both", [Numbers, Numbers], ([a, b]) => {
      const length = Math.min(a.length, b.length)
      const [self, that] = [a.slice(0, length), b.slice(0, length)]
      const product = naiveDot(self, that)
      const lengths = Math.sqrt(naiveDot(self, self) * naiveDot(that, that))
      for (const Self of [Float32Array, Int8Array]) {
        for (const That of [Float32Array, Int8Array]) {
          assert.strictEqual(Vector.dot(Self.from(self), That.from(that)), product)
          const cosine = Vector.cosine(Self.from(self), That.from(that))
          assert.approximately(cosine, lengths === 0 ? 0 : product / lengths, 1e-12)
        }
        assert.strictEqual(Vector.norm(Self.from(self)), Math.sqrt(naiveDot(self, self)))
      }
    })

    it.prop("use the length of the shorter vector", [Numbers, Numbers], ([a, b]) => {
      assert.strictEqual(Vector.dot(Float32Array.from(a), Float32Array.from(b)), naiveDot(a, b))
    })

    it.prop(
      "never leave the range from -1 to 1, and a vector is as close to itself as can be",
      [Finite],
      ([numbers]) => {
        const self = Float32Array.from(numbers)
        const opposite = self.map((value) => -value)
        const expected = self.every((value) => value === 0) ? 0 : 1
        assert.strictEqual(Vector.cosine(self, self), expected)
        assert.strictEqual(Vector.cosine(self, opposite), expected === 0 ? 0 : -1)
      }
    )

    it("stay in that range where rounding would leave it", () => {
      const self = Float32Array.from({ length: 30 }, (_, index) => (20 + index) / 3)
      assert.strictEqual(Vector.cosine(self, self.map((value) => value * 5)), 1)
      assert.strictEqual(Vector.cosine(self, self.map((value) => value * -5)), -1)
    })

    it("keep long sums of floats precise", () => {
      const self = new Float32Array(100_000).fill(0.1)
      assert.approximately(Vector.dot(self, self), 100_000 * Math.fround(0.1) ** 2, 1e-8)
    })

    it("are NaN for a cosine of different lengths, and for values that are not vectors", () => {
      assert.isNaN(Vector.cosine(Float32Array.of(1, 0, 0), Float32Array.of(1, 0, 0, 0)))
      assert.isNaN(Vector.cosine(Float32Array.of(1), Float32Array.of()))
      for (const given of [null, undefined, 5, "1,2", {}, [[1]], { length: 1, 0: 1 }, new Uint16Array(1)]) {
        const none = given as never
        const one = Float32Array.of(1)
        for (
          const value of [
            Vector.dot(none, one),
            Vector.cosine(one, none),
            Vector.norm(none),
            Vector.hamming(none, none)
          ]
        ) {
          assert.isNaN(value)
        }
        assert.deepStrictEqual(Vector.normalize(none), new Float32Array())
      }
    })

    it("accept arrays of numbers, as from JSON", () => {
      assert.strictEqual(Vector.cosine([3, 4] as never, Float32Array.of(3, 4)), 1)
    })

    it("follow IEEE 754 for non-finite numbers", () => {
      assert.isNaN(Vector.dot(Float32Array.of(1, NaN), Float32Array.of(1, 1)))
      assert.strictEqual(Vector.dot(Float32Array.of(1, Infinity), Float32Array.of(1, 1)), Infinity)
      assert.isNaN(Vector.cosine(Float32Array.of(Infinity), Float32Array.of(1)))
      // The square of the largest float fits into a double.
      assert.approximately(Vector.cosine(Float32Array.of(3e38, 0), Float32Array.of(3e38, 3e38)), Math.SQRT1_2, 1e-9)
    })
  })

  describe("normalize", () => {
    it.prop("gives unit length and keeps the direction", [Finite], ([numbers]) => {
      const self = Float32Array.from(numbers)
      const unit = Vector.normalize(self)
      assert.deepStrictEqual(self, Float32Array.from(numbers))
      if (Vector.norm(self) === 0) return assert.deepStrictEqual([...unit], [...self])
      assert.approximately(Vector.norm(unit), 1, 1e-6)
      assert.approximately(Vector.cosine(unit, self), 1, 1e-6)
    })

    it("gives floats for bytes", () => {
      assert.deepStrictEqual(Vector.normalize(Int8Array.of(3, 4)), Float32Array.of(0.6, 0.8))
    })

    it("writes in place on request", () => {
      const self = Float32Array.of(0, -5)
      assert.strictEqual(Vector.normalizeInPlace(self), self)
      assert.deepStrictEqual(self, Float32Array.of(0, -1))
    })
  })

  describe("hamming", () => {
    it.prop("counts the bits that differ", [Bytes, Bytes], ([a, b]) => {
      const length = Math.min(a.length, b.length)
      const expected = naiveBits(a.slice(0, length), b.slice(0, length))
      assert.strictEqual(
        Vector.hamming(Uint8Array.from(a.slice(0, length)), Uint8Array.from(b.slice(0, length))),
        expected
      )
    })
  })

  describe("matrix", () => {
    it.prop("holds every vector in its row, whether or not their count is known", {
      kind: Schema.Literals(["floats", "bytes"]),
      rows: between(0, 200),
      dimensions: between(1, 5)
    }, ({ dimensions, kind, rows }) => {
      const { vectors } = example({ kind, dimensions, rows, seed: rows + 1 })
      function* generated() {
        yield* vectors
      }
      for (const source of [vectors, new Set(vectors), generated()]) {
        const built = matrix(dimensions, source)
        assert.strictEqual(built.rows, rows)
        assert.strictEqual(built.data.length, rows * dimensions)
        vectors.forEach((vector, row) =>
          assert.deepStrictEqual(built.data.subarray(row * dimensions, (row + 1) * dimensions), vector)
        )
      }
    })

    it("allocates no more memory than needed when the count is known", () => {
      const { data } = matrix(2, Array.from({ length: 3 }, () => new Int8Array(2)))
      assert.strictEqual(data.buffer.byteLength, 6)
    })

    it("refuses vectors of another length or kind, by index, and invalid dimensions", () => {
      assert.strictEqual(
        refusal(Vector.matrix(2, [new Float32Array(2), new Float32Array(3)])),
        "vectors[1]: it has 3 numbers instead of 2. Make all vectors equally long."
      )
      assert.match(
        refusal(Vector.matrix(2, [new Int8Array(2), new Float32Array(2)])),
        /^vectors\[1\]: its type is Float32Array, that of those before it Int8Array/
      )
      for (const vectors of [[null], [[1, 2]], ["ab"], [new Uint16Array(2)], [{ length: 2, 0: 1, 1: 2 }]]) {
        assert.match(refusal(Vector.matrix(2, vectors as never)), /^vectors\[0\]: it is not a vector. Use Float32Array/)
      }
      for (const vectors of [null, 5, {}]) {
        assert.match(refusal(Vector.matrix(2, vectors as never)), /^vectors: they cannot be iterated/)
      }
      for (const dimensions of [0, -1, 1.5, NaN, Infinity]) {
        assert.match(refusal(Vector.matrix(dimensions, [])), /^dimensions: /)
      }
    })

    it("refuses what does not fit into memory", () => {
      const vectors = [new Float32Array(4)]
      vectors.length = 2 ** 32 - 1
      assert.match(refusal(Vector.matrix(4, vectors)), /^vectors: there is no memory for /)
    })
  })

  describe("topK", () => {
    it.prop("is sorting everything by score and cutting", Search, ({ dimensions, k, kept, kind, rows, seed }) => {
      const { query, vectors } = example({ kind, dimensions, rows, seed })
      const built = matrix(dimensions, vectors)
      const filter = (index: number) => index % kept === 0
      for (const metric of ["dot", "cosine"] as const) {
        const scores = vectors.map((vector) => metrics[metric](vector, query))
        const all = Result.getOrThrow(Vector.topK(built, query, k, { metric }))
        assert.deepStrictEqual(all, sortedSlice(scores, k, () => true))
        const some = Result.getOrThrow(Vector.topK(built, query, k, { metric, filter }))
        assert.deepStrictEqual(some, sortedSlice(scores, k, filter))
      }
    })

    it.prop(
      "gives the very scores of dot and cosine",
      [between(1, 70), between(1, 1_000_000)],
      ([dimensions, seed]) => {
        const next = sequence(seed)
        const vector = () => Float32Array.from({ length: dimensions }, () => next() / 3 + next() / 7)
        const vectors = Array.from({ length: 9 }, vector)
        const query = vector()
        for (const metric of ["dot", "cosine"] as const) {
          for (
            const { index, score } of Result.getOrThrow(Vector.topK(matrix(dimensions, vectors), query, 9, { metric }))
          ) {
            assert.strictEqual(score, metrics[metric](vectors[index]!, query))
          }
        }
      }
    )

    it("is exact for long rows", () => {
      for (const kind of ["floats", "bytes"]) {
        const { query, vectors } = example({ kind, dimensions: 5000, rows: 101, seed: 7 })
        const scores = vectors.map((vector) => Vector.dot(vector, query))
        const found = Result.getOrThrow(Vector.topK(matrix(5000, vectors), query, 20, { metric: "dot" }))
        assert.deepStrictEqual(found, sortedSlice(scores, 20, () => true))
      }
    })

    it("uses cosine by default", () => {
      const built = matrix(2, [Float32Array.of(9, 9), Float32Array.of(1, 0)])
      const [best] = Result.getOrThrow(Vector.topK(built, Float32Array.of(1, 0), 1))
      assert.deepStrictEqual(best, { index: 1, score: 1 })
    })

    it("scores only the rows the filter selects, each once and in order", () => {
      const asked: Array<number> = []
      const built = matrix(1, Array.from({ length: 11 }, (_, index) => Float32Array.of(index)))
      const filter = (index: number) => asked.push(index) > 0 && index < 5
      const found = Result.getOrThrow(Vector.topK(built, Float32Array.of(1), 2, { metric: "dot", filter }))
      assert.deepStrictEqual(found.map(({ index }) => index), [4, 3])
      assert.deepStrictEqual(asked, Array.from({ length: 11 }, (_, index) => index))
    })

    it("never finds a row whose score is NaN, and ranks Infinity first", () => {
      const built = matrix(1, [NaN, 1, Infinity, NaN, 2].map((value) => Float32Array.of(value)))
      const found = (k: number) =>
        Result.getOrThrow(Vector.topK(built, Float32Array.of(1), k, { metric: "dot" })).map(({ index }) => index)
      assert.deepStrictEqual(found(1), [2])
      assert.deepStrictEqual(found(5), [2, 4, 1])
    })

    it("finds a zero vector with cosine 0", () => {
      const built = matrix(2, [Float32Array.of(-1, 0), Float32Array.of(0, 0)])
      const found = Result.getOrThrow(Vector.topK(built, Float32Array.of(1, 0), 2))
      assert.deepStrictEqual(found, [{ index: 1, score: 0 }, { index: 0, score: -1 }])
    })

    it("refuses a query of another length, an invalid k, and a matrix with too few numbers", () => {
      const built = matrix(2, [new Float32Array(2)])
      assert.strictEqual(
        refusal(Vector.topK(built, new Float32Array(3), 1)),
        "query: it has 3 numbers and the rows have 2. Make them equally long."
      )
      for (const k of [-1, 0.5, NaN, Infinity]) {
        assert.match(refusal(Vector.topK(built, new Float32Array(2), k)), /^k: /)
      }
      assert.match(refusal(Vector.topK({ ...built, rows: 2 }, new Float32Array(2), 1)), /^matrix: /)
      assert.match(refusal(Vector.topK({ ...built, dimensions: 0 }, new Float32Array(), 1)), /^matrix.dimensions: /)
      assert.match(refusal(Vector.topK(null as never, new Float32Array(2), 1)), /^matrix: it is null/)
      assert.match(refusal(Vector.topK(built, null as never, 1)), /^query: it is not a vector/)
    })

    it("refuses invalid options, and a filter that throws", () => {
      const built = matrix(1, [new Float32Array(1)])
      const find = (options: unknown) =>
        refusal(Vector.topK(built, new Float32Array(1), 1, options as Vector.TopKOptions))
      assert.match(
        find({ metric: "euclidean" }),
        /^options.metric: there is no "euclidean" here. Use `dot` or `cosine`/
      )
      assert.match(find({ metrics: "dot" }), /^options.metrics: there is no such field. Did you mean `metric`/)
      assert.match(find({ filter: 5 }), /^options.filter: it is 5/)
      assert.match(find({ filter: () => Effect.runSync(Effect.die("boo")) }), /^options.filter: /)
    })
  })

  describe("hammingTopK", () => {
    it.prop("is sorting everything by distance and cutting, wherever the rows lie in memory", {
      dimensions: Schema.Literals([1, 3, 4, 8, 16, 17]),
      rows: between(0, 40),
      k: between(0, 50),
      kept: between(1, 4),
      offset: between(0, 4),
      seed: between(1, 1_000_000)
    }, ({ dimensions, k, kept, offset, rows, seed }) => {
      const next = sequence(seed)
      const bytes = Array.from({ length: rows * dimensions }, () => next() & 0xff)
      const data = new Uint8Array(offset + bytes.length).subarray(offset)
      data.set(bytes)
      const query = Uint8Array.from({ length: dimensions }, next)
      const filter = (index: number) => index % kept === 0
      const distances = Array.from(
        { length: rows },
        (_, row) => naiveBits(bytes.slice(row * dimensions, (row + 1) * dimensions), [...query])
      )
      const expected = distances
        .map((distance, index) => ({ index, distance }))
        .filter(({ index }) => filter(index))
        .sort((self, that) => self.distance - that.distance || self.index - that.index)
        .slice(0, k)
      const found = Result.getOrThrow(Vector.hammingTopK({ data, dimensions, rows }, query, k, { filter }))
      assert.deepStrictEqual(
        found.map(({ distance, index }) => [index, distance]),
        expected.map((each) => [
          each.index,
          each.distance
        ])
      )
    })

    it("finds nothing in an empty matrix, and refuses one of numbers", () => {
      assert.deepStrictEqual(Result.getOrThrow(Vector.hammingTopK(matrix(2, []), new Uint8Array(2), 3)), [])
      const numbers = matrix(2, [new Float32Array(2)])
      assert.match(refusal(Vector.hammingTopK(numbers, new Uint8Array(2), 3)), /^matrix: it holds a Float32Array/)
    })
  })
})
