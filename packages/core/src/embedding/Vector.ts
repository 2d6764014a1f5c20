/**
 * Arithmetic on vectors, and exact search: the rows of a matrix that are closest to a query, found by looking at each.
 *
 * No index and nothing approximate. Sums are taken in double precision. Zero vectors are close to nothing (cosine 0),
 * numbers that are not finite follow IEEE 754, and a row whose score is `NaN` is never found. One core looks at 100,000 rows
 * of 1,024 floats in about a tenth of a second.
 */
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import * as ProviderError from "../ProviderError.ts"
import type * as Embedding from "./Embedding.ts"

/**
 * Vectors of one kind, one behind the other.
 *
 * - `data`: `rows × dimensions` numbers; number `j` of row `i` is `data[i * dimensions + j]`.
 * - `dimensions`: numbers in a row; a row of packed bits holds eight in each.
 *
 * Not to be changed once it was searched: the lengths of the rows are kept for the next search.
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

/**
 * The sum of the products of two vectors of equal length; of the longer one, only what the shorter one has. `NaN` for
 * what is no vector.
 */
export const dot = (self: Embedding.Vector, that: Embedding.Vector): number => {
  const one = floats(self)
  const other = floats(that)
  return one === undefined || other === undefined ? Number.NaN : product(one, other)
}

/** The Euclidean length; `NaN` for what is no vector. */
export const norm = (self: Embedding.Vector): number => Math.sqrt(dot(self, self))

/**
 * The cosine of the angle between two vectors, from -1 to 1; 0 when one of them is zero. `NaN` for vectors of different
 * lengths, between which there is no angle, and for what is no vector.
 */
export const cosine = (self: Embedding.Vector, that: Embedding.Vector): number => {
  const one = floats(self)
  const other = floats(that)
  return one === undefined || other === undefined || one.length !== other.length
    ? Number.NaN
    : similarity(product(one, other), product(one, one), product(other, other))
}

/**
 * The vector of unit length in the same direction, as a new array. Zero has no direction and stays zero; what is no vector
 * gives an empty one.
 */
export const normalize = (self: Embedding.Vector): Float32Array =>
  normalizeInPlace(new Float32Array(floats(self) ?? []))

/** {@link normalize} that writes into the vector it is given, and returns it. */
export const normalizeInPlace = (self: Float32Array): Float32Array => {
  const length = norm(self)
  if (length === 0 || !isVector(self)) return self
  for (let index = 0; index < self.length; index++) self[index] = self[index]! / length
  return self
}

/** How many bits differ between two vectors of packed bits of equal length; `NaN` for what is none. */
export const hamming = (self: Uint8Array, that: Uint8Array): number =>
  isBits(self) && isBits(that) ? differingBits(self, that) : Number.NaN

/**
 * Copies vectors into one matrix, each number once where their count is known (an array, a `Set`), and twice at most
 * where it is not (a generator).
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
): Result.Result<Matrix, ProviderError.InvalidRequestError> =>
  Number.isSafeInteger(dimensions) && dimensions > 0
    ? Result.getOrElse(
      Result.try(() => put(dimensions, vectors)),
      () => invalid("vectors", "they cannot be read one by one", "Give an array of vectors, or what can be iterated")
    )
    : invalid(
      "dimensions",
      `${typeof dimensions === "number" ? dimensions : "it"} is not a number of dimensions`,
      "Use a whole number from 1"
    )

const put = (
  dimensions: number,
  vectors: Iterable<unknown>
): Result.Result<Matrix, ProviderError.InvalidRequestError> => {
  let data: Embedding.Vector = new Float32Array(0)
  let rows = 0
  for (const vector of vectors) {
    const field = `vectors[${rows}]`
    if (!isVector(vector)) {
      return invalid(field, "it is no vector", "Use Float32Array, Int8Array or Uint8Array")
    }
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
 * Fails with `InvalidRequestError` when the query has not as many numbers as a row, when `k` is not a whole number, when an
 * option is none or the filter throws, and when a matrix made by hand holds fewer numbers than it says.
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
  Result.flatMap(check({ matrix, query, k, options }, topKOptions), ({ options, query, rows }) =>
    searched(() => {
      const row = rowsAsFloats(rows)
      const wide = new Float32Array(query)
      if (options.metric === "dot") return best(rows.rows, k, options.filter, (index) => product(row(index), wide))
      const squares = squaresOf(matrix, rows)
      const square = product(wide, wide)
      return best(
        rows.rows,
        k,
        options.filter,
        (index) => similarity(product(row(index), wide), squares[index]!, square)
      )
    }))

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
  options: SearchOptions = {}
): Result.Result<ReadonlyArray<BitMatch>, ProviderError.InvalidRequestError> =>
  Result.flatMap(check({ matrix, query, k, options }, searchOptions), ({ options, query, rows }) => {
    const { data } = rows
    if (rows.rows === 0) return Result.succeed([])
    if (!isBits(data)) {
      return invalid("matrix", `it holds a ${kind(data).name} and not packed bits`, "Use topK for numbers")
    }
    if (!isBits(query)) return invalid("query", "it holds numbers and not packed bits", "Give a Uint8Array")
    const row = (index: number) => data.subarray(index * rows.dimensions, (index + 1) * rows.dimensions)
    return searched(() =>
      best(rows.rows, k, options.filter, (index) => -differingBits(row(index), query))
        .map(({ index, score }): BitMatch => ({ index, distance: -score }))
    )
  })

/** Four sums that do not wait for each other, which is twice as fast as one. */
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

