/**
 * Vectors, and what may be asked of the model that makes them.
 */
import type * as Duration from "effect/Duration"
import type * as Cost from "../Cost.ts"
import * as Total from "../internal/total.ts"

/** One vector, of the array its {@link VectorType} says. Never `number[]`. */
export type Vector = Float32Array | Int8Array | Uint8Array

/**
 * How the numbers of a vector are kept.
 *
 * - `float`: `Float32Array`, one number to a dimension.
 * - `int8`: `Int8Array`, `uint8`: `Uint8Array`, one byte to a dimension.
 * - `binary`: `Uint8Array`, eight dimensions to a byte, the first in the highest bit.
 */
export type VectorType = "float" | "int8" | "uint8" | "binary"

/** An image: its bytes, and its media type such as `image/png`. */
export interface Image {
  readonly bytes: Uint8Array
  readonly mediaType: string
}

/** A text, an image, or both in one vector, where the model can. At least one of the two. */
export interface ContentInput {
  readonly text?: string | undefined
  readonly image?: Image | undefined
}

/** An image alone. */
export interface ImageInput extends ContentInput {
  readonly text?: undefined
  readonly image: Image
}

/** A text and an image that share one vector. */
export interface CombinedInput extends ContentInput {
  readonly text: string
  readonly image: Image
}

/** What is embedded. `{ text }` alone is the same as the string. */
export type Input = string | ContentInput

/** What an input is made of; one request holds inputs of one kind. */
export type Kind = "text" | "image" | "combined"

/** The kind of an input; one that has nothing in it, or is none, counts as a text. */
export const kindOf: (input: Input) => Kind = Total.make((input) => {
  if (typeof input === "string" || input.image === undefined) return "text"
  return input.text === undefined ? "image" : "combined"
}, () => "text")

/** The text of an input, if it has one. */
export const textOf: (input: Input) => string | undefined = Total.make(
  (input) => typeof input === "string" ? input : input.text,
  () => undefined
)

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
 * - `vectorType`: how the numbers are kept; `float` unless said otherwise.
 * - `truncate`: what to do with a text longer than the model takes: cut it at the `start` or the `end`, refuse it
 *   (`none`, the default) with an error that names it, or embed it in pieces (`chunk`). The vectors of the pieces are
 *   averaged, weighted by their lengths, and the average has unit length again unless `normalize` is `false`; only
 *   `float` vectors can be averaged.
 */
export interface EmbeddingOptions {
  readonly model?: string | undefined
  readonly purpose?: Purpose | undefined
  readonly dimensions?: number | undefined
  readonly normalize?: boolean | undefined
  readonly vectorType?: VectorType | undefined
  readonly truncate?: "none" | "start" | "end" | "chunk" | undefined
  readonly providerOptions?: ProviderOptions | undefined
}

/**
 * How a stream is embedded, beside what {@link EmbeddingOptions} say.
 *
 * - `unordered`: emits values as their requests are answered instead of in the order of the stream.
 * - `flushAfter`: how long a value waits for its request to fill; 50 ms unless said otherwise.
 */
export interface StreamOptions extends EmbeddingOptions {
  readonly unordered?: boolean | undefined
  readonly flushAfter?: Duration.Input | undefined
}

/**
 * {@link EmbeddingOptions} with everything that has a default settled: what a provider receives. It never sees
 * `chunk`: texts are cut into pieces before they reach it, and `truncate` is `none`.
 */
export interface ResolvedOptions extends EmbeddingOptions {
  readonly model: string
  readonly purpose: Purpose
  readonly vectorType: VectorType
  readonly truncate: "none" | "start" | "end"
}

/**
 * One vector and what it cost: `inputTokens` only where the provider counts each input by itself, `cost` only where the
 * price of the model is known besides; see `Pricing`.
 */
export interface Embedding {
  readonly vector: Vector
  readonly model: string
  readonly inputTokens?: number | undefined
  readonly cost?: Cost.Cost | undefined
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
  /** What they cost together, where their tokens are counted and the price of the model is known; see `Pricing`. */
  readonly cost?: Cost.Cost | undefined
}

/** A value of the caller's with the embedding of its input. */
export interface Embedded<A> {
  readonly value: A
  readonly embedding: Embedding
}

/**
 * What a model takes in one request.
 *
 * - `maxItems`: texts in a request.
 * - `maxLength`: characters (UTF-16 code units) in one text.
 * - `maxBatchLength`: characters in all the texts of a request together; no limit when missing.
 * - `images`: what it takes of images; none when missing.
 * - `combined`: what it takes of texts and images in one vector; none when missing.
 */
export interface Limits {
  readonly maxItems: number
  readonly maxLength: number
  readonly maxBatchLength?: number | undefined
  readonly images?: ImageLimits | undefined
  readonly combined?: CombinedLimits | undefined
}

/**
 * - `maxItems`: images in a request.
 * - `maxBytes`: bytes in one image; no limit when missing.
 * - `maxBatchBytes`: bytes in all the images of a request together; no limit when missing.
 * - `mediaTypes`: the types the model reads, in lower case; any when missing.
 */
export interface ImageLimits {
  readonly maxItems: number
  readonly maxBytes?: number | undefined
  readonly maxBatchBytes?: number | undefined
  readonly mediaTypes?: ReadonlyArray<string> | undefined
}

/**
 * - `maxItems`: pairs of a text and an image in a request. Their texts are bound as texts are, and their images by what
 *   {@link ImageLimits} says of bytes and media types.
 */
export interface CombinedLimits {
  readonly maxItems: number
}

/** One request to a provider: inputs of one kind, within the limits of its model, without duplicates, never empty. */
export type ProviderBatch = TextBatch | ImageBatch | CombinedBatch

/** Texts, as plain strings. */
export interface TextBatch {
  readonly kind: "text"
  readonly inputs: ReadonlyArray<string>
  readonly options: ResolvedOptions
}

/** Images alone. */
export interface ImageBatch {
  readonly kind: "image"
  readonly inputs: ReadonlyArray<ImageInput>
  readonly options: ResolvedOptions
}

/** Pairs of a text and an image, each with one vector for both. */
export interface CombinedBatch {
  readonly kind: "combined"
  readonly inputs: ReadonlyArray<CombinedInput>
  readonly options: ResolvedOptions
}

/** What a provider answers: one vector for each input, in order, and the tokens of all of them where it counts. */
export interface ProviderBatchResult {
  readonly vectors: ReadonlyArray<Vector>
  readonly inputTokens?: number | undefined
}
