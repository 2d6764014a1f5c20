/** Requests and responses of rerankers: documents in the order of their relevance to a query. */
import type * as Effect from "effect/Effect"
import type { Identity } from "../Identity.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"

/** Options only one provider understands, under that provider's key. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/**
 * How documents are reranked.
 *
 * - `model`: overrides the model of the layer.
 * - `topN`: how many results to return, best first; all when missing.
 */
export interface RerankOptions {
  readonly model?: string | undefined
  readonly topN?: number | undefined
  readonly providerOptions?: ProviderOptions | undefined
}

/** {@link RerankOptions} with a model, and without `topN`, which differs from request to request. */
export interface ResolvedOptions extends Omit<RerankOptions, "topN"> {
  readonly model: string
}

/**
 * One ranked document.
 *
 * - `index`: the index of the document in the input.
 * - `score`: its relevance on the scale of the model, higher is better. Models of Cohere and Amazon score from 0 to 1.
 */
export interface RerankResult {
  readonly index: number
  readonly score: number
}

/** Tokens the provider counted. */
export interface RerankUsage {
  readonly inputTokens: number
}

/**
 * The documents by relevance, and what the call used.
 *
 * - `results`: best first, each document at most once; equal scores keep the order of the input.
 * - `requestId`: when the call was one request.
 * - `usage`: when the provider counts every request.
 */
export interface RerankResponse {
  readonly results: ReadonlyArray<RerankResult>
  readonly model: string
  readonly requestId?: string | undefined
  readonly usage?: RerankUsage | undefined
  readonly requests: number
}

/** A value of the caller with the rank of its text. */
export interface Ranked<A> extends RerankResult {
  readonly value: A
}

/**
 * What a model takes in one request.
 *
 * - `maxDocuments`: documents in a request.
 * - `maxLength`: characters (UTF-16 code units) of the query and the documents together; no limit when missing.
 */
export interface Limits {
  readonly maxDocuments: number
  readonly maxLength?: number | undefined
}

/**
 * What `Reranker.make` needs of a provider.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: used when the options name none; `identity`: see `Identity`.
 * - `limits`: what the model takes in one request with these options, computed without network; no limits when missing.
 *   Fails for options the model does not support.
 * - `rerank`: one attempt at one request, without retries.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly limits?: ((options: ResolvedOptions) => Effect.Effect<Limits, ProviderError.RerankError>) | undefined
  readonly rerank: (request: ProviderRequest) => Effect.Effect<ProviderResult, ProviderError.RerankError>
  readonly policy?: Policy.Policy | undefined
}

/** One request to a provider, within the limits of the model: at least one document. */
export interface ProviderRequest {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  /** From 1 to the number of documents. */
  readonly topN: number
  readonly options: ResolvedOptions
}

/** The answer of a provider, in any order; `index` is that of a document in the request. */
export interface ProviderResult {
  readonly results: ReadonlyArray<RerankResult>
  readonly inputTokens?: number | undefined
  readonly requestId?: string | undefined
}