/** How many bits of each byte are set. */
const ones = new Uint8Array(256)
for (let byte = 1; byte < 256; byte++) ones[byte] = ones[byte >> 1]! + (byte & 1)

/** The best `k` rows by score. What is kept is sorted and cut whenever it is twice as many, so `k` costs little. */
const best = (
  rows: number,
  k: number,
  filter: SearchOptions["filter"],
  score: (index: number) => number
): ReadonlyArray<Match> => {
  const kept: Array<Match> = []
  // The worst score that still is among the best; of equal ones the earlier row wins.
  let worst: number | undefined
  const cut = () => {
    kept.sort((self, that) => self.score === that.score ? self.index - that.index : self.score < that.score ? 1 : -1)
    if (kept.length >= k) kept.length = k
    worst = kept.length === k ? kept.at(-1)?.score : undefined
  }
  if (k === 0) return kept
  for (let index = 0; index < rows; index++) {
    if (filter !== undefined && !filter(index)) continue
    const found = score(index)
    if (worst === undefined ? Number.isNaN(found) : !(found > worst)) continue
    if (kept.push({ index, score: found }) === 2 * k) cut()
  }
  cut()
  return kept
}

/** The floats of a row, which for rows of bytes are those of the latest row asked for. */
const rowsAsFloats = ({ data, dimensions }: Matrix) => {
  const wide = new Float32Array(isFloats(data) ? 0 : dimensions)
  return (index: number): Float32Array => {
    const row = data.subarray(index * dimensions, (index + 1) * dimensions)
    if (isFloats(row)) return row
    wide.set(row)
    return wide
  }
}

/** From the squares of two lengths: with one root a vector is exactly as close as can be to itself. */
const similarity = (product: number, square: number, otherSquare: number): number => {
  const scale = Math.sqrt(square * otherSquare)
  return scale === 0 ? 0 : Math.max(-1, Math.min(1, product / scale))
}

/** The squared lengths of the rows, found out once for each matrix. */
const squaresOf = (matrix: Matrix, rows: Matrix): Float64Array => {
  const known = squares.get(matrix)
  if (known !== undefined) return known
  const row = rowsAsFloats(rows)
  const found = Float64Array.from({ length: rows.rows }, (_, index) => {
    const numbers = row(index)
    return product(numbers, numbers)
  })
  squares.set(matrix, found)
  return found
}

const squares = new WeakMap<Matrix, Float64Array>()

/** The numbers of a vector: a loop that only ever sees one kind of array runs several times as fast. */
const floats = (vector: unknown): Float32Array | undefined =>
  isFloats(vector)
    ? vector
    : isVector(vector)
    ? new Float32Array(vector)
    // What a program brings along from JSON.
    : Result.getOrUndefined(
      Result.try(() => isNumbers(vector) ? new Float32Array(vector) : undefined)
    )

