/**
 * An embedding model as a value: four functions and its identity. `EmbeddingService` is its tag.
 *
 * {@link make} turns a provider, which sends one request within known limits, into a service that validates, batches and
 * retries, and records telemetry. Vectors are not copied.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import * as Trait from "../internal/trait.ts"
import * as Costing from "../policy/internal/budget/costing.ts"
import * as Gates from "../policy/internal/gates.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Embedding from "./Embedding.ts"
import * as Call from "./internal/call.ts"
import * as Coalescing from "./internal/coalescing.ts"
import * as Execution from "./internal/execution.ts"
import * as Inputs from "./internal/inputs.ts"
import * as EmbeddingStream from "./internal/stream.ts"
import * as EmbeddingTelemetry from "./internal/telemetry.ts"
import * as Validation from "./internal/validation.ts"

/** Any failure of an embedding call. */
export type EmbeddingError = ProviderError.EmbeddingError

/**
 * An embedding model. Equal inputs of one call share one vector: do not write into it.
 *
 * - `embed`: one input. Concurrent calls with equal options share requests; a bad input fails only its own caller.
 * - `embedMany`: all inputs, in order, all or nothing. The first failure names its input (`inputs[17]`).
 * - `embedEach`: one `Result` for each input, in order, with usage and cost; when `inputs` is not an array, one failure.
 * - `embedStream`: any number of values, in order unless `unordered`, with backpressure and flat memory. Fails with the
 *   first failure, which names the index of the value in the stream (`inputs[17]`).
 *
 * Inputs and options may be any values, such as the `null` of a row without text. Before anything is sent, an input fails,
 * named by its place (`inputs[3]`, `inputs[3].image`), with
 * - `InvalidRequestError` if it is not an input, its text is blank or not well-formed (half a surrogate pair), or its image
 *   is empty, too large, or of a media type the model does not read;
 * - `UnsupportedFeatureError` if the model takes no images, or no texts with images;
 * - `ContextLengthExceededError` if its text exceeds the model's limit while `truncate` is `none`, or, beside an image,
 *   `chunk`.
 *
 * An answer with a wrong number of vectors, or vectors of a wrong length or type, is a `MalformedResponseError` for the
 * inputs of that request. With `chunk`, an input fails when a piece does; its requests and tokens count all the same.
 */
export interface Embedder extends Trait.Trait {
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
  ) => Effect.Effect<Embedding.EmbeddingResults>
  readonly embedStream: <A, E, R>(
    values: Stream.Stream<A, E, R>,
    input: (value: A) => Embedding.Input,
    options?: Embedding.StreamOptions
  ) => Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R>
}

/** What {@link make} needs of a provider. */
export type Provider = Embedding.Provider

/** Builds the service of a provider. Fails with `InvalidRequestError` for an invalid policy (`policy.concurrency`). */
export const make = Effect.fnUntraced(function*(
  provider: Provider
): Effect.fn.Return<Embedder, ProviderError.InvalidRequestError, Scope.Scope> {
  const { coalesce } = yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
  const costing = yield* Costing.make
  const { cores, gates } = yield* Gates.core(
    provider.provider,
    provider.policy ?? Policy.standard,
    (model = provider.defaultModel ?? "unknown") => Call.targetOf(provider, model)
  )
  const [core] = cores
  if (core !== undefined) providers.set(core, provider)
  return assembled(
    provider,
    cores,
    coalesce,
    (options) => Effect.flatMap(gates, (inForce) => Call.make(provider, inForce, costing, options))
  )
})

/** The providers of cores, for what passes requests on to them. */
const providers = new WeakMap<Trait.Core, Provider>()

/**
 * The provider of the first core of a service.
 *
 * @internal
 */
export const providerOf = ({ [Trait.cores]: cores = [] }: Trait.Trait): Provider | undefined =>
  cores[0] && providers.get(cores[0])

/**
 * A service whose requests `provider` passes on to others, `window` at once, and whose cores are those of the others.
 *
 * @internal
 */
export const passingOn = (
  provider: Provider,
  cores: ReadonlyArray<Trait.Core>,
  window: number
): Effect.Effect<Embedder> =>
  Effect.map(
    Costing.make,
    (costing) => assembled(provider, cores, undefined, (options) => Call.passedOn(provider, costing, window, options))
  )

