/**
 * Vectors, and what may be asked of the model that makes them.
 */

/** One vector. `Float32Array` unless the request asked for a typed kind. Never `number[]`. */
export type Vector = Float32Array | Int8Array | Uint8Array

/** What is embedded. */
export type Input = string

/**
 * What the vector is for; each model family has its own word for it. Many models place a question and its answer
 * closer together when the one is embedded as `query` and the other as `document`.
 */
export type Purpose = "document" | "query" | "classification" | "clustering"

/** Options only one provider understands, under that provider's key. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/**
 * - `model`: overrides the model of the layer.
 * - `purpose`: `document` unless said otherwise.
 * - `dimensions`: how many numbers a vector has; the model's own default when missing.
 * - `normalize`: whether vectors have unit length; the model's own default when missing.
 * - `truncate`: what to do with a text longer than the model takes: cut it at the `start` or the `end`, or refuse it
 *   (`none`, the default) with an error that names it.
 */
export interface EmbeddingOptions {
  readonly model?: string | undefined
  readonly purpose?: Purpose | undefined
  readonly dimensions?: number | undefined
  readonly normalize?: boolean | undefined
  readonly truncate?: "none" | "start" | "end" | undefined
  readonly providerOptions?: ProviderOptions | undefined
}

/** {@link EmbeddingOptions} with everything that has a default settled: what a provider receives. */
export interface ResolvedOptions extends EmbeddingOptions {
  readonly model: string
  readonly purpose: Purpose
  readonly truncate: "none" | "start" | "end"
}

/** One vector and what it cost. `inputTokens` only where the provider counts each input by itself. */
export interface Embedding {
  readonly vector: Vector
  readonly model: string
  readonly inputTokens?: number | undefined
}

/** Tokens spent: exact, or `undefined` where the provider gives none. Never guessed. */
export interface EmbeddingUsage {
  readonly inputTokens: number | undefined
}

/** One embedding for each input, in the order of the inputs, and what they cost together. */
export interface EmbeddingBatch {
  readonly embeddings: ReadonlyArray<Embedding>
  readonly usage: EmbeddingUsage
  readonly model: string
  /** How many requests the provider answered. */
  readonly requests: number
}

/** A value of the caller's with the embedding of its text. */
export interface Embedded<A> {
  readonly value: A
  readonly embedding: Embedding
}

/**
 * What a model takes in one request.
 *
 * - `maxItems`: inputs in a request.
 * - `maxLength`: characters (UTF-16 code units) in one input.
 * - `maxBatchLength`: characters in all the inputs of a request together; no limit when missing.
 */
export interface Limits {
  readonly maxItems: number
  readonly maxLength: number
  readonly maxBatchLength?: number | undefined
}

/** One request to a provider: within the limits of its model, without duplicates, never empty. */
export interface ProviderBatch {
  readonly inputs: ReadonlyArray<Input>
  readonly options: ResolvedOptions
}

/** What a provider answers: one vector for each input, in order, and the tokens of all of them where it counts. */
export interface ProviderBatchResult {
  readonly vectors: ReadonlyArray<Vector>
  readonly inputTokens?: number | undefined
}
