/**
 * Documents in the order of their relevance to a query, and what may be asked of the model that finds it.
 */

/** Options only one provider understands, under that provider's key. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/**
 * - `model`: overrides the model of the layer.
 * - `topN`: how many results to give, the best ones; all of them when missing, or when there are fewer documents.
 */
export interface RerankOptions {
  readonly model?: string | undefined
  readonly topN?: number | undefined
  readonly providerOptions?: ProviderOptions | undefined
}

/** {@link RerankOptions} without `topN`, which differs from request to request, and with the model settled. */
export interface ResolvedOptions extends Omit<RerankOptions, "topN"> {
  readonly model: string
}

/**
 * One document's place in the order.
 *
 * - `index`: where the document stood in the input.
 * - `score`: how relevant it is, in the model's own measure: higher is better. Cohere's and Amazon's models keep to 0 to 1.
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
 * - `results`: best first, each document at most once; equal scores keep the order of the input.
 * - `requestId`: when one request was enough.
 * - `usage`: where the provider counts every request; never guessed.
 * - `requests`: how many requests the provider answered.
 */
export interface RerankResponse {
  readonly results: ReadonlyArray<RerankResult>
  readonly model: string
  readonly requestId?: string | undefined
  readonly usage?: RerankUsage | undefined
  readonly requests: number
}

/** A value of the caller's with the place of its text in the order. */
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

/** One request to a provider: within the limits of its model, never without documents. */
export interface ProviderRequest {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  /** How many results are wanted: from 1 to the number of documents. */
  readonly topN: number
  readonly options: ResolvedOptions
}

/** What a provider answers, in any order; `index` counts the documents of the request. */
export interface ProviderResult {
  readonly results: ReadonlyArray<RerankResult>
  readonly inputTokens?: number | undefined
  readonly requestId?: string | undefined
}
