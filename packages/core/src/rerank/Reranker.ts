/**
 * A reranker as a value: one function and its identity. `RerankService` is its tag.
 *
 * {@link make} adds validation, the division into requests, the policy and telemetry to a provider, which sends one request.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import * as Trait from "../internal/trait.ts"
import * as Gates from "../policy/internal/gates.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Telemetry from "../Telemetry.ts"
import * as Call from "./internal/call.ts"
import type * as Rerank from "./Rerank.ts"

/** Any failure of a rerank call. */
export type RerankError = ProviderError.RerankError

/**
 * A reranker.
 *
 * More documents than one request takes go in concurrent requests, whose results are merged by score: a reranker scores
 * each document by the query and that document alone. All or nothing; without documents no request is sent.
 *
 * Before anything is sent, a query or document that is blank, not well-formed or not text, and a `topN` that is not a whole
 * number from 1 fail with an `InvalidRequestError` that names it (`documents[17]`), and a text that exceeds a request of its
 * own with `ContextLengthExceededError`. An answer that scores a document twice, an unknown
 * one, too few, or without a finite number is a `MalformedResponseError`.
 */
export interface Reranker extends Trait.Trait {
  readonly rerank: (
    query: string,
    documents: ReadonlyArray<string>,
    options?: Rerank.RerankOptions
  ) => Effect.Effect<Rerank.RerankResponse, RerankError>
}

/** What {@link make} needs of a provider. */
export type Provider = Rerank.Provider

/** Builds the service of a provider. Fails with `InvalidRequestError` for an invalid policy (`policy.concurrency`). */
export const make = Effect.fnUntraced(function*(
  provider: Provider
): Effect.fn.Return<Reranker, ProviderError.InvalidRequestError, Scope.Scope> {
  yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
  const { cores, gates } = yield* Gates.core(
    provider.provider,
    provider.policy ?? Policy.standard,
    targetOf(provider.provider, provider.defaultModel)
  )
  return {
    ...Trait.dataOf(provider),
    [Trait.cores]: cores,
    rerank: Effect.fnUntraced(function*(query, documents, options) {
      const { enforcement } = yield* gates
      const resolved = yield* Call.resolve(provider, query, documents, options)
      return yield* Call.rerank(provider, enforcement, resolved)
    })
  }
})

/**
 * The service, with a core where `make` did not build it: validation and gates around its function. Fails with
 * `InvalidRequestError` for a value that is no service.
 */
export const cored = (
  service: Reranker
): Effect.Effect<Reranker, ProviderError.InvalidRequestError, Scope.Scope> => {
  if (service[Trait.cores] !== undefined) return Effect.succeed(service)
  const { defaultModel = "unknown", provider = "custom" } = service
  const target = targetOf(provider, defaultModel)
  return Effect.map(Gates.core(provider, Policy.none, target), ({ cores, gates }) => ({
    ...Trait.dataOf(service),
    [Trait.cores]: cores,
    rerank: Effect.fnUntraced(function*(query, documents, options) {
      const { enforcement } = yield* gates
      const call = yield* Call.resolve({ provider, defaultModel }, query, documents, options)
      const answer = Effect.suspend(() => service.rerank(call.query, call.documents, options))
      return yield* enforcement.call(answer, target(call.options.model))
    })
  }))
}

const targetOf = (provider: string, defaultModel = "unknown") => (model = defaultModel): Telemetry.Target => ({
  operation: "rerank",
  provider,
  model
})

const providerShape = Check.struct<Pick<Provider, "provider" | "defaultModel" | "limits" | "rerank">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  limits: Check.optional(Check.callback()),
  rerank: Check.callback()
}, { others: "ignored" })
