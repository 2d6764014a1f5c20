/**
 * Arithmetic on vectors, and exact search: a linear scan for the rows of a matrix that are closest to a query.
 *
 * Sums are in double precision. The cosine with a zero vector is 0, non-finite numbers follow IEEE 754, and a row whose
 * score is `NaN` is never found. One core scans 100,000 rows of 1,024 floats in about a tenth of a second.
 */
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import * as BoundedMap from "../internal/boundedMap.ts"
import * as ProviderError from "../ProviderError.ts"
import type * as Embedding from "./Embedding.ts"

/**
 * Vectors of one kind in row-major order. Not to be changed after a search, which caches the norms of the rows.
 *
 * - `data`: `rows × dimensions` numbers.
 * - `dimensions`: numbers in a row; each number of a row of packed bits holds eight dimensions.
 */
export interface Matrix {
  readonly data: Embedding.Vector
  readonly dimensions: number
  readonly rows: number
}

/** A row and its score: higher is closer. */
export interface Match {
  readonly index: number
  readonly score: number
}

/** A row and the number of its bits that differ from the query. */
export interface BitMatch {
  readonly index: number
  readonly distance: number
}

/** `filter`: which rows to search, called once for each; all by default. */
export interface SearchOptions {
  readonly filter?: ((index: number) => boolean) | undefined
}

/** `metric`: `cosine` by default. For vectors of unit length `dot` finds the same without computing norms. */
export interface TopKOptions extends SearchOptions {
  readonly metric?: "dot" | "cosine" | undefined
}

/** The dot product, over the length of the shorter vector; `NaN` for what is not a vector. */
export const dot = (self: Embedding.Vector, that: Embedding.Vector): number => {
  const one = floats(self)
  const other = floats(that)
  return one === undefined || other === undefined ? Number.NaN : product(one, other)
}

/** The Euclidean norm; `NaN` for what is not a vector. */
export const norm = (self: Embedding.Vector): number => Math.sqrt(dot(self, self))

/** Cosine similarity, from -1 to 1; 0 when one vector is zero. `NaN` for different lengths and what is not a vector. */
export const cosine = (self: Embedding.Vector, that: Embedding.Vector): number => {
  const one = floats(self)
  const other = floats(that)
  return one === undefined || other === undefined || one.length !== other.length
    ? Number.NaN
    : similarity(product(one, other), product(one, one), product(other, other))
}

/** A copy of unit length. A zero vector stays zero; what is not a vector gives an empty one. */
export const normalize = (self: Embedding.Vector): Float32Array =>
  normalizeInPlace(new Float32Array(floats(self) ?? []))

/** {@link normalize} in place. */
export const normalizeInPlace = (self: Float32Array): Float32Array => {
  const length = norm(self)
  if (length === 0 || !isVector(self)) return self
  for (let index = 0; index < self.length; index++) self[index] = self[index]! / length
  return self
}

/** The number of bits that differ between two vectors of packed bits; `NaN` for what is not packed bits. */
export const hamming = (self: Uint8Array, that: Uint8Array): number =>
  isBits(self) && isBits(that) ? differingBits(self, that) : Number.NaN

/**
 * Copies vectors of one kind into a matrix. Fails with `InvalidRequestError`, which names the vector (`vectors[3]`), for
 * another kind or another length than `dimensions`, and when they do not fit into memory.
 *
 * @example
 * const { embeddings } = yield* EmbeddingService.embedMany(texts)
 * const matrix = yield* Effect.fromResult(Vector.matrix(1024, embeddings.map(({ vector }) => vector)))
 */
export const matrix = (
  dimensions: number,
  vectors: Iterable<Embedding.Vector>
): Result.Result<Matrix, ProviderError.InvalidRequestError> =>
  Number.isSafeInteger(dimensions) && dimensions > 0
    ? Result.getOrElse(
      Result.try(() => fill(dimensions, vectors)),
      () => invalid("vectors", "they cannot be iterated", "Give an array of vectors, or another iterable")
    )
    : invalid(
      "dimensions",
      `${typeof dimensions === "number" ? dimensions : "it"} is not a number of dimensions`,
      "Use a whole number from 1"
    )

const fill = (
  dimensions: number,
  vectors: Iterable<unknown>
): Result.Result<Matrix, ProviderError.InvalidRequestError> => {
  const count = Array.isArray(vectors) ? vectors.length : vectors instanceof Set ? vectors.size : 64
  let data: Embedding.Vector = new Float32Array(0)
  let rows = 0
  for (const vector of vectors) {
    const field = `vectors[${rows}]`
    if (!isVector(vector)) return invalid(field, ...notVector)
    if (vector.length !== dimensions) {
      return invalid(field, `it has ${vector.length} numbers instead of ${dimensions}`, "Make all vectors equally long")
    }
    const Kind = kind(vector)
    if (rows > 0 && Kind !== kind(data)) {
      const problem = `its type is ${Kind.name}, that of those before it ${kind(data).name}`
      return invalid(field, problem, "Make all vectors of one kind")
    }
    if (data.length === rows * dimensions) {
      const length = (rows === 0 ? count : 2 * rows) * dimensions
      const larger = Result.try(() => new Kind(length))
      if (Result.isFailure(larger)) {
        return invalid("vectors", `there is no memory for ${length} numbers`, "Search in parts")
      }
      larger.success.set(data)
      data = larger.success
    }
    data.set(vector, rows * dimensions)
    rows++
  }
  return Result.succeed({ data: data.subarray(0, rows * dimensions), dimensions, rows })
}