const assembled = (
  provider: Provider,
  cores: ReadonlyArray<Trait.Core>,
  coalesce: Duration.Duration | undefined,
  prepare: (options: unknown) => Effect.Effect<Call.Call, EmbeddingError>
): Embedder => {
  const listed = (inputs: unknown) => Effect.suspend(() => Effect.fromResult(Inputs.listed(provider.provider, inputs)))
  const embedOne = Coalescing.make(coalesce)
  return {
    ...Trait.dataOf(provider),
    [Trait.cores]: cores,
    embed: (input, options) =>
      Effect.flatMap(
        prepare(options),
        (call) =>
          EmbeddingTelemetry.operation(call, embedOne(call, input), ({ inputTokens }) => ({ inputs: 1, inputTokens }))
      ),
    embedMany: Effect.fnUntraced(function*(given, options) {
      const call = yield* prepare(options)
      const inputs = yield* listed(given)
      return yield* EmbeddingTelemetry.operation(
        call,
        Execution.embedMany(call, inputs),
        ({ requests, usage }) => ({ inputs: inputs.length, requests, inputTokens: usage.inputTokens })
      )
    }),
    embedEach: Effect.fnUntraced(function*(given, options) {
      const inputs = yield* Effect.result(listed(given))
      const model = provider.defaultModel ?? "unknown"
      if (Result.isFailure(inputs)) return unsent(model, [Result.fail(inputs.failure)])
      const call = yield* Effect.result(prepare(options))
      if (Result.isFailure(call)) return unsent(model, inputs.success.map(() => Result.fail(call.failure)))
      return yield* EmbeddingTelemetry.operation(
        call.success,
        Execution.embedEach(call.success, inputs.success),
        ({ requests, results, usage }) => ({ inputs: results.length, requests, inputTokens: usage.inputTokens })
      )
    }),
    embedStream: (values, input, given) =>
      Stream.unwrap(Effect.gen(function*() {
        const stream = yield* Validation.settleStream(provider.provider, { values, input }, given)
        const { flushAfter, unordered, ...options } = stream
        return EmbeddingStream.make(yield* prepare(options), values, input, { flushAfter, unordered })
      }))
  }
}

/** Results of a call for which nothing was sent. */
const unsent = (model: string, results: Embedding.EmbeddingResults["results"]): Embedding.EmbeddingResults => ({
  results,
  usage: { inputTokens: 0 },
  model,
  requests: 0,
  cost: Cost.empty
})

/**
 * A service with a core: itself, or a hand-made one wrapped as a provider, whose own data stay visible. Fails with
 * `InvalidRequestError` for a value that is no service.
 */
export const cored = (service: Embedder): Effect.Effect<Embedder, ProviderError.InvalidRequestError, Scope.Scope> =>
  service[Trait.cores] !== undefined
    ? Effect.succeed(service)
    : Effect.map(
      make(custom(service)),
      (made) => ({ ...made, ...Trait.dataOf(service), [Trait.cores]: made[Trait.cores] })
    )

/** A hand-made service as a provider without limits of its own. */
const custom = (service: Embedder): Provider => {
  const { defaultModel = "custom", provider = "custom" } = service
  const unlimited = { maxItems: Infinity }
  return {
    provider,
    defaultModel,
    policy: Policy.none,
    limits: () => Effect.succeed({ ...unlimited, maxLength: Infinity, images: unlimited, combined: unlimited }),
    embedBatch: ({ inputs, options: { model, ...options } }) =>
      Effect.map(
        service.embedMany(inputs, model === defaultModel ? options : { ...options, model }),
        ({ embeddings, model, usage }) => ({
          vectors: embeddings.map(({ vector }) => vector),
          model,
          inputTokens: usage.inputTokens
        })
      )
  }
}

const providerShape = Check.struct<
  Pick<Provider, "provider" | "defaultModel" | "limits" | "embedBatch"> & {
    readonly coalesce?: Duration.Duration | undefined
  }
>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  limits: Check.callback(),
  embedBatch: Check.callback(),
  coalesce: Check.optional(Check.duration())
}, { others: "ignored" })
