import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as VectorLoops from "../src/embedding/internal/vectorLoops.ts"
import * as VectorMemory from "../src/embedding/internal/vectorMemory.ts"
import * as Program from "../src/embedding/internal/vectorProgram.ts"
import * as Vector from "../src/embedding/Vector.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Steps, batches and blocks end at different places in each of these, and with it what is left for the last of them. */
const Search = {
  dimensions: Schema.Literals([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 1023, 1024, 1025]),
  rows: between(1, 90),
  offset: between(0, 9),
  kept: between(1, 4),
  seed: between(1, 1_000_000)
}

const kinds = { Float32Array, Int8Array, Uint8Array }

/** Bytes that follow from a seed. */
const bytes = (length: number, seed: number) => {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}

/** Floats of every size, or bytes: whatever the bits say, `NaN` and infinities now and then. */
const numbers = (Kind: typeof kinds[keyof typeof kinds], length: number, seed: number): Embedding.Vector => {
  if (Kind !== Float32Array) return new Kind(bytes(length, seed).buffer)
  const random = bytes(length * 4, seed)
  if (seed % 2 === 0) return new Float32Array(random.buffer)
  return Float32Array.from({ length }, (_, index) => random[index]! / 7 - random[length + index]! / 3)
}

/** The same numbers in memory of their own, not at its beginning. */
const inPlace = (vector: Embedding.Vector, offset: number): Embedding.Vector => {
  const memory = VectorMemory.allocate(262_144)
  assert.isDefined(memory)
  const Kind = vector instanceof Float32Array ? Float32Array : vector instanceof Int8Array ? Int8Array : Uint8Array
  const copy = new Kind(memory.buffer, memory.byteOffset + 4 * offset, vector.length)
  copy.set(vector)
  return copy
}

const scored = (score: (onRow: VectorLoops.OnRow) => void): ReadonlyArray<readonly [number, number]> => {
  const found: Array<readonly [number, number]> = []
  score((row, value) => found.push([row, value]))
  return found
}

const scorer = (name: Program.Name, rows: VectorLoops.Rows): VectorMemory.Scorer => {
  const score = VectorMemory.scorer(name, rows)
  assert.isDefined(score)
  return score
}

const topK = (matrix: Vector.Matrix, query: Embedding.Vector, options?: Vector.TopKOptions) =>
  Result.getOrThrow(Vector.topK(matrix, query, 20, options))

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe("VectorMemory", () => {
  it.prop(
    "finds the very numbers of the plain loops, in whatever memory the rows are",
    Search,
    ({ dimensions, kept, offset, rows, seed }) => {
      const filter = kept === 1 ? undefined : (row: number) => row % kept !== 1
      for (const Kind of [Float32Array, Int8Array, Uint8Array]) {
        const elsewhere = numbers(Kind, rows * dimensions, seed)
        for (const data of [elsewhere, inPlace(elsewhere, offset)]) {
          const matrix = { data, dimensions, rows }
          for (const QueryKind of [Float32Array, Int8Array, Uint8Array]) {
            const query = numbers(QueryKind, dimensions, seed + 2)
            const isWide = Kind === Float32Array || QueryKind === Float32Array
            const dot = scorer(isWide ? "dotFloats" : Kind === Int8Array ? "dotSigned" : "dotUnsigned", matrix)
            assert.deepStrictEqual(
              scored((onRow) => dot(isWide ? new Float64Array(query) : new Int16Array(query), filter, onRow)),
              scored((onRow) => VectorLoops.dotRows(matrix, query, filter, onRow))
            )
          }
          const square = scorer(
            Kind === Float32Array ? "squareFloats" : Kind === Int8Array ? "squareSigned" : "squareUnsigned",
            matrix
          )
          assert.deepStrictEqual(
            scored((onRow) => square(undefined, filter, onRow)).map(([, value]) => value),
            scored((onRow) => VectorLoops.squareRows(matrix, onRow))
              .filter(([row]) => filter === undefined || filter(row))
              .map(([, value]) => value)
          )
          if (!(data instanceof Uint8Array)) continue
          const query = bytes(dimensions, seed + 3)
          assert.deepStrictEqual(
            scored((onRow) => scorer("differingBits", matrix)(query, filter, onRow)),
            scored((onRow) => VectorLoops.differingBitsOfRows({ ...matrix, data }, query, filter, onRow))
          )
        }
      }
    },
    { arbitrary: { runs: 60 } }
  )

  it("goes through many batches and blocks, rows passed over or not", () => {
    for (const [rows, dimensions] of [[5000, 3], [130, 1025], [7, 8192]] as const) {
      const elsewhere = numbers(Float32Array, rows * dimensions, 7)
      const query = numbers(Float32Array, dimensions, 9)
      for (const data of [elsewhere, inPlace(elsewhere, 1)]) {
        const matrix = { data, dimensions, rows }
        for (const filter of [undefined, (row: number) => row % 7 > 2, () => false]) {
          assert.deepStrictEqual(
            scored((onRow) => scorer("dotFloats", matrix)(new Float64Array(query), filter, onRow)),
            scored((onRow) => VectorLoops.dotRows(matrix, query, filter, onRow))
          )
        }
      }
    }
  })

  it("holds the largest sums of bytes", () => {
    const dimensions = 8192
    const lowest = { data: new Int8Array(dimensions).fill(-128), dimensions, rows: 1 }
    const highest = { data: new Uint8Array(dimensions).fill(255), dimensions, rows: 1 }
    const dot = (name: Program.Name, rows: VectorLoops.Rows) =>
      scored((onRow) => scorer(name, rows)(new Int16Array(rows.data), undefined, onRow))
    assert.deepStrictEqual(dot("dotSigned", lowest), [[0, 128 * 128 * dimensions]])
    assert.deepStrictEqual(dot("dotUnsigned", highest), [[0, 255 * 255 * dimensions]])
    assert.deepStrictEqual(dot("squareUnsigned", highest), [[0, 255 * 255 * dimensions]])
  })

  it("leaves rows to the plain loops that are longer than there is room for", () => {
    assert.isUndefined(
      VectorMemory.scorer("dotFloats", { data: new Float32Array(8193), dimensions: 8193, rows: 1 })
    )
    const data = numbers(Float32Array, 9 * 8193, 3)
    const query = data.subarray(0, 8193)
    const found = topK({ data, dimensions: 8193, rows: 9 }, query, { metric: "dot" })
    for (const { index, score } of found) {
      assert.strictEqual(score, Vector.dot(data.subarray(index * 8193, (index + 1) * 8193), query))
    }
  })

  it("allocates nothing where it would not pay", () => {
    assert.isUndefined(VectorMemory.allocate(262_143))
    assert.isUndefined(VectorMemory.allocate(2 ** 40))
  })

  it("compiles modules small enough for the main thread of a browser", () => {
    const names: ReadonlyArray<Program.Name> = [
      "dotFloats",
      "dotSigned",
      "dotUnsigned",
      "squareFloats",
      "squareSigned",
      "squareUnsigned",
      "differingBits"
    ]
    for (const name of names) assert.isBelow(Program.assemble(name).length, 4096)
  })
})

