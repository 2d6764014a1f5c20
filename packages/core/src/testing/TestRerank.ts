/**
 * A deterministic reranker: scores documents by the words they share with the query.
 *
 * Only the provider is a double: validation, policies and telemetry are real.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Check from "../Check.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Rerank from "../rerank/Rerank.ts"
import * as RerankService from "../rerank/RerankService.ts"
import * as Double from "./internal/double.ts"

/**
 * Controls the double.
 *
 * - `requests`: those that reached the provider, one for each attempt.
 * - `failNext`: errors for the next attempts, one each.
 */
export class TestRerank extends Context.Service<TestRerank, {
  readonly requests: Effect.Effect<ReadonlyArray<Rerank.ProviderRequest>>
  readonly failNext: (...errors: ReadonlyArray<ProviderError.RerankError>) => Effect.Effect<void>
}>()("@strata/core/testing/TestRerank") {}

/**
 * What the double of a rerank service accepts and returns.
 *
 * - `model`: the default model; `test-rerank` when missing.
 * - `score`: the relevance of a document; {@link overlap} when missing.
 * - `limits`: 1,000 documents in a request when missing.
 * - `delay`: before each answer.
 * - `policy`: `Policy.none` when missing.
 */
export interface Options {
  readonly model?: string | undefined
  readonly score?: ((query: string, document: string) => number) | undefined
  readonly limits?: Partial<Rerank.Limits> | undefined
  readonly delay?: Duration.Input | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service and its double. A word is one token, and the query counts once for each document. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Test = TestRerank.layer({ score: (_query, document) => document.includes("fox") ? 1 : 0 })
 */
export const layer = (
  options: Options = {}
): Layer.Layer<RerankService.RerankService | TestRerank, ProviderError.InvalidRequestError> =>
  Layer.effectContext(Effect.gen(function*() {
    const { delay, limits, model = "test-rerank", policy = Policy.none, score = overlap } = yield* Double.optionsOf(
      fields,
      options
    )
    const { attempt, failNext, requests } = Double.failing<Rerank.ProviderRequest, ProviderError.RerankError>(delay)
    const service = yield* RerankService.make({
      provider,
      defaultModel: model,
      limits: () => Effect.succeed({ maxDocuments: 1000, ...limits }),
      rerank: attempt((request) =>
        Effect.try({
          try: () => answer(request, score),
          catch: (cause) => Check.threw({ provider, model: request.options.model }, "score", cause)
        })
      ),
      policy
    })
    return Context.make(RerankService.RerankService, service).pipe(Context.add(TestRerank, { requests, failNext }))
  }))

const { bound, provider, words } = Double

const fields = {
  ...Double.fields,
  score: Check.callback<NonNullable<Options["score"]>>(),
  limits: Check.partial({ maxDocuments: bound, maxLength: bound })
}

/** The Dice coefficient of the words of two texts, from 0 to 1, ignoring case; 0 for a value that is not text. */
export const overlap = (query: string, document: string): number => {
  if (typeof query !== "string" || typeof document !== "string") return 0
  const asked = new Set(words(query))
  const found = new Set(words(document))
  const shared = [...asked].filter((word) => found.has(word)).length
  return 2 * shared / (asked.size + found.size)
}

const answer = (
  { documents, query, topN }: Rerank.ProviderRequest,
  score: (query: string, document: string) => number
): Rerank.ProviderResult => ({
  results: documents
    .map((document, index) => ({ index, score: score(query, document) }))
    .sort((self, that) => that.score - self.score)
    .slice(0, topN),
  inputTokens: documents.reduce((sum, document) => sum + words(query).length + words(document).length, 0)
})