/**
 * The at most `k` rows closest to a query by {@link dot} or {@link cosine}, best first, earlier rows first among equals.
 *
 * Fails with `InvalidRequestError` for a query of another length, an invalid argument, and when the filter throws.
 *
 * @example
 * const nearest = yield* Effect.fromResult(Vector.topK(matrix, query, 10, { metric: "dot" }))
 */
export const topK = (
  matrix: Matrix,
  query: Embedding.Vector,
  k: number,
  options: TopKOptions = {}
): Result.Result<ReadonlyArray<Match>, ProviderError.InvalidRequestError> =>
  Result.flatMap(searchOf(topKOptions, { matrix, query, k, options }), (search) => {
    const { filter, metric } = search.options
    const row = rowsAsFloats(search.matrix)
    const floats = new Float32Array(search.query)
    if (metric === "dot") return best(search, filter, (index) => product(row(index), floats))
    const squares = squaresOf(matrix, search.matrix)
    const square = product(floats, floats)
    return best(search, filter, (index) => similarity(product(row(index), floats), squares[index]!, square))
  })

/**
 * The at most `k` rows of packed bits closest to a query, best first, earlier rows first among equal distances. Fails as
 * {@link topK} does, and for a matrix or query of another kind.
 */
export const hammingTopK = (
  matrix: Matrix,
  query: Uint8Array,
  k: number,
  options: SearchOptions = {}
): Result.Result<ReadonlyArray<BitMatch>, ProviderError.InvalidRequestError> =>
  Result.flatMap(searchOf(searchOptions, { matrix, query, k, options }), (search) => {
    const { matrix: { data, dimensions, rows }, options: { filter }, query } = search
    if (rows === 0) return Result.succeed([])
    if (!isBits(data)) {
      return invalid("matrix", `it holds a ${kind(data).name} and not packed bits`, "Use topK for numbers")
    }
    if (!isBits(query)) return invalid("query", "it holds numbers and not packed bits", "Give a Uint8Array")
    const score = (index: number) => -differingBits(data.subarray(index * dimensions, (index + 1) * dimensions), query)
    return Result.map(
      best(search, filter, score),
      (matches) => matches.map(({ index, score }) => ({ index, distance: -score }))
    )
  })

/** Four independent sums are twice as fast as one. */
const product = (self: Float32Array, that: Float32Array): number => {
  const length = Math.min(self.length, that.length)
  let first = 0
  let second = 0
  let third = 0
  let fourth = 0
  let index = 0
  for (; index + 3 < length; index += 4) {
    first += self[index]! * that[index]!
    second += self[index + 1]! * that[index + 1]!
    third += self[index + 2]! * that[index + 2]!
    fourth += self[index + 3]! * that[index + 3]!
  }
  for (; index < length; index++) first += self[index]! * that[index]!
  return first + second + (third + fourth)
}

const differingBits = (self: Uint8Array, that: Uint8Array): number => {
  const length = Math.min(self.length, that.length)
  let bits = 0
  for (let index = 0; index < length; index++) bits += ones[self[index]! ^ that[index]!]!
  return bits
}

const ones = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length)

/** The best `k` rows. Candidates are sorted and cut to `k` whenever there are twice as many. */
const best = (
  { k, matrix: { rows } }: Search<unknown>,
  filter: SearchOptions["filter"],
  score: (index: number) => number
): Result.Result<ReadonlyArray<Match>, ProviderError.InvalidRequestError> => {
  const kept: Array<Match> = []
  // Of the best `k`; a later row with the same score is not better.
  let worst: number | undefined
  const cut = () => {
    kept.sort((self, that) => self.score === that.score ? self.index - that.index : self.score < that.score ? 1 : -1)
    if (kept.length >= k) kept.length = k
    worst = kept.length === k ? kept.at(-1)?.score : undefined
  }
  const scan = () => {
    for (let index = 0; index < rows && k > 0; index++) {
      if (filter !== undefined && !filter(index)) continue
      const found = score(index)
      if (worst === undefined ? Number.isNaN(found) : !(found > worst)) continue
      if (kept.push({ index, score: found }) === 2 * k) cut()
    }
    cut()
    return kept
  }
  return Result.try({ try: scan, catch: (cause) => Check.threw({ provider: "strata" }, "options.filter", cause) })
}

