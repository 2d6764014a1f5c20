/**
 * Reranks any number of documents: divides them into requests, sends these, and merges the results.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Rerank from "../Rerank.ts"
import type * as Validation from "./validation.ts"

/** One call, all or nothing, with its span and metrics. Texts are never recorded. */
export const rerank = (
  provider: Rerank.Provider,
  enforcement: Enforcement.Enforcement,
  call: Validation.Resolved
): Effect.Effect<Rerank.RerankResponse, ProviderError.RerankError> => {
  const { documents, options, query, topN } = call
  const target = { operation: "rerank", provider: provider.provider, model: options.model } as const
  const span = Telemetry.span(target, {
    "strata.rerank.documents": documents.length,
    "strata.rerank.top_n": Number.isFinite(topN) ? topN : undefined
  })
  const send = (request: Rerank.ProviderRequest) =>
    Effect.suspend(() => provider.rerank(request)).pipe(
      Effect.flatMap((answer) => checked(target, request, answer)),
      (attempt) => enforcement.call(attempt, target),
      Effect.tap(({ inputTokens }) => Telemetry.recordTokens(target, "input", inputTokens))
    )
  const answered = Effect.forEach(
    divide(call),
    ({ documents, offset }) =>
      Effect.map(
        // The best of all documents are among the best of each request.
        send({ query, documents, topN: Math.min(topN, documents.length), options }),
        (answer) => ({
          ...answer,
          results: answer.results.map(({ index, score }) => ({ index: offset + index, score }))
        })
      ),
    { concurrency: enforcement.window }
  )
  return Effect.flatMap(Clock.currentTimeMillis, (start) =>
    answered.pipe(
      Effect.map((answers): Rerank.RerankResponse => ({
        results: answers.flatMap(({ results }) => results).sort(bestFirst).slice(0, topN),
        model: options.model,
        requestId: answers.length === 1 ? answers[0]!.requestId : undefined,
        usage: usageOf(answers),
        requests: answers.length
      })),
      Effect.tap(({ requestId, requests, usage }) =>
        Telemetry.annotate({
          "gen_ai.response.id": requestId,
          "gen_ai.usage.input_tokens": usage?.inputTokens,
          "strata.rerank.requests": requests
        })
      ),
      Effect.onExit((exit) => Telemetry.recordEnd(target, start, exit))
    )).pipe(Effect.withSpan(span.name, span.options))
}

/** Consecutive documents and the index of the first; a request is closed when the next document does not fit. */
const divide = ({ documents, limits, query }: Validation.Resolved) => {
  const maxDocuments = Math.max(1, Math.floor(limits.maxDocuments) || 1)
  const room = (limits.maxLength ?? Infinity) - query.length
  const requests: Array<{ readonly offset: number; readonly documents: Array<string> }> = []
  let length = 0
  for (const [offset, document] of documents.entries()) {
    const open = requests.at(-1)
    length += document.length
    if (open !== undefined && open.documents.length < maxDocuments && length <= room) open.documents.push(document)
    else {
      requests.push({ offset, documents: [document] })
      length = document.length
    }
  }
  return requests
}

const bestFirst = (self: Rerank.RerankResult, that: Rerank.RerankResult): number =>
  that.score - self.score || self.index - that.index

const usageOf = (answers: ReadonlyArray<Rerank.ProviderResult>): Rerank.RerankUsage | undefined => {
  let inputTokens = 0
  for (const answer of answers) {
    if (answer.inputTokens === undefined) return undefined
    inputTokens += answer.inputTokens
  }
  return answers.length === 0 ? undefined : { inputTokens }
}

/** Refuses an invalid answer. Surplus results are allowed: {@link rerank} drops the worst. */
const checked = (
  target: Telemetry.Target,
  request: Rerank.ProviderRequest,
  answer: Rerank.ProviderResult
): Effect.Effect<Rerank.ProviderResult, ProviderError.MalformedResponseError> => {
  const problem = problemOf(request, answer.results)
  if (problem === undefined) return Effect.succeed(answer)
  const message = `${Telemetry.nameOf(target)} answered with ${problem}. Ask again, or use another model.`
  const { model, provider } = target
  return Effect.fail(
    new ProviderError.MalformedResponseError({ provider, model, requestId: answer.requestId, message })
  )
}

const problemOf = (
  { documents, topN }: Rerank.ProviderRequest,
  results: ReadonlyArray<Rerank.RerankResult>
): string | undefined => {
  const seen = new Set<number>()
  for (const { index, score } of results) {
    if (!Number.isInteger(index) || index < 0 || index >= documents.length) {
      return `a score for document ${index}, of ${documents.length} counted from 0`
    }
    if (seen.has(index)) return `two scores for document ${index}`
    if (!Number.isFinite(score)) return `${score} as the score of document ${index}`
    seen.add(index)
  }
  return seen.size < topN ? `${seen.size} of the ${topN} results that were asked for` : undefined
}
