/**
 * A deterministic embedding model: hashes words and images into vectors.
 *
 * Only the provider is a double: validation, batching, policies and telemetry are real.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Checksum from "../cache/internal/checksum.ts"
import * as Check from "../Check.ts"
import * as Embedding from "../embedding/Embedding.ts"
import * as EmbeddingService from "../embedding/EmbeddingService.ts"
import * as Policy from "../policy/Policy.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Double from "./internal/double.ts"

/**
 * Controls the double.
 *
 * - `batches`: the requests that reached the provider, one for each attempt.
 * - `failNext`: errors for the next attempts, one each.
 */
export class TestEmbedding extends Context.Service<TestEmbedding, {
  readonly batches: Effect.Effect<ReadonlyArray<Embedding.ProviderBatch>>
  readonly failNext: (...errors: ReadonlyArray<ProviderError.EmbeddingError>) => Effect.Effect<void>
}>()("@strata/core/testing/TestEmbedding") {}

/**
 * What the double of an embedding service accepts and returns.
 *
 * - `model`: the default model; `test-embedding` when missing.
 * - `dimensions`: for calls without `dimensions`; 64 when missing.
 * - `limits`: when missing, 96 inputs of a kind and 2048 characters a text, as Cohere's models have. With
 *   `images: undefined` and `combined: undefined` the model accepts texts only.
 * - `refuse`: fails a request with an input for which it returns an error, or `true` for an `InvalidRequestError`.
 * - `delay`: before each answer.
 * - `policy`: `Policy.none` when missing.
 * - `coalesce`: how long `embed` waits for calls to send together.
 */
export interface Options {
  readonly model?: string | undefined
  readonly dimensions?: number | undefined
  readonly limits?: Partial<Embedding.Limits> | undefined
  readonly refuse?: ((input: Embedding.Input) => boolean | ProviderError.EmbeddingError) | undefined
  readonly delay?: Duration.Input | undefined
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
}

/**
 * The service and its double.
 *
 * The cosine of two texts grows with the words they share: 1 for the same words with the same counts, about 0 for none. An
 * image is one word, by its bytes; each word is one token. Every `vectorType` has the same numbers from -1 to 1: `int8`
 * multiplies them by 127, `uint8` adds 128 to that, and `binary` has a bit for each positive one.
 *
 * Fails with `InvalidRequestError` for invalid options.
 *
 * @example
 * const Test = TestEmbedding.layer({ refuse: (input) => Embedding.textOf(input) === "forbidden" })
 */
export const layer = (
  options: Options = {}
): Layer.Layer<EmbeddingService.EmbeddingService | TestEmbedding, ProviderError.InvalidRequestError> =>
  Layer.effectContext(Effect.gen(function*() {
    const { coalesce, delay, dimensions = 64, model = "test-embedding", policy = Policy.none, refuse, ...settled } =
      yield* Double.optionsOf(fields, options)
    const { attempt, failNext, requests } = Double.failing<Embedding.ProviderBatch, ProviderError.EmbeddingError>(delay)
    const service = yield* EmbeddingService.make({
      provider,
      defaultModel: model,
      limits: () => Effect.succeed({ ...limits, ...settled.limits }),
      embedBatch: attempt(Effect.fnUntraced(function*(batch) {
        const refusal = yield* Effect.try({
          try: () => refusalOf(batch, refuse),
          catch: (cause) => Check.threw({ provider, model: batch.options.model }, "refuse", cause)
        })
        if (refusal !== undefined) return yield* Effect.fail(refusal)
        return answer(batch, batch.options.dimensions ?? dimensions)
      })),
      policy,
      coalesce
    })
    return Context.make(EmbeddingService.EmbeddingService, service).pipe(
      Context.add(TestEmbedding, { batches: requests, failNext })
    )
  }))

const { bound, provider } = Double

