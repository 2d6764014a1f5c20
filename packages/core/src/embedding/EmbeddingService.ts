/**
 * Turns texts and images into vectors.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request and how much fits into it, and gets
 * back a service that checks, plans, batches, repeats and reports. Vectors pass through as they come, never copied.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual, identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as DecoratedLayer from "../internal/decorated.ts"
import type * as Budget from "../policy/Budget.ts"
import * as Costing from "../policy/internal/budget/costing.ts"
import * as BudgetGate from "../policy/internal/budget/gate.ts"
import * as Enforcement from "../policy/internal/enforcement.ts"
import * as Policy from "../policy/Policy.ts"
import type * as Quota from "../policy/Quota.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Embedding from "./Embedding.ts"
import type * as EmbeddingCache from "./EmbeddingCache.ts"
import * as Caching from "./internal/cache/caching.ts"
import * as Call from "./internal/call.ts"
import * as Coalescing from "./internal/coalescing.ts"
import * as Inputs from "./internal/inputs.ts"
import * as EmbeddingStream from "./internal/stream.ts"
import * as EmbeddingTelemetry from "./internal/telemetry.ts"
import * as Validation from "./internal/validation.ts"

/** Any failure of an embedding call. */
export type EmbeddingError = ProviderError.ProviderError

/**
 * The embedding service. Equal inputs of one call are embedded once and share their vector: do not write into it. Two
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
    input: (value: A) => Embedding.Input,
    options?: Embedding.StreamOptions
  ) => Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R>
}>()("@strata/core/embedding/EmbeddingService") {}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the options name none.
 * - `limits`: what the model takes in one request with these options, without any network. Options the model cannot
 *   serve are refused here, a `vectorType` it does not make among them.
 * - `embedBatch`: one attempt at one request, nothing repeated.
 * - `coalesce`: how long `embed` waits for company; when missing, it joins only what is asked in the same tick.
 * - `metering`: what it knows about its quotas.
 * - `budgets`: what its calls may cost, see {@link withBudget}.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly limits: (options: Embedding.ResolvedOptions) => Effect.Effect<Embedding.Limits, EmbeddingError>
  readonly embedBatch: (batch: Embedding.ProviderBatch) => Effect.Effect<Embedding.ProviderBatchResult, EmbeddingError>
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
  readonly metering?: Quota.Metering | undefined
  readonly budgets?: ReadonlyArray<Budget.Budget> | undefined
}

/**
 * Builds the service of a provider. Fails with `InvalidRequestError` for a policy or a budget that cannot be right
 * (`policy.concurrency`).
 */
export const make = (
  provider: Provider
): Effect.Effect<EmbeddingService["Service"], ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    const { coalesce } = yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
    const { budgets, policy = Policy.standard } = provider
    const inForce = {
      enforcement: yield* Enforcement.make(policy, provider.provider),
      budget: yield* BudgetGate.make(budgets, provider.provider),
      costing: yield* Costing.make
    }
    const prepare = (options: Embedding.EmbeddingOptions | undefined) => Call.make(provider, inForce, options)
    const listed = (inputs: unknown) =>
      Effect.suspend(() => Effect.fromResult(Inputs.listed(provider.provider, inputs)))
    const embedOne = Coalescing.make(coalesce)
    const service = EmbeddingService.of({
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
    })
    providers.set(service, provider)
    return service
  })

