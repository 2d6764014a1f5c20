/**
 * Request metadata on Bedrock: pairs of texts that say whose a call is, such as its team or tenant. Bedrock writes them into
 * the log of model invocations, next to the tokens of the call. They do not show in the bill: for that use the tags of an
 * application inference profile.
 *
 * They are set as the option `requestMetadata` of a layer, by `RequestMetadata` of `@strata/core` for everything a fiber
 * calls, and in `providerOptions.bedrock` of a request. They are merged pair by pair: those of the request win over those of
 * the fiber, and those over the layer's.
 *
 * At most 16 in all. A name has 1 to 256 characters, a value up to 256: letters from A to Z, digits, white space and
 * `:_@$#=/+,-.` Invalid metadata fail a call with `InvalidRequestError` before anything is sent.
 */
export { type Pairs, RequestMetadata } from "@strata/core/RequestMetadata"
