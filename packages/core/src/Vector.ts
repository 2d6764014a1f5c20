/**
 * Arithmetic on vectors, and exact search: the rows of a matrix that are closest to a query, found by looking at each.
 *
 * No index and nothing approximate. Sums are taken in double precision. Zero vectors are close to nothing (cosine 0),
 * numbers that are not finite follow IEEE 754, and a row whose score is `NaN` is never found. Large matrices are searched
 * by WebAssembly SIMD where it may be compiled, with the same results to the last bit.
 */
import * as Result from "effect/Result"
import type * as Embedding from "./Embedding.ts"
import * as BestRows from "./internal/bestRows.ts"
import * as VectorKernels from "./internal/vectorKernels.ts"
import * as VectorLoops from "./internal/vectorLoops.ts"
import * as VectorMemory from "./internal/vectorMemory.ts"
import * as ProviderError from "./ProviderError.ts"

/**
 * Vectors of one kind, one behind the other.
 *
 * - `data`: `rows × dimensions` numbers; number `j` of row `i` is `data[i * dimensions + j]`.
 * - `dimensions`: numbers in a row; a row of packed bits holds eight in each.
 *
 * Not to be changed once it was searched: what a search finds out about the rows is kept for the next one. Any numbers
 * can be put together like this; floats of {@link matrix} are searched where they lie, others are copied a block at a
 * time, which takes about half as long again.
 */
export interface Matrix {
  readonly data: Embedding.Vector
  readonly dimensions: number
  readonly rows: number
}

/** A row that was found. The higher the score, the closer. */
export interface Match {
  readonly index: number
  readonly score: number
}

/** A row that was found, and how many of its bits differ from the query. */
export interface BitMatch {
  readonly index: number
  readonly distance: number
}

/** Which rows to look at, asked once for each of them; all unless said otherwise. */
export interface SearchOptions {
  readonly filter?: ((index: number) => boolean) | undefined
}

/** `metric`: `cosine` unless said otherwise. For vectors of unit length `dot` finds the same and needs no lengths. */
export interface TopKOptions extends SearchOptions {
  readonly metric?: "dot" | "cosine" | undefined
}

/** The sum of the products of two vectors of equal length; of the longer one, only what the shorter one has. */
export const dot = (self: Embedding.Vector, that: Embedding.Vector): number =>
  VectorLoops.dot(floats(self), floats(that))

/** The Euclidean length. */
export const norm = (self: Embedding.Vector): number => Math.sqrt(dot(self, self))

/** The cosine of the angle between two vectors of equal length, from -1 to 1; 0 when one of them is zero. */
export const cosine = (self: Embedding.Vector, that: Embedding.Vector): number =>
  similarity(dot(self, that), dot(self, self), dot(that, that))

/** The vector of unit length in the same direction, as a new array. Zero has no direction and stays zero. */
export const normalize = (self: Embedding.Vector): Float32Array => normalizeInPlace(new Float32Array(self))

/** {@link normalize} that writes into the vector it is given, and returns it. */
export const normalizeInPlace = (self: Float32Array): Float32Array => {
  const length = norm(self)
  if (length === 0) return self
  for (let index = 0; index < self.length; index++) self[index] = self[index]! / length
  return self
}

/** How many bits differ between two vectors of packed bits of equal length. */
export const hamming = (self: Uint8Array, that: Uint8Array): number => VectorLoops.differingBits(self, that)

/**
 * Copies vectors into one matrix, each number once where their count is known (an array, a `Set`), and twice at most
 * where it is not (a generator). A megabyte of floats and more are in WebAssembly memory, not at its beginning:
 * `data.buffer` is more than `data`, and can be cloned but not transferred.
 *
 * The first vector decides on the kind. Fails with `InvalidRequestError` when another one is of another kind or has not
 * `dimensions` numbers, and when they do not fit into memory.
 *
 * @example
 * const { embeddings } = yield* EmbeddingService.embedMany(texts)
 * const matrix = yield* Effect.fromResult(Vector.matrix(1024, embeddings.map(({ vector }) => vector)))
 */
export const matrix = (
  dimensions: number,
  vectors: Iterable<Embedding.Vector>
): Result.Result<Matrix, ProviderError.InvalidRequestError> => {
  if (!(Number.isSafeInteger(dimensions) && dimensions > 0)) {
    return invalid("dimensions", `${dimensions} is not a number of dimensions`, "Use a whole number from 1")
  }
  let data: Embedding.Vector = new Float32Array(0)
  let rows = 0
  for (const vector of vectors) {
    const field = `vectors[${rows}]`
    if (vector.length !== dimensions) {
      return invalid(field, `it has ${vector.length} numbers instead of ${dimensions}`, "Make all vectors equally long")
    }
    if (rows === 0) {
      const allocated = allocate(kind(vector), (sizeOf(vectors) ?? 64) * dimensions)
      if (Result.isFailure(allocated)) return Result.fail(allocated.failure)
      data = allocated.success
    } else if (kind(vector) !== kind(data)) {
      return invalid(field, `it is no ${kind(data).name} as those before it`, "Make all vectors of one kind")
    }
    if (data.length === rows * dimensions) {
      const allocated = allocate(kind(vector), 2 * data.length)
      if (Result.isFailure(allocated)) return Result.fail(allocated.failure)
      allocated.success.set(data)
      data = allocated.success
    }
    data.set(vector, rows * dimensions)
    rows++
  }
  return Result.succeed({ data: data.subarray(0, rows * dimensions), dimensions, rows })
}

