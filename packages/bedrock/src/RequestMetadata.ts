/**
 * Request metadata: pairs of texts that say whose a call is, such as its team or tenant. Bedrock writes them into the log of
 * model invocations, next to the tokens of the call. They do not show in the bill: for that use the tags of an application
 * inference profile.
 *
 * They are set as the option `requestMetadata` of a layer, by {@link RequestMetadata} for everything a fiber calls, and in
 * `providerOptions.bedrock` of a request. They are merged pair by pair: those of the request win over those of the fiber,
 * and those over the layer's. They are no part of the keys of caches.
 */
import * as Context from "effect/Context"

/**
 * Values by name, at most 16 in all. A name has 1 to 256 characters, a value up to 256: letters from A to Z, digits, white
 * space and `:_@$#=/+,-.`
 */
export type Pairs = Readonly<Record<string, string>>

/**
 * The request metadata of a fiber and its children, for chat, embeddings and reranking.
 *
 * Calls of `embed` share a request only where their metadata are equal. A call that shares the answer of an equal one in
 * progress, through a cache, is in the log with the metadata of that one. Invalid metadata fail a call with
 * `InvalidRequestError` before anything is sent.
 *
 * @example
 * Effect.provideService(answer(question), RequestMetadata.RequestMetadata, { tenant: "a" })
 *
 * @example
 * // one more, beside those that are set outside
 * Effect.updateService(summary, RequestMetadata.RequestMetadata, (outer) => ({ ...outer, step: "summary" }))
 */
export const RequestMetadata = Context.Reference<Pairs>("@strata/bedrock/RequestMetadata", { defaultValue: () => none })

const none: Pairs = {}
