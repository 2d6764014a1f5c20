/**
 * Reranks any number of documents: divides them into requests, sends these, and puts the results together.
 */
import * as Effect from "effect/Effect"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Rerank from "../Rerank.ts"
import type * as Validation from "./validation.ts"

/** One request to a provider. */
export type Send = (
  request: Rerank.ProviderRequest
) => Effect.Effect<Rerank.ProviderResult, ProviderError.RerankError>

/**
 * One call with everything settled.
 *
 * - `send`: one request under the policy; its answer ranks as many of its documents as were asked for, each once.
 * - `concurrency`: requests this call may have in flight.
 */
export interface Call extends Validation.Resolved {
  readonly target: Telemetry.Target
  readonly send: Send
  readonly concurrency: number
}

/** Readies a call. */
export const make = (
  provider: { readonly provider: string; readonly rerank: Send },
  enforcement: Enforcement.Enforcement,
  resolved: Validation.Resolved
): Call => {
  const target = { operation: "rerank", provider: provider.provider, model: resolved.options.model } as const
  return {
    ...resolved,
    target,
    concurrency: enforcement.window,
    send: (request) =>
      Effect.tap(
        enforcement.call(
          Effect.flatMap(
            Effect.suspend(() => provider.rerank(request)),
            (answer) => sound(target, request, answer)
          ),
          target
        ),
        ({ inputTokens }) => Telemetry.recordTokens(target, "input", inputTokens)
      )
  }
}

/** All or nothing. */
export const rerank = (call: Call): Effect.Effect<Rerank.RerankResponse, ProviderError.RerankError> => {
  const { options, query, topN } = call
  return Effect.map(
    Effect.forEach(
      divide(call),
      ({ documents, offset }) =>
        Effect.map(
          // The best of all documents are among the best of each request.
          call.send({ query, documents, topN: Math.min(topN, documents.length), options }),
          (answer) => ({
            ...answer,
            results: answer.results.map(({ index, score }) => ({ index: offset + index, score }))
          })
        ),
      { concurrency: call.concurrency }
    ),
    (answers): Rerank.RerankResponse => ({
      results: answers.flatMap(({ results }) => results).sort(bestFirst).slice(0, topN),
      model: options.model,
      requestId: answers.length === 1 ? answers[0]!.requestId : undefined,
      usage: usageOf(answers),
      requests: answers.length
    })
  )
}

interface Part {
  readonly offset: number
  readonly documents: ReadonlyArray<string>
}

/** Neighbours travel together, and a part is closed only when the next document does not fit. */
const divide = ({ documents, limits, query }: Validation.Resolved): ReadonlyArray<Part> => {
  const maxDocuments = Math.max(1, Math.floor(limits.maxDocuments) || 1)
  const room = (limits.maxLength ?? Infinity) - query.length
  const parts: Array<Part> = []
  let offset = 0
  let length = 0
  for (const [index, document] of documents.entries()) {
    if (index > offset && (index - offset >= maxDocuments || length + document.length > room)) {
      parts.push({ offset, documents: documents.slice(offset, index) })
      offset = index
      length = 0
    }
    length += document.length
  }
  if (offset < documents.length) parts.push({ offset, documents: documents.slice(offset) })
  return parts
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

/** Holds a provider to its word. More results than were asked for do no harm: {@link rerank} drops the worst. */
const sound = (
  target: Telemetry.Target,
  request: Rerank.ProviderRequest,
  answer: Rerank.ProviderResult
): Effect.Effect<Rerank.ProviderResult, ProviderError.MalformedResponseError> => {
  const problem = problemOf(request, answer.results)
  return problem === undefined
    ? Effect.succeed(answer)
    : Effect.fail(
      new ProviderError.MalformedResponseError({
        provider: target.provider,
        model: target.model,
        requestId: answer.requestId,
        message: `${Telemetry.nameOf(target)} answered with ${problem}. Ask again, or use another model.`
      })
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
