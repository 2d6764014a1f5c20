/**
 * A reranker as a value: one function, and who it belongs to. `RerankService` is the tag it is provided under.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request and how much fits into it, and gets
 * back a service that checks requests before any network, divides them, applies the policy and reports what it does.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import type { Identity } from "../Identity.ts"
import * as Trait from "../internal/trait.ts"
import * as Gates from "../policy/internal/gates.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Call from "./internal/call.ts"
import * as RerankTelemetry from "./internal/telemetry.ts"
import * as RerankValidation from "./internal/validation.ts"
import type * as Rerank from "./Rerank.ts"

/** Any failure of a rerank call. */
export type RerankError = ProviderError.RerankError

/**
 * A reranker.
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
export interface Reranker extends Trait.Trait {
  readonly rerank: (
    query: string,
    documents: ReadonlyArray<string>,
    options?: Rerank.RerankOptions
  ) => Effect.Effect<Rerank.RerankResponse, RerankError>
}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the options name none; `identity`: see {@link Identity}.
 * - `limits`: what the model takes in one request with these options, without any network; no limits when missing.
 *   Options the model cannot serve are refused here.
 * - `rerank`: one attempt at one request, nothing repeated.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly limits?: ((options: Rerank.ResolvedOptions) => Effect.Effect<Rerank.Limits, RerankError>) | undefined
  readonly rerank: (request: Rerank.ProviderRequest) => Effect.Effect<Rerank.ProviderResult, RerankError>
  readonly policy?: Policy.Policy | undefined
}

/**
 * Builds the service of a provider. Fails with `InvalidRequestError` for a policy that cannot be right
 * (`policy.concurrency`).
 */
export const make = Effect.fnUntraced(function*(
  provider: Provider
): Effect.fn.Return<Reranker, ProviderError.InvalidRequestError, Scope.Scope> {
  yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
  const { cores, gates } = yield* Gates.core(provider.provider, provider.policy ?? Policy.standard)
  return {
    ...Trait.dataOf(provider),
    [Trait.cores]: cores,
    rerank: Effect.fnUntraced(function*(query, documents, options) {
      const { enforcement } = yield* gates
      const resolved = yield* RerankValidation.resolve(provider, query, documents, options)
      const call = Call.make(provider, enforcement, resolved)
      return yield* RerankTelemetry.operation(call.target, resolved, Call.rerank(call))
    })
  }
})

/** A service with a core: itself, or a hand-made one wrapped as a provider, whose own data stay visible. */
export const cored = (service: Reranker): Effect.Effect<Reranker, ProviderError.InvalidRequestError, Scope.Scope> =>
  service[Trait.cores] !== undefined
    ? Effect.succeed(service)
    : Effect.map(
      make(custom(service)),
      (made) => ({ ...made, ...Trait.dataOf(service), [Trait.cores]: made[Trait.cores] })
    )

/** A hand-made service as a provider without limits of its own. */
const custom = (service: Reranker): Provider => {
  const { defaultModel = "custom", provider = "custom" } = service
  return {
    provider,
    defaultModel,
    policy: Policy.none,
    rerank: ({ documents, options: { model, ...options }, query, topN }) =>
      Effect.map(
        service.rerank(query, documents, { ...options, topN, ...(model === defaultModel ? undefined : { model }) }),
        ({ requestId, results, usage }) => ({ results, requestId, inputTokens: usage?.inputTokens })
      )
  }
}

/** The data of a {@link Provider} that may be any value; the policy has a check of its own. */
const providerShape = Check.struct<Pick<Provider, "provider" | "defaultModel" | "limits" | "rerank">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  limits: Check.optional(Check.callback()),
  rerank: Check.callback()
}, { others: "ignored" })
