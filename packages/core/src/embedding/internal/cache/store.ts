/**
 * The store of a cached service as its calls see it: vectors by input, and no failures.
 */
import * as Arr from "effect/Array"
import type * as Digest from "effect/crypto/Digest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as WriteBehind from "../../../cache/internal/writeBehind.ts"
import * as Cost from "../../../Cost.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import type * as Embedding from "../../Embedding.ts"
import type * as EmbeddingCache from "../../EmbeddingCache.ts"
import * as VectorBytes from "../vectorBytes.ts"
import * as CacheKey from "./key.ts"
import * as CacheTelemetry from "./telemetry.ts"

/** A call whose vectors can be kept: `settings` is all that decides on them but the text. */
export interface Call {
  readonly target: Telemetry.Target
  readonly settings: string
  readonly dimensions: number | undefined
}

/** What is known of some inputs. One without a key is not kept: the cache is out of order. */
export interface Look {
  readonly keys: ReadonlyMap<Embedding.Input, string>
  readonly vectors: ReadonlyMap<Embedding.Input, Embedding.Vector>
}

/** An input that was looked for in vain, and what the service answered. */
export interface Answer {
  readonly look: Look
  readonly input: Embedding.Input
  readonly embedding: Embedding.Embedding
}

/**
 * - `look`: finds what is known.
 * - `keep`: adds what was not.
 */
export interface Store {
  readonly look: (call: Call, inputs: ReadonlyArray<Embedding.Input>) => Effect.Effect<Look>
  readonly keep: (call: Call, answers: ReadonlyArray<Answer>) => Effect.Effect<void>
}

/** The embedding of an input that was found, which has cost nothing. */
export const embedding = (call: Call, look: Look, input: Embedding.Input): Embedding.Embedding | undefined => {
  const vector = look.vectors.get(input)
  return vector === undefined ? undefined : { vector, model: call.target.model, inputTokens: 0, cost: Cost.empty }
}

/** Reads fail open, and writes are behind; see {@link WriteBehind}. */
export const make = Effect.fnUntraced(function*(
  cache: EmbeddingCache.EmbeddingCache,
  digest: Digest.Digest["Service"],
  timeToLive: Duration.Duration | undefined
): Effect.fn.Return<Store, never, Scope.Scope> {
  const { getMany, setMany } = yield* WriteBehind.make({
    getMany: cache.getMany,
    setMany: (entries) => cache.setMany(entries, timeToLive)
  }, {
    store: cache,
    name: "The embedding cache",
    meanwhile: "vectors are computed again, and new ones are not kept",
    onFailure: CacheTelemetry.recordFailure,
    onDrop: CacheTelemetry.recordDrop
  })

  return {
    look: Effect.fn("EmbeddingCache.look")(function*(call: Call, inputs: ReadonlyArray<Embedding.Input>) {
      const different = [...new Set(inputs)]
      const keys = new Map<Embedding.Input, string>()
      const vectors = new Map<Embedding.Input, Embedding.Vector>()
      for (const group of Arr.chunksOf(different, WriteBehind.batch)) {
        const hashes = yield* Effect.forEach(group, (input) => CacheKey.make(digest, call.settings, input), {
          concurrency: "unbounded"
        })
        group.forEach((input, index) => keys.set(input, hashes[index]!))
        const values = yield* getMany(hashes, call.target)
        // A store that does not answer is not asked for the rest.
        if (values === undefined) break
        group.forEach((input, index) => {
          const vector = decoded(values[index], call)
          if (vector !== undefined) vectors.set(input, vector)
        })
      }
      yield* CacheTelemetry.recordLook(call.target, vectors.size, different.length)
      return { keys, vectors }
    }),
    keep: Effect.fnUntraced(function*(call: Call, answers: ReadonlyArray<Answer>) {
      const entries = new Map<string, Uint8Array>()
      for (const { embedding, input, look } of answers) {
        const key = look.keys.get(input)
        if (key !== undefined && !entries.has(key)) entries.set(key, VectorBytes.encode(embedding.vector))
      }
      yield* setMany(entries, call.target)
    })
  }
})

/** The vector, if it is one, and as long as was asked for. */
const decoded = (value: unknown, { dimensions }: Call): Embedding.Vector | undefined => {
  const vector = value instanceof Uint8Array ? VectorBytes.decode(value) : undefined
  // A vector of bits packs eight dimensions into a number, so only floats can be counted.
  const isOther = dimensions !== undefined && vector instanceof Float32Array && vector.length !== dimensions
  return isOther ? undefined : vector
}
