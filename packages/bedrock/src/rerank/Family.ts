/**
 * A family of rerank models: its limits, and how a request is encoded and an answer decoded.
 *
 * All answers have the same format, so decoding is here. The indices and number of documents in an answer are checked
 * by `RerankService.make`.
 */
import type * as Rerank from "@strata/core/rerank/Rerank"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ModelId } from "../catalog/ModelId.ts"
import * as Answer from "../embedding/Answer.ts"

/**
 * - `name`: its value for the option `family`.
 * - `matches`: whether a model is of this family.
 * - `limits`: those of one request.
 * - `reserved`: fields of the request that users cannot set, because decoding depends on them.
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

/** Decodes the body of an answer, or says in a sentence what is wrong with it. */
export const decode = (body: Uint8Array): Result.Result<ReadonlyArray<Rerank.RerankResult>, string> =>
  Result.flatMap(Answer.parse(body), ({ results }) =>
    Array.isArray(results)
      ? Result.all(results.map(decodeResult))
      : Result.fail("The answer has no list at `results`"))

const decodeResult = (result: unknown, position: number): Result.Result<Rerank.RerankResult, string> => {
  const index = Answer.field(result, "index")
  const score = Answer.field(result, "relevance_score")
  if (!Predicate.isNumber(index) || !Number.isSafeInteger(index)) return missing("index", `${position}].index`)
  return Predicate.isNumber(score) && Number.isFinite(score)
    ? Result.succeed({ index, score })
    : missing("finite number", `${position}].relevance_score`)
}

const missing = (what: string, place: string): Result.Result<never, string> =>
  Result.fail(`The answer has no ${what} at \`results[${place}\``)