const isNumbers = (given: unknown): given is ReadonlyArray<number> =>
  Array.isArray(given) && given.length <= longestArray && given.every((value) => typeof value === "number")

/** Longer than any vector of a model. */
const longestArray = 1_000_000

/** A view and not a proxy of one, whose numbers cannot be read. */
const isFloats = (given: unknown): given is Float32Array => ArrayBuffer.isView(given) && given instanceof Float32Array

const isBits = (given: unknown): given is Uint8Array => ArrayBuffer.isView(given) && given instanceof Uint8Array

const isVector = (given: unknown): given is Embedding.Vector =>
  isFloats(given) || isBits(given) || ArrayBuffer.isView(given) && given instanceof Int8Array

const kind = (vector: Embedding.Vector) =>
  vector instanceof Float32Array ? Float32Array : vector instanceof Int8Array ? Int8Array : Uint8Array

const sizeOf = (vectors: Iterable<unknown>): number | undefined =>
  Array.isArray(vectors) ? vectors.length : vectors instanceof Set ? vectors.size : undefined

const allocate = (
  Kind: ReturnType<typeof kind>,
  length: number
): Result.Result<Embedding.Vector, ProviderError.InvalidRequestError> =>
  Result.mapError(
    Result.try(() => new Kind(length)),
    () => problem("vectors", `there is no memory for ${length} numbers`, "Search in parts")
  )

/** What a search takes, which may be any values; the query as numbers. */
const check = <Options>(
  given: { readonly matrix: unknown; readonly query: unknown; readonly k: unknown; readonly options: unknown },
  options: Check.Check<Options>
): Result.Result<Search<Options>, ProviderError.InvalidRequestError> => {
  const settled = Check.settle(
    Check.struct<{ readonly matrix: Matrix; readonly k: number; readonly options: Options }>({
      matrix: rowsOf,
      k: Check.number({ min: 0, whole: true, what: "a number of rows", remedy: "Use a whole number from 0" }),
      options
    }, { others: "ignored" }),
    given
  )
  if (Result.isFailure(settled)) {
    const { field, problem, remedy } = settled.failure
    return invalid(field, problem, remedy)
  }
  const rows = settled.success.matrix
  const query = isVector(given.query) ? given.query : floats(given.query)
  if (query === undefined) {
    return invalid("query", "it is no vector", "Use Float32Array, Int8Array or Uint8Array")
  }
  return query.length === rows.dimensions
    ? Result.succeed({ rows, query, options: settled.success.options })
    : invalid("query", `it has ${query.length} numbers and the rows have ${rows.dimensions}`, "Make them equally long")
}

interface Search<Options> {
  readonly rows: Matrix
  readonly query: Embedding.Vector
  readonly options: Options
}

const plainMatrix = Check.struct<Matrix>({
  data: Check.instance(isVector, "Build it with Vector.matrix"),
  dimensions: Check.number({ min: 1, whole: true, remedy: "Use a whole number from 1" }),
  rows: Check.number({ min: 0, whole: true, remedy: "Use a whole number from 0" })
}, { others: "ignored", remedy: "Build it with Vector.matrix" })

const rowsOf: Check.Check<Matrix> = (given, at) => {
  const matrix = plainMatrix(given, at)
  return matrix === Check.refused || matrix.data.length >= matrix.rows * matrix.dimensions ? matrix : Check.refuse(
    at,
    `${matrix.data.length} numbers are no ${matrix.rows} rows of ${matrix.dimensions}`,
    "Build it with Vector.matrix"
  )
}

const filter = Check.optional(
  Check.callback<NonNullable<SearchOptions["filter"]>>("Give a function from the number of a row")
)

const searchOptions = Check.struct<SearchOptions>({ filter })

const topKOptions = Check.struct<TopKOptions>({ filter, metric: Check.optional(Check.word(["dot", "cosine"])) })

/** A search whose filter may throw. */
const searched = <A>(search: () => A): Result.Result<A, ProviderError.InvalidRequestError> =>
  Result.try({ try: search, catch: (cause) => Check.threw({ provider: "strata" }, "options.filter", cause) })

const invalid = (field: string, reason: string, remedy: string) => Result.fail(problem(field, reason, remedy))

const problem = (field: string, reason: string, remedy: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({ provider: "strata", field, problem: reason, remedy })