/**
 * The `k` rows closest to a query, best first; of rows with equal scores, the earlier ones. Fewer where there are not as
 * many. Scores are exactly those of {@link dot} or {@link cosine}.
 *
 * Fails with `InvalidRequestError` when the query has not as many numbers as a row, when `k` is not a whole number, and
 * when a matrix made by hand holds fewer numbers than it says.
 *
 * @example
 * const nearest = yield* Effect.fromResult(Vector.topK(matrix, query, 10, { metric: "dot" }))
 */
export const topK = (
  matrix: Matrix,
  query: Embedding.Vector,
  k: number,
  options?: TopKOptions
): Result.Result<ReadonlyArray<Match>, ProviderError.InvalidRequestError> =>
  Result.map(check(matrix, query, k), () => {
    const best = BestRows.make(Math.min(k, matrix.rows))
    if (options?.metric === "dot") {
      VectorKernels.dotRows(matrix, query, options.filter, best.offer)
    } else {
      const squares = squaresOf(matrix)
      const square = dot(query, query)
      VectorKernels.dotRows(
        matrix,
        query,
        options?.filter,
        (row, product) => best.offer(row, similarity(product, squares[row]!, square))
      )
    }
    return best.take()
  })

/**
 * The `k` rows of packed bits of which the fewest differ from a query, best first; of rows with equal distances, the
 * earlier ones.
 *
 * Fails as {@link topK} does, and with `InvalidRequestError` for a matrix of another kind.
 */
export const hammingTopK = (
  matrix: Matrix,
  query: Uint8Array,
  k: number,
  options?: SearchOptions
): Result.Result<ReadonlyArray<BitMatch>, ProviderError.InvalidRequestError> =>
  Result.flatMap(check(matrix, query, k), () => {
    const { data } = matrix
    if (matrix.rows === 0) return Result.succeed([])
    if (!(data instanceof Uint8Array)) {
      return invalid("matrix", `it holds a ${kind(data).name} and not packed bits`, "Use topK for numbers")
    }
    const best = BestRows.make(Math.min(k, matrix.rows))
    const offer = (row: number, distance: number) => best.offer(row, -distance)
    VectorKernels.differingBitsOfRows({ ...matrix, data }, query, options?.filter, offer)
    return Result.succeed(best.take().map(({ index, score }): BitMatch => ({ index, distance: -score })))
  })

/** From the squares of two lengths: with one root a vector is exactly as close as can be to itself. */
const similarity = (product: number, square: number, otherSquare: number): number => {
  const scale = Math.sqrt(square * otherSquare)
  return scale === 0 ? 0 : Math.max(-1, Math.min(1, product / scale))
}

/** The squared lengths of the rows, found out once for each matrix. */
const squaresOf = (matrix: Matrix): Float64Array => {
  const known = squares.get(matrix)
  if (known !== undefined) return known
  const found = new Float64Array(matrix.rows)
  VectorKernels.squareRows(matrix, (row, square) => found[row] = square)
  squares.set(matrix, found)
  return found
}

const squares = new WeakMap<Matrix, Float64Array>()

/** A loop that only ever sees one kind of array runs several times as fast. */
const floats = (vector: Embedding.Vector): Float32Array =>
  vector instanceof Float32Array ? vector : new Float32Array(vector)

const kind = (vector: Embedding.Vector) =>
  vector instanceof Float32Array ? Float32Array : vector instanceof Int8Array ? Int8Array : Uint8Array

const sizeOf = (vectors: Iterable<unknown>): number | undefined =>
  Array.isArray(vectors) ? vectors.length : vectors instanceof Set ? vectors.size : undefined

const allocate = (
  Kind: ReturnType<typeof kind>,
  length: number
): Result.Result<Embedding.Vector, ProviderError.InvalidRequestError> =>
  Result.mapError(
    Result.try(() => (Kind === Float32Array ? VectorMemory.allocate(length) : undefined) ?? new Kind(length)),
    () => problem("vectors", `there is no memory for ${length} numbers`, "Search in parts")
  )

const check = (
  { data, dimensions, rows }: Matrix,
  query: Embedding.Vector,
  k: number
): Result.Result<void, ProviderError.InvalidRequestError> => {
  if (data.length < rows * dimensions) {
    return invalid(
      "matrix",
      `${data.length} numbers are no ${rows} rows of ${dimensions}`,
      "Build it with Vector.matrix"
    )
  }
  if (query.length !== dimensions) {
    return invalid("query", `it has ${query.length} numbers and the rows have ${dimensions}`, "Make them equally long")
  }
  if (!(Number.isSafeInteger(k) && k >= 0)) {
    return invalid("k", `${k} is not a number of rows`, "Use a whole number from 0")
  }
  return Result.succeed(undefined)
}

const invalid = (field: string, reason: string, remedy: string) => Result.fail(problem(field, reason, remedy))

const problem = (field: string, reason: string, remedy: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({ provider: "strata", field, problem: reason, remedy })
