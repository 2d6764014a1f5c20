/**
 * A family of embedding models: what its models take, how a request is written and an answer read.
 *
 * A family is data and two functions, in one file; what all of them share (the JSON, how many vectors and how long,
 * unit length) is here. Nothing here knows of clients, policies, or how inputs are put into batches.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ModelId } from "../ModelId.ts"
import * as Answer from "./Answer.ts"

/**
 * - `name`: how a program names it when the model id does not tell.
 * - `matches`: whether a model is of this family.
 * - `limits`: what one request takes.
 * - `dimensions`: the lengths a vector may have, and the one it has unless asked.
 * - `normalize`: who gives a vector unit length when asked to: the `model`, by a field of its request, or this
 *   `client`.
 * - `reserved`: fields of the request that cannot be set from outside: reading the answer depends on them.
 * - `encode`: the request for a batch within `limits`; fields that are `undefined` are not sent.
 * - `decode`: the vectors in an answer, or what is wrong with it. How many and how long they are is checked here.
 */
export interface Family<Name extends string = string> {
  readonly name: Name
  readonly matches: (model: ModelId) => boolean
  readonly limits: Embedding.Limits
  readonly dimensions: { readonly default: number; readonly allowed: ReadonlyArray<number> }
  readonly normalize: "model" | "client"
  readonly reserved: ReadonlyArray<string>
  readonly encode: (batch: Embedding.ProviderBatch) => Fields
  readonly decode: (answer: Answer.Answer) => Result.Result<Decoded, string>
}

/** The fields of a request. */
export type Fields = Readonly<Record<string, Schema.Json | undefined>>

/** What an answer holds; `inputTokens` where its body counts them. */
export interface Decoded {
  readonly vectors: ReadonlyArray<Float32Array>
  readonly inputTokens?: number | undefined
}

/** The body of a request. `extra` fields are added, and win. */
export const encode = (family: Family, batch: Embedding.ProviderBatch, extra?: Fields): string =>
  JSON.stringify({ ...family.encode(batch), ...extra })

/**
 * Reads the body of an answer: as many vectors as there were inputs, each as long as asked; or a sentence that says
 * what is wrong. The vectors have unit length if `normalize` is `true`, otherwise they are as the model made them.
 */
export const decode = (
  family: Family,
  batch: Embedding.ProviderBatch,
  body: Uint8Array
): Result.Result<Decoded, string> =>
  Result.gen(function*() {
    const decoded = yield* family.decode(yield* Answer.parse(body))
    const { inputs, options } = batch
    if (decoded.vectors.length !== inputs.length) {
      return yield* Result.fail(`The answer has ${decoded.vectors.length} vectors for ${inputs.length} inputs`)
    }
    const dimensions = options.dimensions ?? family.dimensions.default
    const odd = decoded.vectors.find((vector) => vector.length !== dimensions)
    if (odd !== undefined) {
      return yield* Result.fail(`The answer has a vector of ${odd.length} numbers instead of ${dimensions}`)
    }
    if (options.normalize === true && family.normalize === "client") decoded.vectors.forEach(toUnitLength)
    return decoded
  })

/** In place; a vector of zeros has no direction and stays as it is. */
const toUnitLength = (vector: Float32Array): void => {
  let squares = 0
  for (const number of vector) squares += number * number
  const length = Math.sqrt(squares)
  if (length === 0) return
  for (let index = 0; index < vector.length; index++) vector[index] = vector[index]! / length
}
