/**
 * Request metadata: pairs of texts that say whose a call is, such as its tenant, user or feature.
 *
 * Keys of quotas, budgets and limits of concurrency are read from them (`Key`), events of usage have them, and a provider
 * may send them: Bedrock writes them into its log of model invocations. They are no part of the keys of caches.
 */
import * as Context from "effect/Context"

/** Values by name. A provider that sends them may have limits: Bedrock takes 16 of 256 characters. */
export type Pairs = Readonly<Record<string, string>>

/**
 * The request metadata of a fiber and its children, for chat, embeddings and reranking.
 *
 * Calls of `embed` share a request only where their metadata are equal. A call that shares the answer of an equal one in
 * progress, through a cache, counts for that one.
 *
 * @example
 * Effect.provideService(answer(question), RequestMetadata.RequestMetadata, { tenant: "a" })
 *
 * @example
 * // one more, beside those that are set outside
 * Effect.updateService(summary, RequestMetadata.RequestMetadata, (outer) => ({ ...outer, step: "summary" }))
 */
export const RequestMetadata = Context.Reference<Pairs>("@strata/core/RequestMetadata", { defaultValue: () => none })

const none: Pairs = {}
