/** Vectors by input, in a store that may fail. */
import * as Arr from "effect/Array"
import * as Digest from "effect/crypto/Digest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Checksum from "../../../cache/internal/checksum.ts"
import * as CacheMetrics from "../../../cache/internal/metrics.ts"
import * as WriteBehind from "../../../cache/internal/writeBehind.ts"
import * as Cost from "../../../Cost.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Embedding from "../../Embedding.ts"
import type * as EmbeddingCache from "../../EmbeddingCache.ts"

/** A call whose vectors can be cached: `settings` is all that decides them but the input. */
export interface Call {
  readonly target: Telemetry.Target
  readonly settings: string
  readonly dimensions: number | undefined
}

/** The keys and cached vectors of some inputs. Once the store has failed, the remaining inputs have no key. */
export interface Look {
  readonly keys: ReadonlyMap<Embedding.Input, string>
  readonly vectors: ReadonlyMap<Embedding.Input, Embedding.Vector>
}

/** An input that was not cached, and its embedding. */
export interface Answer {
  readonly look: Look
  readonly input: Embedding.Input
  readonly embedding: Embedding.Embedding
}

export interface Store {
  readonly look: (call: Call, inputs: ReadonlyArray<Embedding.Input>) => Effect.Effect<Look>
  readonly keep: (call: Call, answers: ReadonlyArray<Answer>) => Effect.Effect<void>
}

/** The embedding of a cached input. */
export const embedding = (call: Call, look: Look, input: Embedding.Input): Embedding.Embedding | undefined => {
  const vector = look.vectors.get(input)
  return vector === undefined ? undefined : { vector, model: call.target.model, inputTokens: 0, cost: Cost.empty }
}

export const metrics = CacheMetrics.make("embedding", "Inputs", "vectors")

/** Reads fail open, writes follow later; see {@link WriteBehind}. */
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
    meanwhile: "vectors are computed again, and new ones are not cached",
    metrics
  })

  return {
    look: Effect.fnUntraced(function*({ dimensions, settings, target }: Call, inputs) {
      const different = [...new Set(inputs)]
      const keys = new Map<Embedding.Input, string>()
      const vectors = new Map<Embedding.Input, Embedding.Vector>()
      for (const group of Arr.chunksOf(different, WriteBehind.batch)) {
        const hashes = yield* Effect.forEach(group, (input) => keyOf(digest, settings, input), {
          concurrency: "unbounded"
        })
        group.forEach((input, index) => keys.set(input, hashes[index]!))
        const values = yield* getMany(hashes, target)
        // After a failure the store is not asked for the rest.
        if (values === undefined) break
        group.forEach((input, index) => {
          const vector = decode(values[index])
          // The length of packed bits is not their dimensions, so only floats are checked.
          const isOther = dimensions !== undefined && vector instanceof Float32Array && vector.length !== dimensions
          if (vector !== undefined && !isOther) vectors.set(input, vector)
        })
      }
      const hits = vectors.size
      const misses = different.length - hits
      yield* CacheMetrics.count(metrics.hits, target, hits)
      yield* CacheMetrics.count(metrics.misses, target, misses)
      yield* Telemetry.annotate({ "strata.embedding.cache.hits": hits, "strata.embedding.cache.misses": misses })
      return { keys, vectors }
    }, Effect.withSpan("EmbeddingCache.look", {}, { captureStackTrace: false })),
    keep: Effect.fnUntraced(function*(call: Call, answers: ReadonlyArray<Answer>) {
      const entries = new Map<string, Uint8Array>()
      for (const { embedding, input, look } of answers) {
        const key = look.keys.get(input)
        if (key !== undefined && !entries.has(key)) entries.set(key, encode(embedding.vector))
      }
      yield* setMany(entries, call.target)
    })
  }
})

/** A hash of everything that decides a vector: 64 hexadecimal digits. */
const keyOf = (digest: Digest.Digest["Service"], settings: string, input: Embedding.Input): Effect.Effect<string> => {
  const hash = (content: unknown) =>
    digest.digestHex(Digest.sha256, new TextEncoder().encode(`${settings}\n${JSON.stringify(content)}`))
  const { image, text } = typeof input === "string" ? { text: input } : input
  return image === undefined ? hash(text ?? "") : Effect.flatMap(
    digest.digestHex(Digest.sha256, image.bytes),
    (bytes) => hash([text ?? null, image.mediaType, bytes])
  )
}

/** A header of format and kind, length, and checksum of the numbers, four bytes each, then the numbers as in memory. */
const encode = (vector: Embedding.Vector): Uint8Array => {
  const numbers = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
  const bytes = new Uint8Array(headerLength + numbers.length)
  const kind = kinds.findIndex((Kind) => vector instanceof Kind)
  bytes.set(numbers, headerLength)
  new Uint32Array(bytes.buffer, 0, 3).set([format + kind, vector.length, Checksum.make(numbers)])
  return bytes
}

/** The vector in memory of its own; `undefined` for damaged bytes, another format or another byte order. */
const decode = (bytes: unknown): Embedding.Vector | undefined => {
  if (!(bytes instanceof Uint8Array) || bytes.length <= headerLength) return undefined
  // A copy: the bytes of the store may not be aligned.
  const copy = new Uint8Array(bytes)
  const [header, length, checksum] = new Uint32Array(copy.buffer, 0, 3)
  const numbers = copy.subarray(headerLength)
  const Kind = kinds[header! - format]
  return Kind !== undefined && Kind.BYTES_PER_ELEMENT * length! === numbers.length &&
      checksum === Checksum.make(numbers)
    ? new Kind(copy.buffer, headerLength)
    : undefined
}

const headerLength = 12

/** The letters `SV1`, and a byte for the index of the kind. */
const format = 0x53563100

const kinds = [Float32Array, Int8Array, Uint8Array] as const
