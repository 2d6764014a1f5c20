/**
 * Turns text into vectors.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import type * as Embedding from "./Embedding.ts"
import type * as ProviderError from "./ProviderError.ts"

/** Any failure of an embedding call. */
export type EmbeddingError = ProviderError.ProviderError

/**
 * The embedding service.
 *
 * - `embed`: one text. Concurrent calls with equal options share requests.
 * - `embedMany`: all of them, in order, whole or nothing.
 * - `embedEach`: one `Result` for each input, in order: one bad input spoils only itself.
 * - `embedStream`: any number of values, in order, with backpressure and flat memory.
 */
export class EmbeddingService extends Context.Service<EmbeddingService, {
  readonly embed: (
    input: Embedding.Input,
    options?: Embedding.EmbeddingOptions
  ) => Effect.Effect<Embedding.Embedding, EmbeddingError>
  readonly embedMany: (
    inputs: ReadonlyArray<Embedding.Input>,
    options?: Embedding.EmbeddingOptions
  ) => Effect.Effect<Embedding.EmbeddingBatch, EmbeddingError>
  readonly embedEach: (
    inputs: ReadonlyArray<Embedding.Input>,
    options?: Embedding.EmbeddingOptions
  ) => Effect.Effect<ReadonlyArray<Result.Result<Embedding.Embedding, EmbeddingError>>>
  readonly embedStream: <A, E, R>(
    values: Stream.Stream<A, E, R>,
    text: (value: A) => Embedding.Input,
    options?: Embedding.EmbeddingOptions
  ) => Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R>
}>()("@strata/core/EmbeddingService") {}