describe("Vector, with WebAssembly and without", () => {
  const [dimensions, rows] = [300, 1000]
  const vectors = Array.from({ length: rows }, (_, row) => numbers(Float32Array, dimensions, 2 * row + 1))
  const query = vectors[123]!
  const byHand = () => {
    const data = new Float32Array(rows * dimensions)
    vectors.forEach((vector, row) => data.set(vector, row * dimensions))
    return { data, dimensions, rows }
  }
  const bits = { data: bytes(rows * dimensions, 5), dimensions, rows }
  const searches = (vector: typeof Vector, matrix: Vector.Matrix) => [
    Result.getOrThrow(vector.topK(matrix, query, 20)),
    Result.getOrThrow(vector.topK(matrix, query, 20, { metric: "dot", filter: (row) => row % 3 > 0 })),
    Result.getOrThrow(vector.topK(bits, bits.data.subarray(0, dimensions), 20)),
    Result.getOrThrow(vector.hammingTopK(bits, bits.data.subarray(0, dimensions), 20))
  ]

  it("keeps a large matrix where it is searched in place", () => {
    const { data } = Result.getOrThrow(Vector.matrix(dimensions, vectors))
    assert.isAbove(data.byteOffset, 0)
    assert.isBelow(data.buffer.byteLength - data.byteLength, 3 * 65_536)
  })

  it("gives the scores of dot and cosine", () => {
    for (const matrix of [byHand(), Result.getOrThrow(Vector.matrix(dimensions, vectors))]) {
      const { cosine, dot } = Vector
      for (const [metric, score] of Object.entries({ cosine, dot })) {
        for (const found of topK(matrix, query, { metric: metric === "dot" ? "dot" : "cosine" })) {
          assert.strictEqual(found.score, score(vectors[found.index]!, query))
        }
      }
    }
  })

  it("finds the same where WebAssembly is missing, or may not be compiled", async () => {
    const matrix = Result.getOrThrow(Vector.matrix(dimensions, vectors))
    const expected = searches(Vector, matrix)
    assert.deepStrictEqual(searches(Vector, byHand()), expected)
    const forbidden = {
      ...WebAssemblyOfNode,
      Module: function() {
        throw new Error("unsafe-eval is not an allowed source of script")
      }
    }
    for (const instead of [undefined, forbidden]) {
      vi.stubGlobal("WebAssembly", instead)
      vi.resetModules()
      const without = await import("../src/embedding/Vector.ts")
      const plain = Result.getOrThrow(without.matrix(dimensions, vectors))
      assert.strictEqual(plain.data.byteOffset, 0)
      assert.deepStrictEqual(searches(without, plain), expected)
    }
  })

  it("lets a filter search on its own account", () => {
    const matrix = byHand()
    const expected = topK(matrix, query, { filter: (row) => row % 2 === 0 })
    const filter = (row: number) => {
      if (row % 100 === 0) topK(matrix, vectors[row]!, { metric: "dot" })
      return row % 2 === 0
    }
    assert.deepStrictEqual(topK(matrix, query, { filter }), expected)
  })
})

const WebAssemblyOfNode: object = Reflect.get(globalThis, "WebAssembly")
