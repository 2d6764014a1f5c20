/**
 * Reads the JSON of an answer: fields, vectors, token counts; or says what is missing, and where.
 *
 * Numbers are checked in the loop that copies them, without a Schema: an answer can hold 150,000 of them.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as NumberLists from "./NumberLists.ts"

/** The fields of an answer, unchecked. */
export type Answer = Readonly<Record<string, unknown>>

/** The object in a JSON body, or a sentence that says what is wrong with it. */
export const parse = (body: Uint8Array): Result.Result<Answer, string> =>
  NumberLists.parse(body).pipe(
    Result.mapError((problem) => `The answer is ${problem}`),
    Result.filterOrFail(isAnswer, () => "The answer is not a JSON object")
  )

const isAnswer = (json: unknown): json is Answer => Predicate.isObject(json) && !(json instanceof Float32Array)

/** A field of a value that may not be an object. */
export const field = (value: unknown, name: string): unknown => Predicate.isObject(value) ? value[name] : undefined

/** A vector: a non-empty list of numbers, all finite as 32-bit floats. `path` is its location in the answer. */
export const vector = (value: unknown, path: string): Result.Result<Float32Array, string> => {
  if (value instanceof Float32Array) return Result.succeed(value)
  if (!isList(value)) return missing("list of numbers", path)
  const numbers = Float32Array.from(value, numberOf)
  const odd = numbers.findIndex((number) => !Number.isFinite(number))
  return odd < 0 ? Result.succeed(numbers) : missing("finite 32-bit number", `${path}[${odd}]`)
}

/** A vector of a type: integers within its range unless it is `float`; a `binary` one as packed bytes. */
export const typedVector = (
  value: unknown,
  type: Embedding.VectorType,
  path: string
): Result.Result<Embedding.Vector, string> => {
  if (type === "float") return vector(value, path)
  if (!isList(value)) return missing("list of numbers", path)
  const given = Float32Array.from(value, numberOf)
  const numbers = type === "int8" ? new Int8Array(given) : new Uint8Array(given)
  // A fraction or a number out of range was converted silently
  const odd = numbers.findIndex((number, index) => number !== given[index])
  return odd < 0
    ? Result.succeed(numbers)
    : missing(type === "binary" ? "byte" : `${type} number`, `${path}[${odd}]`)
}

/** A binary vector given as zeros and ones, a multiple of 8: packed, the first bit highest. */
export const bits = (value: unknown, path: string): Result.Result<Uint8Array, string> => {
  if (!isList(value) || value.length % 8 !== 0) return missing("list of bits", path)
  const bytes = new Uint8Array(value.length / 8)
  for (let index = 0; index < value.length; index++) {
    const bit = value[index]
    if (bit !== 0 && bit !== 1) return missing("bit", `${path}[${index}]`)
    bytes[index >> 3]! |= bit << (7 - (index & 7))
  }
  return Result.succeed(bytes)
}

/** Lists of finite numbers are of the first kind, see {@link parse}; others hold something else as well. */
const isList = (value: unknown): value is Float32Array | ReadonlyArray<unknown> =>
  (value instanceof Float32Array || Array.isArray(value)) && value.length > 0

const numberOf = (item: unknown): number => typeof item === "number" ? item : Number.NaN

/** An array of values that `read` accepts. */
export const vectors = <A>(
  value: unknown,
  path: string,
  read: (item: unknown, path: string) => Result.Result<A, string>
): Result.Result<ReadonlyArray<A>, string> =>
  Array.isArray(value)
    ? Result.gen(function*() {
      const all: Array<A> = []
      for (const [index, item] of value.entries()) all.push(yield* read(item, `${path}[${index}]`))
      return all
    })
    : missing("list of vectors", path)

/** A token count. */
export const tokens = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const missing = (what: string, path: string): Result.Result<never, string> =>
  Result.fail(`The answer has no ${what} at \`${path}\``)
