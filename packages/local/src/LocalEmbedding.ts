/**
 * An {@link EmbeddingService} without key and network: a sentence encoder on this machine's CPU.
 *
 * The model is the Universal Sentence Encoder Lite: English, 512 numbers of unit length, 30 to 60 short texts a second
 * on one core. It is symmetric: questions and answers are encoded alike, so `purpose` has no effect.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SentenceEncoder from "./SentenceEncoder.ts"

/** The only model name accepted in `model`. */
export const model: string = SentenceEncoder.model

/** The length of a vector. */
export const dimensions = 512

/**
 * How many threads embed, and under which policy.
 *
 * - `workers`: threads, each with its own copy of the model (some 200 MB); 1 when missing. More threads than cores are
 *   no faster.
 * - `policy`: the policy of calls; `Policy.standard` when missing. It retries a batch whose thread died.
 */
export interface Options {
  readonly workers?: number | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service. Its threads are started in the background and terminated with the layer. They do not keep an idle
 * process alive.
 *
 * `inputTokens` is the model's exact count. Calls fail with
 * - `ContextLengthExceededError` for a text of more than 128 tokens, some 90 English words: the model ignores the rest.
 *   `truncate: "end"` accepts that, `"start"` cuts the start instead, and `"chunk"` averages the vectors of its pieces;
 * - `UnsupportedFeatureError` for an image;
 * - `InvalidRequestError` for a blank text, and for options this model does not support;
 * - `ModelNotFoundError` for any other model;
 * - `ModelUnavailableError` when the thread cannot start or dies; the next call starts a new one.
 *
 * @example
 * const Embeddings = LocalEmbedding.layer({ workers: 2 })
 */
export const layer = (
  options?: Options
): Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError> =>
  Layer.effect(EmbeddingService.EmbeddingService, make(options))

/** {@link layer} as an effect. */
export const make = Effect.fnUntraced(function*(options?: Options) {
  const encoder = yield* SentenceEncoder.makePool({ size: options?.workers ?? 1 })
  return yield* EmbeddingService.make({
    provider: SentenceEncoder.provider,
    defaultModel: SentenceEncoder.model,
    limits: (options) => Effect.as(checkOptions(options), limits),
    embedBatch: (batch) => embedBatch(encoder, batch),
    policy: options?.policy
  })
})

const embedBatch = Effect.fnUntraced(function*(
  encoder: SentenceEncoder.SentenceEncoder,
  batch: Embedding.ProviderBatch
): Effect.fn.Return<Embedding.ProviderBatchResult, ProviderError.CallError> {
  // The limits allow no images.
  const { tokens, vectors } = yield* encoder.encode(batch.kind === "text" ? batch.inputs : [])
  const longest = Math.max(...tokens)
  // Of a longer text the model ignores the end.
  if (longest > SentenceEncoder.maxTokens && batch.options.truncate !== "end") {
    return yield* new ProviderError.ContextLengthExceededError({
      provider: SentenceEncoder.provider,
      model: SentenceEncoder.model,
      message: `the text has ${longest} tokens and the model reads ${SentenceEncoder.maxTokens}. ` +
        "Split it, or set `truncate` to \"start\" or \"end\" to have it cut, or to \"chunk\" to have it embedded in pieces.",
      measured: { unit: "tokens", actual: longest, limit: SentenceEncoder.maxTokens }
    })
  }
  return {
    vectors,
    inputTokens: tokens.reduce((sum, count) => sum + Math.min(count, SentenceEncoder.maxTokens), 0)
  }
})

/**
 * 16 texts take half a second at most, which keeps progress visible and interruption fast.
 *
 * The longest token of the model's vocabulary has 16 characters: English of more than 128 × 16 characters cannot fit
 * 128 tokens, and is refused or truncated before the tokenizer, whose time is quadratic, reads it.
 */
const limits: Embedding.Limits = { maxItems: 16, maxLength: SentenceEncoder.maxTokens * 16 }

const checkOptions = Effect.fnUntraced(function*(options: Embedding.ResolvedOptions) {
  if (options.model !== SentenceEncoder.model) {
    return yield* new ProviderError.ModelNotFoundError({
      provider: SentenceEncoder.provider,
      model: options.model,
      message: `There is no model "${options.model}" here. Leave model out, or set it to "${SentenceEncoder.model}".`
    })
  }
  if ((options.dimensions ?? dimensions) !== dimensions) {
    const problem = `the model makes vectors of ${dimensions} numbers, not of ${options.dimensions}`
    return yield* invalid("dimensions", problem, `Leave it out, or set it to ${dimensions}`)
  }
  if (options.normalize === false) {
    return yield* invalid("normalize", "the model makes vectors of unit length only", "Leave it out")
  }
  if (options.vectorType !== "float") {
    const problem = `the model makes float vectors only, not ${options.vectorType}`
    return yield* invalid("vectorType", problem, "Leave it out")
  }
})

const invalid = (field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({
    provider: SentenceEncoder.provider,
    model: SentenceEncoder.model,
    field,
    problem,
    remedy
  })
