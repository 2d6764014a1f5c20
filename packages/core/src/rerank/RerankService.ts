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
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import * as DecoratedLayer from "../internal/decorated.ts"
import * as Enforcement from "../policy/internal/enforcement.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Call from "./internal/call.ts"
import * as RerankTelemetry from "./internal/telemetry.ts"
import * as RerankValidation from "./internal/validation.ts"
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
 * A query or a document that is no text or blank, and a `topN` that is no whole number from 1, fail before anything is
 * sent, with an `InvalidRequestError` that names it (`documents[17]`). Text that holds half a surrogate pair is made
 * well-formed: U+FFFD stands for it; a text that fills a request alone and still does not fit is a
 * `ContextLengthExceededError`. An answer that scores a document twice, one that was not sent, too few of them, or one
 * with no finite number is a `MalformedResponseError`.
 */
export class RerankService extends Context.Service<RerankService, {
  readonly rerank: (
    query: string,
    documents: ReadonlyArray<string>,
    options?: Rerank.RerankOptions
  ) => Effect.Effect<Rerank.RerankResponse, RerankError>
}>()("@strata/core/rerank/RerankService") {}

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

/**
 * Builds the service of a provider. Fails with `InvalidRequestError` for a policy that cannot be right
 * (`policy.concurrency`).
 */
export const make = (
  provider: Provider
): Effect.Effect<RerankService["Service"], ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
    const { policy = Policy.standard } = provider
    const enforcement = yield* Enforcement.make(policy, provider.provider)
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
  Effect.gen(function*() {
    const given = yield* Check.run(ranking<A>(), { values, text }, { provider: "strata" })
    const documents: Array<string> = []
    for (const [index, value] of given.values.entries()) {
      const document = Result.try(() => given.text(value))
      if (Result.isFailure(document)) {
        return yield* Check.threw({ provider: "strata" }, `documents[${index}]`, document.failure)
      }
      documents.push(document.success)
    }
    const { results } = yield* rerank(query, documents, options)
    return results.map((result) => ({ ...result, value: given.values[result.index]! }))
  })

/** Values of any kind: only their texts are looked at. */
const ranking = <A>() =>
  Check.struct<{ readonly values: ReadonlyArray<A>; readonly text: (value: A) => string }>({
    values: Check.list((given) => given as A),
    text: Check.callback("Give a function from a value to its text")
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
  (policy: Policy.Policy): <E, R>(self: Layer.Layer<RerankService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<RerankService, E, R>, policy: Policy.Policy): Decorated<E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<RerankService, E, R>, policy: Policy.Policy): Decorated<E, R> =>
    DecoratedLayer.make(
      RerankService,
      self,
      (service) => make({ ...(providers.get(service) ?? custom(service)), policy })
    )
)

/** A decorated service; its layer fails for options that cannot be right as well. */
export type Decorated<E, R> = Layer.Layer<RerankService, E | ProviderError.InvalidRequestError, R>

/** The data of a {@link Provider} that may be any value; the policy has a check of its own. */
const providerShape = Check.struct<Pick<Provider, "provider" | "defaultModel" | "limits" | "rerank">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  limits: Check.optional(Check.callback()),
  rerank: Check.callback()
}, { others: "ignored" })

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
