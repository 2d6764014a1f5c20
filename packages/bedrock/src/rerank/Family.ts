/**
 * A family of rerank models: what its models take, how a request is written and an answer read.
 *
 * All of them answer alike, so reading is here, once. Which documents an answer may name, and how many, is checked by
 * `RerankService.make`.
 */
import type * as Rerank from "@strata/core/Rerank"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Answer from "../embedding/Answer.ts"
import type { ModelId } from "../ModelId.ts"

/**
 * - `name`: how a program names it when the model id does not tell.
 * - `matches`: whether a model is of this family.
 * - `limits`: what one request takes.
 * - `reserved`: fields of the request that cannot be set from outside: reading the answer depends on them.
 * - `encode`: the request for documents within `limits`.
 */
export interface Family<Name extends string = string> {
  readonly name: Name
  readonly matches: (model: ModelId) => boolean
  readonly limits: Rerank.Limits
  readonly reserved: ReadonlyArray<string>
  readonly encode: (request: Rerank.ProviderRequest) => Fields
}

/** The fields of a request. */
export type Fields = Readonly<Record<string, Schema.Json>>

/** The body of a request. `extra` fields are added, and win. */
export const encode = (family: Family, request: Rerank.ProviderRequest, extra?: Fields): string =>
  JSON.stringify({ ...family.encode(request), ...extra })

/** Reads the body of an answer, or says in a sentence what is wrong with it. */
export const decode = (body: Uint8Array): Result.Result<ReadonlyArray<Rerank.RerankResult>, string> =>
  Result.gen(function*() {
    const { results } = yield* Result.mapError(decodeAnswer(yield* Answer.parse(body)), () => shapeless)
    return results.map(({ index, relevance_score }) => ({ index, score: relevance_score }))
  })

const decodeAnswer = Schema.decodeUnknownResult(Schema.Struct({
  results: Schema.Array(Schema.Struct({ index: Schema.Int, relevance_score: Schema.Finite }))
}))

const shapeless = "The answer has no `results` that each have an `index` and a finite `relevance_score`"
