/**
 * Reads the JSON of an answer: fields, vectors, token counts; or says what is missing, and where.
 *
 * Numbers are checked in the loop that copies them, without a Schema: an answer can hold 150,000 of them.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Json from "../wire/Json.ts"

/** The fields of an answer, unchecked. */
export type Answer = Readonly<Record<string, unknown>>

/** The object in a JSON body, or a sentence that says what is wrong with it. */
export const parse = (body: Uint8Array): Result.Result<Answer, string> =>
  Json.toText(body).pipe(
    Result.flatMap((text) => ExactJson.parseFloats(withoutDuplicate(text))),
    Result.mapError((problem) => `The answer is ${problem}`),
    Result.filterOrFail(Predicate.isObject, () => "The answer is not a JSON object")
  )

/** A field of a value that may not be an object. */
export const field = (value: unknown, name: string): unknown => Predicate.isObject(value) ? value[name] : undefined

/** A vector: a non-empty array of numbers, all finite as 32-bit floats. `path` is its location in the answer. */
export const vector = (value: unknown, path: string): Result.Result<Float32Array, string> => {
  if (!Array.isArray(value) || value.length === 0) return missing("list of numbers", path)
  const numbers = new Float32Array(value.length)
  for (let index = 0; index < numbers.length; index++) {
    const number: unknown = value[index]
    if (typeof number === "number") numbers[index] = number
    // JSON has no NaN, but 1e999 is infinite, and so is 1e39 once it is a 32-bit float
    if (typeof number !== "number" || !Number.isFinite(numbers[index])) {
      return missing("finite 32-bit number", `${path}[${index}]`)
    }
  }
  return Result.succeed(numbers)
}

/** A vector of a type: integers within its range unless it is `float`; a `binary` one as packed bytes. */
export const typedVector = (
  value: unknown,
  type: Embedding.VectorType,
  path: string
): Result.Result<Embedding.Vector, string> => {
  if (type === "float") return vector(value, path)
  if (!Array.isArray(value) || value.length === 0) return missing("list of numbers", path)
  const numbers = type === "int8" ? new Int8Array(value.length) : new Uint8Array(value.length)
  for (let index = 0; index < numbers.length; index++) {
    const number: unknown = value[index]
    if (typeof number === "number") numbers[index] = number
    // An assignment would convert a fraction or a number out of range silently
    if (numbers[index] !== number) return missing(type === "binary" ? "byte" : `${type} number`, `${path}[${index}]`)
  }
  return Result.succeed(numbers)
}

/** A binary vector given as zeros and ones, a multiple of 8: packed, the first bit highest. */
export const bits = (value: unknown, path: string): Result.Result<Uint8Array, string> => {
  if (!Array.isArray(value) || value.length === 0 || value.length % 8 !== 0) return missing("list of bits", path)
  const bytes = new Uint8Array(value.length / 8)
  for (let index = 0; index < value.length; index++) {
    const bit: unknown = value[index]
    if (bit !== 0 && bit !== 1) return missing("bit", `${path}[${index}]`)
    bytes[index >> 3]! |= bit << (7 - (index & 7))
  }
  return Result.succeed(bytes)
}

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

/**
 * Titan answers `{"embedding":[…],"embeddingsByType":{"float":[…]}}`: the same numbers twice. When the second array has
 * the same text as the first it is emptied, because parsing its numbers is most of the work and they are not used. It
 * stays valid JSON exactly if it was.
 */
const withoutDuplicate = (json: string): string => {
  if (!json.startsWith(opening)) return json
  const end = json.indexOf("]")
  const at = json.indexOf(duplicateOpening, end)
  if (end === -1 || at === -1) return json
  const array = json.slice(opening.length, end)
  const duplicate = at + duplicateOpening.length
  const isFlat = !array.includes("[") && !array.includes("\"")
  return isFlat && json.startsWith(`${array}]`, duplicate)
    ? json.slice(0, duplicate) + json.slice(duplicate + array.length)
    : json
}

const opening = `{"embedding":[`
const duplicateOpening = `"embeddingsByType":{"float":[`
