/**
 * Validates rerank calls, for every provider, before any network.
 */
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"
import * as WellFormedText from "../../internal/wellFormedText.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Rerank from "../Rerank.ts"

/** A valid call. `topN` may exceed the number of documents. */
export interface Resolved {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  readonly topN: number
  readonly options: Rerank.ResolvedOptions
  readonly limits: Rerank.Limits
}

/** Validates a call, whose parts may be any values. */
export const resolve = Effect.fnUntraced(function*(
  { defaultModel, limits: limitsOf, provider }: Pick<Rerank.Provider, "provider" | "defaultModel" | "limits">,
  query: unknown,
  documents: unknown,
  options: unknown = {}
): Effect.fn.Return<Resolved, ProviderError.RerankError> {
  const settled = yield* Check.run(optionsOf, options, { provider, whole: "options" })
  const { model = defaultModel, topN = Infinity, ...rest } = settled
  if (model === undefined || model.trim() === "") {
    return yield* ProviderError.invalidRequest({
      provider,
      model,
      field: "model",
      problem: "no model is named",
      remedy: "Set `model` in the options of the call, or once in the options of the layer"
    })
  }
  const texts = yield* Check.run(textsOf, { query, documents }, { provider, model })
  const resolved: Rerank.ResolvedOptions = { ...rest, model }
  const limits: Rerank.Limits = yield* limitsOf?.(resolved) ?? Effect.succeed({ maxDocuments: Infinity })
  const message = lengthProblem(texts.query, texts.documents, limits.maxLength ?? Infinity)
  return message === undefined
    ? { ...texts, topN, options: resolved, limits }
    : yield* new ProviderError.ContextLengthExceededError({ provider, model, message })
})

const optionsOf = Check.struct<Rerank.RerankOptions>({
  model: Check.optional(Check.text),
  topN: Check.optional(Check.number({
    min: 1,
    whole: true,
    what: "a number of results",
    remedy: "Use a whole number from 1, or leave it out to get all of them"
  })),
  providerOptions: Check.optional(Check.providerOptions)
}, { remedy: "Give an object of options, or nothing" })

/** Text that is not blank, made well-formed. */
const textThat = (remedy: string): Check.Check<string> => (given, at) => {
  if (typeof given !== "string") return Check.refuseKind(at, given, "Give text")
  return /\S/u.test(given) ? WellFormedText.make(given) : Check.refuse(at, "the text is blank", remedy)
}

const textsOf = Check.struct<Pick<Resolved, "query" | "documents">>({
  query: textThat("Give a query"),
  documents: Check.list(textThat("Leave it out, or give it text"), {
    remedy: "Give an array of texts"
  })
})

/** The query is sent with every document, so both must fit into a request. */
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
