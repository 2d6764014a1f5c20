/** Reranks any number of documents: validates the call, divides it into requests, and merges their results. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"
import * as WellFormedText from "../../internal/wellFormedText.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Usage from "../../Usage.ts"
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
  const tooLong = lengthProblem(texts.query, texts.documents, limits.maxLength ?? Infinity)
  return tooLong === undefined
    ? { ...texts, topN, options: resolved, limits }
    : yield* new ProviderError.ContextLengthExceededError({ provider, model, ...tooLong })
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

const textThat = (remedy: string): Check.Check<string> => (given, at) => {
  const text = WellFormedText.check(given, at)
  return text === Check.refused || /\S/u.test(text) ? text : Check.refuse(at, "the text is blank", remedy)
}

const textsOf = Check.struct<Pick<Resolved, "query" | "documents">>({
  query: textThat("Give a query"),
  documents: Check.list(textThat("Leave it out, or give it text"), { remedy: "Give an array of texts" })
})

/** The query is sent with every document, so both must fit into a request. */
const lengthProblem = (query: string, documents: ReadonlyArray<string>, limit: number) => {
  const room = limit - query.length
  const long = documents.findIndex((document) => document.length > room)
  if (room > 0 && long < 0) return undefined
  const [field, { length }, most, remedy] = room <= 0
    ? ["query", query, `${limit} in all`, "Shorten it"] as const
    : [`documents[${long}]`, documents[long]!, `${room} beside the query`, "Split it"] as const
  const problem = `the text has ${length} characters and a request takes ${most}. ${remedy}.`
  return { field, problem, message: `${field}: ${problem}` }
}

/** One call, all or nothing, with its span and metrics. Texts are never recorded. */
export const rerank = (
  provider: Rerank.Provider,
  enforcement: Enforcement.Enforcement,
  call: Resolved
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
      (attempt) => enforcement.call(attempt, target, metering),
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

/** Rerankers that do not count tokens are billed by other units. */
const metering: Enforcement.Metering<Rerank.ProviderResult> = {
  load: () => Effect.succeed({ inputTokens: 0, outputTokens: 0 }),
  outputBurndown: 1,
  consumed: () => undefined,
  bill: ({ inputTokens, requestId }) =>
    inputTokens === undefined ? undefined : { usage: Usage.make({ inputTokens }), requestId }
}

/** Consecutive documents and the index of the first; a request is closed when the next document does not fit. */
const divide = ({ documents, limits, query }: Resolved) => {
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
  const counts = answers.flatMap(({ inputTokens }) => inputTokens ?? [])
  if (counts.length === 0 || counts.length < answers.length) return undefined
  return { inputTokens: counts.reduce((sum, count) => sum + count, 0) }
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