/** One input. Concurrent calls with equal options share requests. */
export const embed = (
  input: Embedding.Input,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<Embedding.Embedding, EmbeddingError, EmbeddingService> =>
  Effect.flatMap(EmbeddingService, (service) => service.embed(input, options))

/** All of them, in order, whole or nothing. */
export const embedMany = (
  inputs: ReadonlyArray<Embedding.Input>,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<Embedding.EmbeddingBatch, EmbeddingError, EmbeddingService> =>
  Effect.flatMap(EmbeddingService, (service) => service.embedMany(inputs, options))

/** One `Result` for each input, in order: one bad input spoils only itself. */
export const embedEach = (
  inputs: ReadonlyArray<Embedding.Input>,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<ReadonlyArray<Result.Result<Embedding.Embedding, EmbeddingError>>, never, EmbeddingService> =>
  Effect.flatMap(EmbeddingService, (service) => service.embedEach(inputs, options))

/**
 * Every value of a stream with its embedding, in order unless `unordered`. Values that are inputs need no function.
 *
 * A request goes out when it is full, or `flushAfter` (50 ms) after its first value came; values of one kind fill their
 * requests, and where kinds alternate each gets at most one request for each full one of another. Equal inputs are
 * embedded once only where they meet in one request: memory stays flat however long the stream is.
 *
 * @example
 * EmbeddingService.embedStream(documents, (document) => document.body, { purpose: "document" })
 */
export const embedStream: {
  <A, E, R>(
    values: Stream.Stream<A, E, R>,
    input: (value: A) => Embedding.Input,
    options?: Embedding.StreamOptions
  ): Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R | EmbeddingService>
  <A extends Embedding.Input, E, R>(
    values: Stream.Stream<A, E, R>,
    options?: Embedding.StreamOptions
  ): Stream.Stream<Embedding.Embedded<A>, E | EmbeddingError, R | EmbeddingService>
} = <A extends Embedding.Input, E, R>(
  values: Stream.Stream<A, E, R>,
  input: ((value: A) => Embedding.Input) | Embedding.StreamOptions = identity,
  options?: Embedding.StreamOptions
) =>
  Stream.unwrap(Effect.map(EmbeddingService, (service) =>
    typeof input === "function"
      ? service.embedStream(values, input, options)
      : service.embedStream(values, identity, input)))

/**
 * Replaces the policy of a service.
 *
 * A service that `make` did not build has no policy to replace: it gets this one on top of whatever it does itself, and
 * `custom` stands for its model where a call names none.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(EmbeddingService.withPolicy(Policy.make({ concurrency: 8 })))
 */
export const withPolicy: {
  (policy: Policy.Policy): <E, R>(self: Layer.Layer<EmbeddingService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, policy: Policy.Policy): Decorated<E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, policy: Policy.Policy): Decorated<E, R> =>
    DecoratedLayer.make(
      EmbeddingService,
      self,
      (service) => make({ ...(providers.get(service) ?? custom(service)), policy })
    )
)

/** A decorated service; its layer fails for options that cannot be right as well. */
export type Decorated<E, R> = Layer.Layer<EmbeddingService, E | ProviderError.InvalidRequestError, R>

/**
 * Puts a service on a budget: a request that could cost more than is left fails with `BudgetExceededError`, before it is
 * sent. Several budgets hold together, and `ChatService.withBudget` can put chat on the same one.
 *
 * - Each request of a call is accounted for by itself: its texts at the price of the model (`Pricing`), estimated before
 *   and exact afterwards where the provider counts. A model without a price fails with `InvalidRequestError`. Prices by
 *   image are not known to it.
 * - Once for a request however often it was repeated. One that was refused costs nothing; one that failed or was
 *   interrupted with nobody knowing how far it got costs what was estimated.
 * - Decorate the layer of the provider: it knows its model. `withPolicy` before or after makes no difference: a budget
 *   stays around the policy. `withCache` comes after it: known vectors are free.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(
 *   EmbeddingService.withBudget(Budget.make({ name: "search", perRun: 5 })),
 *   EmbeddingService.withCache(),
 *   Layer.provide(Pricing.layer(prices))
 * )
 */
export const withBudget: {
  (budget: Budget.Budget): <E, R>(self: Layer.Layer<EmbeddingService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, budget: Budget.Budget): Decorated<E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, budget: Budget.Budget): Decorated<E, R> =>
    DecoratedLayer.make(EmbeddingService, self, (service) => {
      const provider = providers.get(service) ?? { ...custom(service), policy: Policy.none }
      return make({ ...provider, budgets: [...provider.budgets ?? [], budget] })
    })
)

/**
 * Puts a cache in front of a service: `EmbeddingCache` keeps the vectors, in memory unless a layer says otherwise.
 * Decorate last, so that policies and budgets apply to what is sent and not to what is known.
 *
 * - An input is known by everything that decides on its vector: its content, provider, model, all options of the call.
 * - Only unknown inputs reach the service: requests and usage are theirs, and the position an error names
 *   (`inputs[17]`) is the caller's. A known input costs nothing. A call of known inputs only sends nothing.
 * - The cache never fails a call. Vectors it cannot read or write are computed; the first failure is logged. A store
 *   that takes longer than a second has failed, and is not asked again for ten.
 * - Equal inputs asked for at the same time by different calls are each computed.
 * - A call is not cached when nothing names its model, or when its options hold what has no text of its own, such as
 *   a function.
 *
 * Counts inputs in `strata.embedding.cache.hits` and `strata.embedding.cache.misses`, equal texts of a call once, and
 * failed steps in `strata.embedding.cache.failures`.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(
 *   EmbeddingService.withCache({ timeToLive: "30 days" }),
 *   Layer.provide(EmbeddingCache.layerMemory({ capacity: 50_000, maxBytes: 256_000_000 }))
 * )
 */
export const withCache: {
  (options?: EmbeddingCache.Options): <E, R>(self: Layer.Layer<EmbeddingService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, options?: EmbeddingCache.Options): Decorated<E, R>
} = dual(
  (args) => Check.holds(Layer.isLayer, args[0]),
  <E, R>(self: Layer.Layer<EmbeddingService, E, R>, options?: EmbeddingCache.Options): Decorated<E, R> =>
    DecoratedLayer.make(EmbeddingService, self, (service) => Caching.make(service, options))
)

/** A service from elsewhere as a provider: it divides what it is given itself. */
const custom = (service: EmbeddingService["Service"]): Provider => ({
  provider: "custom",
  defaultModel: "custom",
  limits: () =>
    Effect.succeed({
      maxItems: Infinity,
      maxLength: Infinity,
      images: { maxItems: Infinity },
      combined: { maxItems: Infinity }
    }),
  embedBatch: ({ inputs, options: { model, ...options } }) =>
    Effect.map(service.embedMany(inputs, model === "custom" ? options : { ...options, model }), (batch) => ({
      vectors: batch.embeddings.map(({ vector }) => vector),
      inputTokens: batch.usage.inputTokens
    }))
})

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

const providers = new WeakMap<EmbeddingService["Service"], Provider>()
