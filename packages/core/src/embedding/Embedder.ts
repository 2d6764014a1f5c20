/**
 * An embedding model as a value: four functions, and who they belong to. `EmbeddingService` is the tag it is provided
 * under.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request and how much fits into it, and gets
 * back a service that checks, plans, batches, repeats and reports. Vectors pass through as they come, never copied.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import type { Identity } from "../Identity.ts"
import * as Trait from "../internal/trait.ts"
import * as Costing from "../policy/internal/budget/costing.ts"
import * as Gates from "../policy/internal/gates.ts"
import * as Policy from "../policy/Policy.ts"
import type * as Quota from "../policy/Quota.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Embedding from "./Embedding.ts"
import * as Call from "./internal/call.ts"
import * as Coalescing from "./internal/coalescing.ts"
import * as Inputs from "./internal/inputs.ts"
import * as EmbeddingStream from "./internal/stream.ts"
import * as EmbeddingTelemetry from "./internal/telemetry.ts"
import * as Validation from "./internal/validation.ts"

/** Any failure of an embedding call. */
export type EmbeddingError = ProviderError.EmbeddingError

/**
 * An embedding model. Equal inputs of one call are embedded once and share their vector: do not write into it. Two
 * images are equal when their bytes and media types are.
 *
 * - `embed`: one input. Concurrent calls with equal options share requests; one bad input fails only its own caller.
 * - `embedMany`: all of them, in order, whole or nothing. Fails with the first failure, which names the input
 *   (`inputs[17]`), and interrupts the rest.
 * - `embedEach`: one `Result` for each input, in order: one bad input spoils only itself.
 * - `embedStream`: any number of values, in order unless `unordered`, with backpressure and flat memory. Fails with the
 *   first failure, which names the position of the value in the stream (`inputs[17]`).
 *
 * Inputs and options may be any values, such as the `null` of a row without a text. Where `inputs` is no array, `embedEach`
 * gives one result that says so. Text that holds half a surrogate pair is made well-formed: U+FFFD stands for it.
 *
 * Before anything is sent, and named by its place (`inputs[3]`, `inputs[3].image`), an input fails with
 * - `InvalidRequestError` if it is none, has neither text nor image, its text is blank, or its image has no bytes, a
 *   media type the model does not read, or too many bytes;
 * - `UnsupportedFeatureError` if it has an image, or a text beside its image, and the model takes none;
 * - `ContextLengthExceededError` if its text is longer than the model takes while `truncate` is `none`; a text beside an
 *   image is not cut into pieces, and fails with `chunk` too.
 *
 * An answer with too few, too many, empty or uneven vectors, or of another type than `vectorType`, is a
 * `MalformedResponseError` for the inputs of that request. With `chunk`, an input whose piece fails has failed; its
 * requests and tokens count all the same.
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
  ) => Effect.Effect<ReadonlyArray<Result.Result<Embedding.Embedding, EmbeddingError>>>
  readonly embedStream: <A, E, R>(
    values: Stream.Stream<A, E, R>,
    input: (value: A) => Embedding.Input,
    options?: Embedding.StreamOptions
  ) => Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R>
}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the options name none; `identity`: see {@link Identity}.
 * - `limits`: what the model takes in one request with these options, without any network. Options the model cannot
 *   serve are refused here, a `vectorType` it does not make among them.
 * - `embedBatch`: one attempt at one request, nothing repeated.
 * - `coalesce`: how long `embed` waits for company; when missing, it joins only what is asked in the same tick.
 * - `metering`: what it knows about its quotas.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly limits: (options: Embedding.ResolvedOptions) => Effect.Effect<Embedding.Limits, EmbeddingError>
  readonly embedBatch: (batch: Embedding.ProviderBatch) => Effect.Effect<Embedding.ProviderBatchResult, EmbeddingError>
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
  readonly metering?: Quota.Metering | undefined
}

/**
 * Builds the service of a provider. Fails with `InvalidRequestError` for a policy that cannot be right
 * (`policy.concurrency`).
 */
export const make = (
  provider: Provider
): Effect.Effect<Embedder, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    const { coalesce } = yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
    const costing = yield* Costing.make
    const { cores, gates } = yield* Gates.core(provider.provider, provider.policy ?? Policy.standard)
    const prepare = (options: Embedding.EmbeddingOptions | undefined) =>
      Effect.flatMap(gates, (inForce) => Call.make(provider, { ...inForce, costing }, options))
    const listed = (inputs: unknown) =>
      Effect.suspend(() => Effect.fromResult(Inputs.listed(provider.provider, inputs)))
    const embedOne = Coalescing.make(coalesce)
    return {
      ...Trait.dataOf(provider),
      [Trait.cores]: cores,
      embed: (input, options) =>
        Effect.flatMap(prepare(options), (call) =>
          EmbeddingTelemetry.operation(
            call.target,
            call.options,
            Effect.map(embedOne(call, input), (embedding) => Call.priced(call, embedding)),
            ({ cost, inputTokens }) => ({ inputs: 1, inputTokens, cost })
          )),
      embedMany: Effect.fnUntraced(function*(given, options) {
        const call = yield* prepare(options)
        const inputs = yield* listed(given)
        return yield* EmbeddingTelemetry.operation(
          call.target,
          call.options,
          Call.embedMany(call, inputs),
          ({ cost, requests, usage }) => ({ inputs: inputs.length, requests, inputTokens: usage.inputTokens, cost })
        )
      }),
      embedEach: (given, options) =>
        Effect.matchEffect(listed(given), {
          onFailure: (error) => Effect.succeed([Result.fail(error)]),
          onSuccess: (inputs) =>
            Effect.matchEffect(prepare(options), {
              onFailure: (error) => Effect.succeed(inputs.map(() => Result.fail(error))),
              onSuccess: (call) =>
                Effect.map(
                  EmbeddingTelemetry.operation(
                    call.target,
                    call.options,
                    Call.embedEach(call, inputs),
                    (each) => ({ ...each, inputs: inputs.length, cost: call.costOf(each.inputTokens) })
                  ),
                  (each) => each.results
                )
            })
        }),
      embedStream: (values, input, given) =>
        Stream.unwrap(Effect.gen(function*() {
          const { options, pace } = yield* Validation.settleStream(provider.provider, { values, input }, given)
          return EmbeddingStream.make(yield* prepare(options), values, input, pace)
        }))
    }
  })

/** A service with a core: itself, or a hand-made one wrapped as a provider, whose own data stay visible. */
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
        ({ embeddings, usage }) => ({ vectors: embeddings.map(({ vector }) => vector), inputTokens: usage.inputTokens })
      )
  }
}

/** The data of a {@link Provider} that may be any value; policy and budgets have checks of their own. */
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
