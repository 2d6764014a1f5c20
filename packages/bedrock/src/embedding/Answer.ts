/**
 * Reads the JSON of an answer: fields, vectors, counts of tokens; or says in a sentence what is not there, and where.
 *
 * Numbers are checked by hand while they are copied, without a Schema: an answer can hold 150,000 of them.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Json from "../wire/Json.ts"

/** The fields of an answer, nothing known about them. */
export type Answer = Readonly<Record<string, unknown>>

/** The object in a body of JSON, or a sentence that says what is wrong with it. */
export const parse = (body: Uint8Array): Result.Result<Answer, string> =>
  Json.toText(body).pipe(
    Result.flatMap((text) => ExactJson.parseFloats(withoutTwin(text))),
    Result.mapError((problem) => `The answer is ${problem}`),
    Result.filterOrFail(Predicate.isObject, () => "The answer is not a JSON object")
  )

/** A field of what may not even be an object. */
export const field = (value: unknown, name: string): unknown => Predicate.isObject(value) ? value[name] : undefined

/** A vector: an array of numbers, at least one, all finite as 32-bit floats. `path` is where it stands in the answer. */
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

/** A vector of a type: whole numbers within its range unless it is `float`; a `binary` one in bytes, as it is kept. */
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
    // What is no whole number, or out of range, is another one once it is stored
    if (numbers[index] !== number) return missing(type === "binary" ? "byte" : `${type} number`, `${path}[${index}]`)
  }
  return Result.succeed(numbers)
}

/** A binary vector told as zeros and ones, whole bytes of them: packed, the first in the highest bit. */
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

/** An array of what `read` takes. */
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

/** A count of tokens. */
export const tokens = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const missing = (what: string, path: string): Result.Result<never, string> =>
  Result.fail(`The answer has no ${what} at \`${path}\``)

/**
 * Titan answers `{"embedding":[…],"embeddingsByType":{"float":[…]}}`, twice the same numbers. Where the second array is the
 * first one letter by letter it is emptied, since reading its numbers is most of the work; nobody asks for them. What was
 * JSON before still is, and what was none is none.
 */
const withoutTwin = (json: string): string => {
  if (!json.startsWith(opening)) return json
  const end = json.indexOf("]")
  const at = json.indexOf(twinOpening, end)
  if (end === -1 || at === -1) return json
  const array = json.slice(opening.length, end)
  const twin = at + twinOpening.length
  const isFlat = !array.includes("[") && !array.includes("\"")
  return isFlat && json.startsWith(`${array}]`, twin)
    ? json.slice(0, twin) + json.slice(twin + array.length)
    : json
}

const opening = `{"embedding":[`
const twinOpening = `"embeddingsByType":{"float":[`
