/**
 * Reads the vectors of an answer: by the shape that arrived, list or base64, whatever was asked for. Numbers are checked in the
 * loop that copies them.
 */
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** The vectors in the order of the inputs, and the tokens of all, where the server counts them. */
export interface Read {
  readonly vectors: ReadonlyArray<Float32Array>
  readonly inputTokens: number | undefined
}

/**
 * The answer for a number of inputs. What cannot be meant is a problem: a vector too many or too few, twice the same index, a
 * number that is none, vectors of different lengths or of another than was asked for, and a vector of zeros, which is what a server
 * gives whose numbers were misread on the way.
 */
export const read = (
  body: unknown,
  count: number,
  dimensions: number | undefined
): Result.Result<Read, string> =>
  Result.gen(function*() {
    const data: unknown = Predicate.hasProperty(body, "data") ? body.data : undefined
    if (!Array.isArray(data)) return yield* Result.fail("the answer has no list `data`")
    if (data.length !== count) return yield* Result.fail(`the answer has ${data.length} vectors for ${count} inputs`)
    const vectors: Array<Float32Array> = []
    for (let position = 0; position < count; position++) {
      const item: unknown = data[position]
      const at = placeOf(item) ?? position
      if (at >= count || vectors[at] !== undefined) {
        return yield* Result.fail(`data[${position}].index is not that of an input`)
      }
      vectors[at] = yield* vector(item, `data[${position}].embedding`)
    }
    const length = dimensions ?? vectors[0]?.length ?? 0
    const odd = vectors.findIndex((vector) => vector.length !== length)
    if (odd !== -1) {
      const wanted = dimensions === undefined ? `vector 0 has ${length}` : `${length} were asked for`
      return yield* Result.fail(`vector ${odd} has ${vectors[odd]!.length} numbers, and ${wanted}`)
    }
    return { vectors, inputTokens: tokensOf(body) }
  })

const placeOf = (item: unknown): number | undefined =>
  Predicate.hasProperty(item, "index") && typeof item.index === "number" && Number.isSafeInteger(item.index) &&
    item.index >= 0
    ? item.index
    : undefined

const vector = (item: unknown, path: string): Result.Result<Float32Array, string> => {
  const given: unknown = Predicate.hasProperty(item, "embedding") ? item.embedding : undefined
  return Result.flatMap(
    typeof given === "string" ? ofBase64(given, path) : Array.isArray(given) ? ofList(given, path) : none(path),
    (numbers) => {
      if (numbers.length === 0) return Result.fail(`${path} is empty`)
      let isZero = true
      for (let index = 0; index < numbers.length; index++) {
        const number = numbers[index]!
        if (!Number.isFinite(number)) return Result.fail(`${path}[${index}] is not a finite 32-bit number`)
        if (number !== 0) isZero = false
      }
      return isZero ? Result.fail(`${path} has only zeros: its numbers were lost on the way`) : Result.succeed(numbers)
    }
  )
}

const none = (path: string) => Result.fail(`${path} is neither a list of numbers nor base64`)

const ofList = (list: ReadonlyArray<unknown>, path: string): Result.Result<Float32Array, string> => {
  const numbers = new Float32Array(list.length)
  for (let index = 0; index < list.length; index++) {
    const number = list[index]
    if (typeof number !== "number") return Result.fail(`${path}[${index}] is not a number`)
    numbers[index] = number
  }
  return Result.succeed(numbers)
}

/** 32-bit floats, the lowest byte first. */
const ofBase64 = (text: string, path: string): Result.Result<Float32Array, string> =>
  Result.match(Base64.decode(text), {
    onFailure: () => Result.fail(`${path} is not base64`),
    onSuccess: (bytes) => {
      if (bytes.length % 4 !== 0) return Result.fail(`${path} is not a list of 32-bit numbers`)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return Result.succeed(
        Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true))
      )
    }
  })

const tokensOf = (body: unknown): number | undefined => {
  const usage: unknown = Predicate.hasProperty(body, "usage") ? body.usage : undefined
  if (!Predicate.isObject(usage)) return undefined
  return [usage["prompt_tokens"], usage["total_tokens"]].find((count): count is number =>
    typeof count === "number" && Number.isFinite(count) && count >= 0
  )
}
