/**
 * Puts documents in the order of their relevance to a query.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request and how much fits into it, and gets
 * back a service that checks requests before any network, divides them, applies the policy and reports what it does.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Call from "./internal/rerankCall.ts"
import * as RerankTelemetry from "./internal/rerankTelemetry.ts"
import * as RerankValidation from "./internal/rerankValidation.ts"
import * as Enforcement from "./policy/Enforcement.ts"
import * as Policy from "./policy/Policy.ts"
import type * as ProviderError from "./ProviderError.ts"
import type * as Rerank from "./Rerank.ts"

/** Any failure of a rerank call. */
export type RerankError = ProviderError.ProviderError

/**
 * The rerank service.
 *
 * More documents than the model takes at once go in several requests at the same time, and their results are put together
 * by score: a reranker scores each document by the query and that document alone. Whole or nothing: the first failure
 * interrupts the rest. Without documents there is no request and no result.
 *
 * A blank query or document, and a `topN` that is no whole number from 1, fail before anything is sent, with an
 * `InvalidRequestError` that names it (`documents[17]`); a text that fills a request alone and still does not fit is a
 * `ContextLengthExceededError`. An answer that scores a document twice, one that was not sent, too few of them, or one
 * with no finite number is a `MalformedResponseError`.
 */
export class RerankService extends Context.Service<RerankService, {
  readonly rerank: (
    query: string,
    documents: ReadonlyArray<string>,
    options?: Rerank.RerankOptions
  ) => Effect.Effect<Rerank.RerankResponse, RerankError>
}>()("@strata/core/RerankService") {}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the options name none.
 * - `limits`: what the model takes in one request with these options, without any network; no limits when missing.
 *   Options the model cannot serve are refused here.
 * - `rerank`: one attempt at one request, nothing repeated.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly limits?: ((options: Rerank.ResolvedOptions) => Effect.Effect<Rerank.Limits, RerankError>) | undefined
  readonly rerank: (request: Rerank.ProviderRequest) => Effect.Effect<Rerank.ProviderResult, RerankError>
  readonly policy?: Policy.Policy | undefined
}

/** Builds the service of a provider. */
export const make = (provider: Provider): Effect.Effect<RerankService["Service"], never, Scope.Scope> =>
  Effect.map(Enforcement.make(provider.policy ?? Policy.standard), (enforcement) => {
    const service = RerankService.of({
      rerank: (query, documents, options) =>
        Effect.flatMap(RerankValidation.resolve(provider, query, documents, options), (resolved) => {
          const call = Call.make(provider, enforcement, resolved)
          return RerankTelemetry.operation(call.target, resolved, Call.rerank(call))
        })
    })
    providers.set(service, provider)
    return service
  })

/** The documents in the order of their relevance to the query. */
export const rerank = (
  query: string,
  documents: ReadonlyArray<string>,
  options?: Rerank.RerankOptions
): Effect.Effect<Rerank.RerankResponse, RerankError, RerankService> =>
  Effect.flatMap(RerankService, (service) => service.rerank(query, documents, options))

/**
 * Any values, in the order of the relevance of their texts to the query, best first.
 *
 * @example
 * const [best] = yield* RerankService.rerankBy(question, passages, (passage) => passage.text, { topN: 5 })
 */
export const rerankBy = <A>(
  query: string,
  values: ReadonlyArray<A>,
  text: (value: A) => string,
  options?: Rerank.RerankOptions
): Effect.Effect<ReadonlyArray<Rerank.Ranked<A>>, RerankError, RerankService> =>
  Effect.suspend(() => {
    const ranked = [...values]
    return Effect.map(
      rerank(query, ranked.map(text), options),
      ({ results }) => results.map((result) => ({ ...result, value: ranked[result.index]! }))
    )
  })

/**
 * Replaces the policy of a service.
 *
 * A service that `make` did not build has no policy to replace: it gets this one on top of whatever it does itself, and
 * `custom` stands for its model where a call names none.
 *
 * @example
 * BedrockRerank.layer({ model }).pipe(RerankService.withPolicy(Policy.make({ concurrency: 8 })))
 */
export const withPolicy: {
  (policy: Policy.Policy): <E, R>(self: Layer.Layer<RerankService, E, R>) => Layer.Layer<RerankService, E, R>
  <E, R>(self: Layer.Layer<RerankService, E, R>, policy: Policy.Policy): Layer.Layer<RerankService, E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<RerankService, E, R>, policy: Policy.Policy): Layer.Layer<RerankService, E, R> =>
    Layer.effect(
      RerankService,
      Effect.flatMap(RerankService, (service) => make({ ...(providers.get(service) ?? custom(service)), policy }))
    ).pipe(Layer.provide(self))
)

/** A service from elsewhere as a provider: it divides what it is given itself. */
const custom = (service: RerankService["Service"]): Provider => ({
  provider: "custom",
  defaultModel: "custom",
  rerank: ({ documents, options: { model, ...options }, query, topN }) =>
    Effect.map(
      service.rerank(query, documents, { ...options, topN, ...(model === "custom" ? undefined : { model }) }),
      ({ requestId, results, usage }) => ({ results, requestId, inputTokens: usage?.inputTokens })
    )
})

const providers = new WeakMap<RerankService["Service"], Provider>()
