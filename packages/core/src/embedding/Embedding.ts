/** Inputs, options and vectors of embedding models. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Cost from "../Cost.ts"
import type { Identity } from "../Identity.ts"
import * as Total from "../internal/total.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as Quota from "../policy/Quota.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestMetadata from "../RequestMetadata.ts"

/** One vector, in the array type of its {@link VectorType}; never `number[]`. */
export type Vector = Float32Array | Int8Array | Uint8Array

/**
 * How a vector is stored.
 *
 * - `float`: `Float32Array`, one number per dimension.
 * - `int8`: `Int8Array`, `uint8`: `Uint8Array`, one byte per dimension.
 * - `binary`: `Uint8Array`, eight dimensions per byte, the first in the highest bit.
 */
export type VectorType = "float" | "int8" | "uint8" | "binary"

/** An image; `mediaType` such as `image/png`. */
export interface Image {
  readonly bytes: Uint8Array
  readonly mediaType: string
}

/** A text, an image, or, if the model supports it, both in one vector. */
export interface ContentInput {
  readonly text?: string | undefined
  readonly image?: Image | undefined
}

/** An image alone. */
export interface ImageInput extends ContentInput {
  readonly text?: undefined
  readonly image: Image
}

/** A text and an image in one vector. */
export interface CombinedInput extends ContentInput {
  readonly text: string
  readonly image: Image
}

/** An input; `{ text }` is the same as the string. */
export type Input = string | ContentInput

/** The content of an input; one request holds inputs of one kind. */
export type Kind = "text" | "image" | "combined"

/** The kind of an input; an empty or invalid one counts as text. */
export const kindOf: (input: Input) => Kind = Total.make((input) => {
  if (typeof input === "string" || input.image === undefined) return "text"
  return input.text === undefined ? "image" : "combined"
}, () => "text")

/** The text of an input, if it has one. */
export const textOf: (input: Input) => string | undefined = Total.make(
  (input) => typeof input === "string" ? input : input.text,
  () => undefined
)

/** What the vector is for. Many models place a `query` close to the `document` that answers it. */
export type Purpose = "document" | "query" | "classification" | "clustering"

/** Options only one provider understands, under that provider's key. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/**
 * How inputs are embedded.
 *
 * - `model`: overrides the model of the layer.
 * - `purpose`: `document` by default.
 * - `dimensions`: numbers in a vector; the model's own default when missing.
 * - `normalize`: whether vectors have unit length; the model's own default when missing.
 * - `vectorType`: `float` by default.
 * - `truncate`: what to do with a text that exceeds the model's limit: refuse it (`none`, the default), cut it at the
 *   `start` or the `end`, or embed it in pieces (`chunk`): their vectors, `float` only, are averaged, weighted by length,
 *   and normalized unless `normalize` is `false`. Texts are cut between characters. One the provider still calls too long,
 *   by its tokens, is cut shorter and sent again.
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
 * How the values of a stream are embedded.
 *
 * - `unordered`: emits values as their requests are answered instead of in the order of the stream.
 * - `flushAfter`: how long a value waits for its request to fill; 50 ms by default.
 */
export interface StreamOptions extends EmbeddingOptions {
  readonly unordered?: boolean | undefined
  readonly flushAfter?: Duration.Input | undefined
}

/** {@link EmbeddingOptions} as a provider gets them, with defaults; instead of `chunk` it gets the pieces, with `none`. */
export interface ResolvedOptions extends EmbeddingOptions {
  readonly model: string
  readonly purpose: Purpose
  readonly vectorType: VectorType
  readonly truncate: "none" | "start" | "end"
}

/**
 * One vector. `inputTokens`: when the provider counts each input; `cost`: when, besides, `Pricing` has the model; `lane`: the
 * lane of `EmbeddingService.withPool` that gave it.
 */
export interface Embedding {
  readonly vector: Vector
  readonly model: string
  readonly lane?: string | undefined
  readonly inputTokens?: number | undefined
  readonly cost?: Cost.Cost | undefined
}

/** Exact, or `undefined` when the provider does not count tokens. */
export interface EmbeddingUsage {
  readonly inputTokens: number | undefined
}

/** One embedding for each input, in order; the requests the provider answered, and what they took together. */
export interface EmbeddingBatch {
  readonly embeddings: ReadonlyArray<Embedding>
  readonly usage: EmbeddingUsage
  readonly model: string
  readonly requests: number
  readonly cost?: Cost.Cost | undefined
}

/**
 * One result for each input, in order, and what the requests took together. `requests` are those that the provider
 * answered, also for inputs that failed after others of their request were answered.
 */
export interface EmbeddingResults<E = ProviderError.EmbeddingError> {
  readonly results: ReadonlyArray<Result.Result<Embedding, E>>
  readonly usage: EmbeddingUsage
  readonly model: string
  readonly requests: number
  readonly cost?: Cost.Cost | undefined
}

/** A value of the caller with its embedding. */
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
 * - `images`: limits of images, which are not supported when missing.
 * - `combined`: limits of texts and images in one vector, which are not supported when missing.
 */
export interface Limits {
  readonly maxItems: number
  readonly maxLength: number
  readonly maxBatchLength?: number | undefined
  readonly images?: ImageLimits | undefined
  readonly combined?: CombinedLimits | undefined
}

/**
 * How many images a provider takes in one request, and how large ones.
 *
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

/** `maxItems`: pairs of a text and an image in a request. */
export interface CombinedLimits {
  readonly maxItems: number
}

/**
 * What `Embedder.make` needs of a provider.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: used when the options name none; `identity`: see `Identity`.
 * - `limits`: what the model takes in one request with these options, computed without network. Fails for options the
 *   model does not support, such as a `vectorType`.
 * - `embedBatch`: one attempt at one request, without retries.
 * - `coalesce`: how long `embed` waits to fill a batch; by default it batches calls of the same tick.
 * - `metering`: its quotas.
 * - `modelName`: the model behind an id, the same for all its regions and profiles, whose vectors are comparable; the id
 *   itself when missing, `undefined` when it does not say.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly limits: (options: ResolvedOptions) => Effect.Effect<Limits, ProviderError.EmbeddingError>
  readonly embedBatch: (batch: ProviderBatch) => Effect.Effect<ProviderBatchResult, ProviderError.EmbeddingError>
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
  readonly metering?: Metering | undefined
  readonly modelName?: ((model: string) => string | undefined) | undefined
}

/**
 * How an embedding provider meters its quotas.
 *
 * `metadata`: the request metadata that it sends: those of its layer, the fiber and the options. The fiber's when missing.
 */
export interface Metering extends Quota.Metering {
  readonly metadata?:
    | ((options: ResolvedOptions) => Effect.Effect<RequestMetadata.Pairs, ProviderError.EmbeddingError>)
    | undefined
}

/** One request to a provider: distinct inputs of one kind, within the limits of the model, at least one. */
export type ProviderBatch = BatchOf<"text", string> | BatchOf<"image", ImageInput> | BatchOf<"combined", CombinedInput>

/** Inputs of one kind. */
export interface BatchOf<K extends Kind, I extends Input> {
  readonly kind: K
  readonly inputs: ReadonlyArray<I>
  readonly options: ResolvedOptions
}

/** The answer of a provider: one vector for each input, in order; the model, where that is not the one asked; its lane. */
export interface ProviderBatchResult {
  readonly vectors: ReadonlyArray<Vector>
  readonly lane?: string | undefined
  readonly model?: string | undefined
  readonly inputTokens?: number | undefined
}