const limitsOf = Check.partial({
  maxItems: bound,
  maxLength: bound,
  maxBatchLength: bound,
  images: Check.struct<Embedding.ImageLimits>({
    maxItems: bound,
    maxBytes: Check.optional(bound),
    maxBatchBytes: Check.optional(bound),
    mediaTypes: Check.optional(Check.list(Check.text))
  }),
  combined: Check.struct<Embedding.CombinedLimits>({ maxItems: bound })
})

/** `undefined` removes a limit. */
const changedLimits: Check.Check<Partial<Embedding.Limits>> = (given, at) => {
  const limits = limitsOf(given, at)
  if (limits === Check.refused) return limits
  const gone = (["images", "combined"] as const).filter((name) => Object.hasOwn(given as object, name))
  return { ...Object.fromEntries(gone.map((name) => [name, undefined])), ...limits }
}

const fields = {
  ...Double.fields,
  dimensions: Check.number({ min: 1, max: 65_536, whole: true, remedy: "Use a whole number from 1" }),
  limits: changedLimits,
  refuse: Check.callback<NonNullable<Options["refuse"]>>(),
  coalesce: Check.duration()
}

const limits = { maxItems: 96, maxLength: 2048, images: { maxItems: 96 }, combined: { maxItems: 96 } }

const refusalOf = (
  { inputs, options }: Embedding.ProviderBatch,
  refuse: Options["refuse"]
): ProviderError.EmbeddingError | undefined => {
  const refused = inputs.map((input) => refuse?.(input) ?? false).find((answer) => answer !== false)
  return refused === undefined || ProviderError.isProviderError(refused) ?
    refused :
    new ProviderError.InvalidRequestError({
      provider,
      model: options.model,
      message: "The test model refuses an input of this request"
    })
}

const answer = ({ inputs, options }: Embedding.ProviderBatch, dimensions: number): Embedding.ProviderBatchResult => {
  const hashes = inputs.map(hashesOf)
  return {
    vectors: hashes.map((own) => typed(vector(own, dimensions), options.vectorType)),
    inputTokens: hashes.reduce((sum, own) => sum + own.length, 0)
  }
}

const hashesOf = (input: Embedding.Input): ReadonlyArray<number> => {
  const text = Embedding.textOf(input)
  const words = text === undefined ? [] : Double.words(text)
  const contents = words.map((word) => Array.from({ length: word.length }, (_, index) => word.charCodeAt(index)))
  const image = typeof input === "string" || input.image === undefined ? [] : [input.image.bytes]
  return [...contents, ...image].map((content) => scramble(Checksum.make(content)))
}

const typed = (vector: Float32Array, type: Embedding.VectorType): Embedding.Vector => {
  switch (type) {
    case "float":
      return vector
    case "int8":
      return Int8Array.from(vector, (value) => Math.round(value * 127))
    case "uint8":
      return Uint8Array.from(vector, (value) => Math.round(value * 127) + 128)
    case "binary": {
      const bytes = new Uint8Array(Math.ceil(vector.length / 8))
      vector.forEach((value, index) => {
        const place = index >> 3
        if (value > 0) bytes[place] = bytes[place]! | (0x80 >> (index & 7))
      })
      return bytes
    }
  }
}

const vector = (hashes: ReadonlyArray<number>, dimensions: number): Float32Array => {
  const sum = new Float32Array(dimensions)
  for (const hash of hashes) {
    let state = hash
    for (let feature = 0; feature < features; feature++) {
      const place = state % dimensions
      sum[place] = sum[place]! + (state & 0x10000 ? 1 : -1)
      state = scramble(state)
    }
  }
  const length = Math.hypot(...sum)
  // Words may cancel each other out.
  if (length === 0) sum[0] = 1
  return length === 0 ? sum : sum.map((value) => value / length)
}

/** Dimensions that a word sets: with several, a collision of two words in one is harmless. */
const features = 4

/** The finalizer of MurmurHash3. */
const scramble = (value: number): number => {
  const first = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35)
  return (second ^ (second >>> 16)) >>> 0
}
