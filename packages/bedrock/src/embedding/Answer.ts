/**
 * Reads the JSON of an answer: fields, vectors, counts of tokens. What is not as expected is `undefined`.
 *
 * Numbers are checked by hand while they are copied, without a Schema: an answer can hold 150,000 of them.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as Result from "effect/Result"

/** The fields of an answer, nothing known about them. */
export type Answer = Readonly<Record<string, unknown>>

/** The object in a body of JSON, or a sentence that says what is wrong with it. */
export const parse = (body: Uint8Array): Result.Result<Answer, string> =>
  Result.try({
    try: (): unknown => JSON.parse(withoutTwin(decoder.decode(body))),
    catch: () => "The answer is not JSON"
  }).pipe(Result.filterOrFail(isAnswer, () => "The answer is not a JSON object"))

/** A field of what may not even be an object. */
export const field = (value: unknown, name: string): unknown => isAnswer(value) ? value[name] : undefined

/** A vector: an array of numbers, at least one, all finite as 32-bit floats. */
export const vector = (value: unknown): Float32Array | undefined => {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const numbers = new Float32Array(value.length)
  for (let index = 0; index < numbers.length; index++) {
    const number: unknown = value[index]
    if (typeof number !== "number") return undefined
    numbers[index] = number
    // JSON has no NaN, but 1e999 is infinite, and so is 1e39 once it is a 32-bit float
    if (!Number.isFinite(numbers[index])) return undefined
  }
  return numbers
}

/** A vector of a type: whole numbers within its range unless it is `float`; a `binary` one in bytes, as it is kept. */
export const typedVector = (value: unknown, type: Embedding.VectorType): Embedding.Vector | undefined =>
  type === "float" ? vector(value) : wholeNumbers(value, type === "int8" ? Int8Array : Uint8Array)

/** A binary vector told as zeros and ones, whole bytes of them: packed, the first in the highest bit. */
export const bits = (value: unknown): Uint8Array | undefined => {
  if (!Array.isArray(value) || value.length === 0 || value.length % 8 !== 0) return undefined
  const bytes = new Uint8Array(value.length / 8)
  for (let index = 0; index < value.length; index++) {
    const bit: unknown = value[index]
    if (bit !== 0 && bit !== 1) return undefined
    bytes[index >> 3]! |= bit << (7 - (index & 7))
  }
  return bytes
}

/** An array of what `read` takes. */
export const vectors = <A>(
  value: unknown,
  read: (item: unknown) => A | undefined
): ReadonlyArray<A> | undefined => {
  if (!Array.isArray(value)) return undefined
  const all: Array<A> = []
  for (const item of value) {
    const one = read(item)
    if (one === undefined) return undefined
    all.push(one)
  }
  return all
}

/** A count of tokens. */
export const tokens = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const decoder = new TextDecoder()

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

const wholeNumbers = (
  value: unknown,
  Numbers: typeof Int8Array | typeof Uint8Array
): Int8Array | Uint8Array | undefined => {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const numbers = new Numbers(value.length)
  for (let index = 0; index < numbers.length; index++) {
    const number: unknown = value[index]
    if (typeof number !== "number") return undefined
    numbers[index] = number
    // What is no whole number, or out of range, is another one once it is stored
    if (numbers[index] !== number) return undefined
  }
  return numbers
}

const isAnswer = (value: unknown): value is Answer =>
  typeof value === "object" && value !== null && !Array.isArray(value)
