/**
 * A family of embedding models: its limits, and how a request is encoded and an answer decoded.
 *
 * A family is data and two functions, in one file; what all of them share (JSON, number and length of the vectors,
 * normalization) is here. Clients, policies and batching are handled elsewhere.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ModelId } from "../catalog/ModelId.ts"
import * as Answer from "./Answer.ts"

/**
 * - `name`: its value for the option `family`.
 * - `matches`: whether a model is of this family.
 * - `limits`: those of one request.
 * - `dimensions`: the supported numbers of dimensions, and the default.
 * - `vectorTypes`: the supported types of numbers in a vector.
 * - `normalize`: who normalizes vectors on request: the `model`, by a field of its request, or this `client`.
 * - `reserved`: fields of the request that users cannot set, `a.b` for a nested one, because decoding depends on them.
 * - `encode`: the request for a batch within `limits`; fields that are `undefined` are not sent.
 * - `decode`: the vectors of a type in an answer, or what is wrong with it. Their number and length are checked here.
 */
export interface Family<Name extends string = string> {
  readonly name: Name
  readonly matches: (model: ModelId) => boolean
  readonly limits: Embedding.Limits
  readonly dimensions: { readonly default: number; readonly allowed: ReadonlyArray<number> }
  readonly vectorTypes: ReadonlyArray<Embedding.VectorType>
  readonly normalize: "model" | "client"
  readonly reserved: ReadonlyArray<string>
  readonly encode: (batch: Embedding.ProviderBatch) => Fields
  readonly decode: (answer: Answer.Answer, vectorType: Embedding.VectorType) => Result.Result<Decoded, string>
}

/** The fields of a request, or of a nested object. */
export interface Fields {
  readonly [name: string]: Schema.Json | Fields | undefined
}

/** The content of an answer; `inputTokens` where its body counts them. */
export interface Decoded {
  readonly vectors: ReadonlyArray<Embedding.Vector>
  readonly inputTokens?: number | undefined
}

/** The only input of a batch, for a family limited to one. */
export const only = ({ inputs: [input] }: Embedding.ProviderBatch): Embedding.ContentInput =>
  typeof input === "string" ? { text: input } : input ?? {}

/**
 * The body of a request. `extra` fields are added, and win; an object is merged field by field, and dropped when this
 * request has no such object: options of images do not affect a request of texts.
 */
export const encode = (family: Family, batch: Embedding.ProviderBatch, extra: Fields = {}): string =>
  JSON.stringify(merge(family.encode(batch), extra))

/** The first reserved field among `extra`, if any. */
export const findReserved = ({ reserved }: Family, extra: Fields): string | undefined =>
  Object.keys(extra).length === 0 ? undefined : reserved.find((path) => sets(extra, path.split(".")))

/**
 * Decodes the body of an answer: one vector per input, each of the requested length; or a sentence that says what is
 * wrong. Vectors have unit length if `normalize` is `true`, otherwise they are as the model made them.
 */
export const decode = (
  family: Family,
  batch: Embedding.ProviderBatch,
  body: Uint8Array
): Result.Result<Decoded, string> => Result.flatMap(Answer.parse(body), (answer) => decodeAnswer(family, batch, answer))

/** {@link decode} of parsed JSON. */
export const decodeAnswer = (
  family: Family,
  { inputs, options }: Pick<Embedding.ProviderBatch, "inputs" | "options">,
  answer: Answer.Answer
): Result.Result<Decoded, string> =>
  Result.gen(function*() {
    const decoded = yield* family.decode(answer, options.vectorType)
    if (decoded.vectors.length !== inputs.length) {
      return yield* Result.fail(`The answer has ${decoded.vectors.length} vectors for ${inputs.length} inputs`)
    }
    const dimensions = options.dimensions ?? family.dimensions.default
    const length = options.vectorType === "binary" ? dimensions / 8 : dimensions
    const odd = decoded.vectors.find((vector) => vector.length !== length)
    if (odd !== undefined) {
      return yield* Result.fail(`The answer has a vector of ${odd.length} numbers instead of ${length}`)
    }
    if (options.normalize === true && family.normalize === "client") {
      for (const vector of decoded.vectors) if (vector instanceof Float32Array) toUnitLength(vector)
    }
    return decoded
  })

/** The fields with others, as {@link encode} adds them. */
export const merge = (fields: Fields, extra: Fields): Fields => {
  const added = Object.entries(extra).flatMap(([name, value]): ReadonlyArray<[string, Fields[string]]> => {
    const field = fields[name]
    if (value === undefined) return []
    if (!isFields(value) || !Object.hasOwn(fields, name)) return [[name, value]]
    if (field === undefined) return []
    return [[name, isFields(field) ? merge(field, value) : value]]
  })
  return { ...fields, ...Object.fromEntries(added) }
}

/** Whether a field is set, directly or by replacing a containing object. */
const sets = (value: Fields[string], [name, ...inside]: ReadonlyArray<string>): boolean => {
  if (value === undefined) return false
  return name === undefined || !isFields(value) || sets(value[name], inside)
}

const isFields = (value: Fields[string]): value is Fields => Predicate.isObject(value)

/** In place; a zero vector has no direction and stays unchanged. */
const toUnitLength = (vector: Float32Array): void => {
  let squares = 0
  for (const number of vector) squares += number * number
  const length = Math.sqrt(squares)
  if (length === 0) return
  for (let index = 0; index < vector.length; index++) vector[index] = vector[index]! / length
}