/** The floats of a row; rows of bytes share one array, overwritten by the next row. */
const rowsAsFloats = ({ data, dimensions }: Matrix) => {
  const floats = new Float32Array(isFloats(data) ? 0 : dimensions)
  return (index: number): Float32Array => {
    const row = data.subarray(index * dimensions, (index + 1) * dimensions)
    if (isFloats(row)) return row
    floats.set(row)
    return floats
  }
}

/** A cosine from squared norms: one root of their product makes the cosine of a vector with itself exactly 1. */
const similarity = (product: number, square: number, otherSquare: number): number => {
  const scale = Math.sqrt(square * otherSquare)
  return scale === 0 ? 0 : Math.max(-1, Math.min(1, product / scale))
}

/** The squared norms of the rows, computed once for each matrix. */
const squaresOf = (matrix: Matrix, rows: Matrix): Float64Array =>
  BoundedMap.getOrMake(squares, matrix, () => {
    const row = rowsAsFloats(rows)
    return Float64Array.from({ length: rows.rows }, (_, index) => {
      const numbers = row(index)
      return product(numbers, numbers)
    })
  })

const squares = new WeakMap<Matrix, Float64Array>()

/** The numbers of a vector, or of an array from JSON. Loops over one kind of array run several times as fast. */
const floats = (vector: unknown): Float32Array | undefined =>
  isFloats(vector)
    ? vector
    : isVector(vector)
    ? new Float32Array(vector)
    : Result.getOrUndefined(Result.try(() => isNumbers(vector) ? new Float32Array(vector) : undefined))

const isNumbers = (given: unknown): given is ReadonlyArray<number> =>
  Array.isArray(given) && given.length <= longestArray && given.every((value) => typeof value === "number")

/** Longer than any vector of a model. */
const longestArray = 1_000_000

/** Not a proxy of a view, whose numbers cannot be read. */
const isFloats = (given: unknown): given is Float32Array => ArrayBuffer.isView(given) && given instanceof Float32Array

const isBits = (given: unknown): given is Uint8Array => ArrayBuffer.isView(given) && given instanceof Uint8Array

const isVector = (given: unknown): given is Embedding.Vector =>
  isFloats(given) || isBits(given) || ArrayBuffer.isView(given) && given instanceof Int8Array

const kind = (vector: unknown) => isBits(vector) ? Uint8Array : vector instanceof Int8Array ? Int8Array : Float32Array

interface Search<Options> {
  readonly matrix: Matrix
  readonly query: Embedding.Vector
  readonly k: number
  readonly options: Options
}

/** Validates a search; the query becomes a typed array. */
const searchOf = <Options>(
  options: Check.Check<Options>,
  given: Search<unknown>
): Result.Result<Search<Options>, ProviderError.InvalidRequestError> => {
  const shape = Check.struct<Search<Options>>({ matrix: rowsOf, query: queryOf, k: numberOfRows, options })
  const settled = Check.settle(shape, given)
  if (Result.isFailure(settled)) return failed(settled.failure)
  const { matrix: { dimensions }, query: { length } } = settled.success
  return length === dimensions
    ? Result.succeed(settled.success)
    : invalid("query", `it has ${length} numbers and the rows have ${dimensions}`, "Make them equally long")
}

const numberOfRows = Check.number({
  min: 0,
  whole: true,
  what: "a number of rows",
  remedy: "Use a whole number from 0"
})

const queryOf: Check.Check<Embedding.Vector> = (given, at) =>
  (isVector(given) ? given : floats(given)) ?? Check.refuse(at, ...notVector)

const plainMatrix = Check.struct<Matrix>({
  data: Check.instance(isVector, "Build it with Vector.matrix"),
  dimensions: Check.number({ min: 1, whole: true, remedy: "Use a whole number from 1" }),
  rows: Check.number({ min: 0, whole: true, remedy: "Use a whole number from 0" })
}, { others: "ignored", remedy: "Build it with Vector.matrix" })

const rowsOf: Check.Check<Matrix> = (given, at) => {
  const matrix = plainMatrix(given, at)
  return matrix === Check.refused || matrix.data.length >= matrix.rows * matrix.dimensions ? matrix : Check.refuse(
    at,
    `it holds ${matrix.data.length} numbers, fewer than ${matrix.rows} rows of ${matrix.dimensions}`,
    "Build it with Vector.matrix"
  )
}

const filter = Check.optional(
  Check.callback<NonNullable<SearchOptions["filter"]>>("Give a function from the number of a row")
)

const searchOptions = Check.struct<SearchOptions>({ filter })

const topKOptions = Check.struct<TopKOptions>({ filter, metric: Check.optional(Check.word(["dot", "cosine"])) })

const notVector = ["it is not a vector", "Use Float32Array, Int8Array or Uint8Array"] as const

const invalid = (field: string, problem: string, remedy: string) => failed({ field, problem, remedy })

const failed = (problem: Check.Problem) => Result.fail(ProviderError.invalidRequest({ provider: "strata", ...problem }))
