/**
 * Cached services for tests: what reached the service behind the cache, and stores that fail.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingCache from "../src/embedding/EmbeddingCache.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import type * as CacheStore from "../src/embedding/internal/cache/store.ts"
import type * as ProviderError from "../src/ProviderError.ts"
import { TestEmbedding } from "../src/testing/index.ts"

/** The service of {@link TestEmbedding} behind a cache, and the double. */
export const layer = (options: {
  readonly service?: TestEmbedding.Options
  readonly cache?: EmbeddingCache.Options
  readonly store?: Layer.Layer<never, ProviderError.InvalidRequestError>
} = {}): Layer.Layer<
  EmbeddingService.EmbeddingService | TestEmbedding.TestEmbedding,
  ProviderError.InvalidRequestError
> => {
  const test = TestEmbedding.layer(options.service)
  return Layer.mergeAll(test, EmbeddingService.withCache(test, options.cache)).pipe(
    Layer.provideMerge(options.store ?? EmbeddingCache.layerMemory())
  )
}

/** The inputs of each request that reached the provider. */
export const sent: Effect.Effect<ReadonlyArray<ReadonlyArray<Embedding.Input>>, never, TestEmbedding.TestEmbedding> =
  Effect.flatMap(
    TestEmbedding.TestEmbedding,
    ({ batches }) => Effect.map(batches, (batches) => batches.map(({ inputs }) => inputs))
  )

/** A store in memory that shows its entries, and the number of keys of each read and write. */
export const openStore = (beforeWrite: Effect.Effect<void> = Effect.void) => {
  const kept = new Map<string, Uint8Array>()
  const reads: Array<number> = []
  const writes: Array<number> = []
  const store = Layer.succeed(EmbeddingCache.EmbeddingCache, {
    getMany: (keys) =>
      Effect.sync(() => {
        reads.push(keys.length)
        return keys.map((key) => kept.get(key))
      }),
    setMany: (entries) =>
      Effect.map(beforeWrite, () => {
        writes.push(entries.length)
        entries.forEach(([key, value]) => kept.set(key, value))
      })
  })
  return { kept, reads, writes, store }
}

/** Texts that begin with different words. */
export const texts = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `word${index} of a text`)

/** The value of a metric of the cache for {@link TestEmbedding}. */
export const counted = (metric: typeof CacheStore.metrics.hits): Effect.Effect<number> =>
  Effect.map(
    Metric.value(Metric.withAttributes(metric, {
      "gen_ai.operation.name": "embeddings",
      "gen_ai.provider.name": "test",
      "gen_ai.request.model": "test-embedding"
    })),
    ({ count }) => count
  )

/** The effect with metrics of its own. */
export const alone = Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))
