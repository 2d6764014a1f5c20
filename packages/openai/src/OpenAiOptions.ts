/**
 * Options and metadata specific to OpenAI's format.
 */

/**
 * The rest of a request, in the server's own format, such as `seed` or `service_tier`. Its fields override what Strata would
 * send; `undefined` takes one out.
 *
 * @example
 * ChatService.generate({ messages: "Hello", providerOptions: { openai: { seed: 7, service_tier: "flex" } } })
 */
export interface OpenAiChatOptions {
  readonly [field: string]: unknown
}

/** The rest of a request for embeddings, as {@link OpenAiChatOptions}. */
export interface OpenAiEmbeddingOptions {
  readonly [field: string]: unknown
}

/**
 * What was done to a request, or found in an answer, that a caller may not expect: `field` is the place in the request.
 *
 * - `omitted`: left out, as the format has no place for it. `moved`: sent in another place. `translated`: replaced by what comes next
 *   to it.
 * - `not-strict`: the schema cannot be enforced by the server.
 * - `prompt-cut`: the server read far fewer tokens than the prompt has: it cut the prompt at its context window.
 * - `no-usage`: the server did not say what the call used; the usage of the answer is empty, not zero tokens.
 */
export interface Warning {
  readonly type: "omitted" | "moved" | "translated" | "not-strict" | "prompt-cut" | "no-usage"
  readonly field?: string | undefined
  readonly message: string
}

/** What a filter withheld: the prompt, or the answer; and each category as the server reports it. */
export interface ContentFilter {
  readonly blocked: "prompt" | "answer"
  readonly categories: { readonly [category: string]: unknown }
}

/**
 * What the server reports about an answer.
 *
 * - `id`: of the answer; `model`: the model that gave it, such as a dated snapshot.
 * - `finishReason`: the server's own.
 * - `usage`: as the server counted; missing when it did not.
 * - `contentFilter`: of an answer with the finish reason `content-filter`.
 * - `contentFilterResults`: the findings of a filter that let the answer pass.
 * - `warnings`: see {@link Warning}; missing when there are none.
 */
export interface OpenAiChatMetadata {
  readonly id?: string | undefined
  readonly model?: string | undefined
  readonly finishReason?: string | undefined
  readonly systemFingerprint?: string | undefined
  readonly serviceTier?: string | undefined
  readonly usage?: { readonly [counter: string]: unknown } | undefined
  readonly logprobs?: unknown
  readonly contentFilter?: ContentFilter | undefined
  readonly contentFilterResults?: { readonly [category: string]: unknown } | undefined
  readonly warnings?: ReadonlyArray<Warning> | undefined
}

/** Ids of chat models, for completion in editors. Any other string is a model id, too. */
export type KnownChatModel =
  | "gpt-4o"
  | "gpt-4o-mini"
  | "gpt-4.1"
  | "gpt-4.1-mini"
  | "gpt-4.1-nano"
  | "o3"
  | "o4-mini"
  | "gpt-5"
  | "gpt-5-mini"
  | "gpt-5-nano"
  | "gpt-5.1"
  | "gpt-5.2"

/** Ids of embedding models. */
export type KnownEmbeddingModel = "text-embedding-3-small" | "text-embedding-3-large" | "text-embedding-ada-002"

declare module "@strata/core/chat/ChatRequest" {
  interface ProviderOptions {
    readonly openai?: OpenAiChatOptions | undefined
  }
  interface KnownModels extends Record<KnownChatModel, unknown> {}
}

declare module "@strata/core/chat/ChatResponse" {
  interface ProviderMetadata {
    readonly openai?: OpenAiChatMetadata | undefined
  }
}

declare module "@strata/core/embedding/Embedding" {
  interface ProviderOptions {
    readonly openai?: OpenAiEmbeddingOptions | undefined
  }
}
