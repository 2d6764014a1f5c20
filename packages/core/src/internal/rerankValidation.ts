/**
 * What can be wrong with a rerank request whoever answers it, found before any network.
 */
import * as Effect from "effect/Effect"
import * as ProviderError from "../ProviderError.ts"
import type * as Rerank from "../Rerank.ts"

/** A request with everything settled. `topN` may exceed the number of documents. */
export interface Resolved {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  readonly topN: number
  readonly options: Rerank.ResolvedOptions
  readonly limits: Rerank.Limits
}

/** What a provider knows of its models. */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly limits?:
    | ((options: Rerank.ResolvedOptions) => Effect.Effect<Rerank.Limits, ProviderError.ProviderError>)
    | undefined
}

/** Settles a request, or says what is wrong with it. */
export const resolve = (
  provider: Provider,
  query: string,
  documents: ReadonlyArray<string>,
  { topN, ...options }: Rerank.RerankOptions = {}
): Effect.Effect<Resolved, ProviderError.ProviderError> => {
  const model = options.model ?? provider.defaultModel
  const problem = model === undefined || model.trim() === ""
    ? {
      field: "model",
      problem: "no model is named",
      remedy: "Set `model` in the options of the call, or once in the options of the layer"
    }
    : optionsProblem(topN) ?? textsProblem(query, documents)
  if (problem !== undefined) {
    return Effect.fail(ProviderError.invalidRequest({ provider: provider.provider, model, ...problem }))
  }
  const resolved: Rerank.ResolvedOptions = { ...options, model: model! }
  return Effect.flatMap(provider.limits?.(resolved) ?? Effect.succeed(unlimited), (limits) => {
    const message = lengthProblem(query, documents, limits.maxLength ?? Infinity)
    return message === undefined
      ? Effect.succeed({ query, documents, topN: topN ?? Infinity, options: resolved, limits })
      : Effect.fail(
        new ProviderError.ContextLengthExceededError({ provider: provider.provider, model: resolved.model, message })
      )
  })
}

const unlimited: Rerank.Limits = { maxDocuments: Infinity }

interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

const optionsProblem = (topN: number | undefined): Problem | undefined =>
  topN === undefined || (Number.isSafeInteger(topN) && topN > 0) ? undefined : {
    field: "topN",
    problem: `${topN} is not a number of results`,
    remedy: "Use a whole number from 1, or leave it out to get all of them"
  }

const textsProblem = (query: string, documents: ReadonlyArray<string>): Problem | undefined => {
  if (isBlank(query)) {
    return { field: "query", problem: "the text is blank", remedy: "Give it something to look for" }
  }
  const blank = documents.findIndex(isBlank)
  if (blank >= 0) {
    return {
      field: `documents[${blank}]`,
      problem: "the text is blank",
      remedy: "Leave it out, or give it something to compare with the query"
    }
  }
}

/** The query goes with every document, so the two have to fit together. */
const lengthProblem = (query: string, documents: ReadonlyArray<string>, maxLength: number): string | undefined => {
  const room = maxLength - query.length
  if (room <= 0) {
    return `query: the text has ${query.length} characters and a request takes ${maxLength} in all. Shorten it.`
  }
  const long = documents.findIndex((document) => document.length > room)
  if (long >= 0) {
    const { length } = documents[long]!
    return `documents[${long}]: the text has ${length} characters and a request takes ${room} beside the query. Split it.`
  }
}

const isBlank = (text: string): boolean => !/\S/u.test(text)
