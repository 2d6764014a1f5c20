/**
 * Embeds texts and images: the service and its decorators, which work in any order.
 *
 * `Embedder` is what the tag holds, and how a provider builds one.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as CanonicalText from "../cache/internal/canonicalText.ts"
import * as Check from "../Check.ts"
import { defined, untagged } from "../internal/defined.ts"
import * as Middleware from "../internal/middleware.ts"
import * as Trait from "../internal/trait.ts"
import type * as Budget from "../policy/Budget.ts"
import * as Clocks from "../policy/internal/clocks.ts"
import * as Gates from "../policy/internal/gates.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as Pool from "../policy/Pool.ts"
import * as Embedder from "./Embedder.ts"
import type * as Embedding from "./Embedding.ts"
import type * as EmbeddingCache from "./EmbeddingCache.ts"
import * as Caching from "./internal/cache/caching.ts"
import * as EmbeddingPool from "./internal/pool.ts"
import * as Validation from "./internal/validation.ts"

export { make } from "./Embedder.ts"
export type { EmbeddingError, Provider } from "./Embedder.ts"

/** The tag of the embedding service; what it holds is an {@link Embedder.Embedder}. */
export class EmbeddingService
  extends Context.Service<EmbeddingService, Embedder.Embedder>()("@strata/core/embedding/EmbeddingService")
{}

/**
 * One input. Concurrent calls with equal options share requests.
 *
 * @example
 * const { vector } = yield* EmbeddingService.embed("Where is the station?", { purpose: "query" })
 */
export const embed = (
  input: Embedding.Input,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<Embedding.Embedding, Embedder.EmbeddingError, EmbeddingService> =>
  EmbeddingService.use((service) => service.embed(input, options))

/**
 * All inputs, in order, all or nothing.
 *
 * @example
 * const { embeddings } = yield* EmbeddingService.embedMany(["The station is in the north.", "The museum is closed."])
 */
export const embedMany = (
  inputs: ReadonlyArray<Embedding.Input>,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<Embedding.EmbeddingBatch, Embedder.EmbeddingError, EmbeddingService> =>
  EmbeddingService.use((service) => service.embedMany(inputs, options))

/** One `Result` for each input, in order: a bad input fails only itself. With what all of them took together. */
export const embedEach = (
  inputs: ReadonlyArray<Embedding.Input>,
  options?: Embedding.EmbeddingOptions
): Effect.Effect<Embedding.EmbeddingResults, never, EmbeddingService> =>
  EmbeddingService.use((service) => service.embedEach(inputs, options))

/**
 * Every value of a stream with its embedding, in order unless `unordered`. Values that are inputs need no function.
 *
 * A request is sent when it is full, or `flushAfter` (50 ms) after its first value. Where kinds alternate, a full request of
 * one kind sends those of the others too. Equal inputs are embedded once only within a request, so memory stays flat.
 *
 * @example
 * EmbeddingService.embedStream(pages, (page) => page.text, { purpose: "document" })
 */
export const embedStream: {
  <A, E, R>(
    values: Stream.Stream<A, E, R>,
    input: (value: A) => Embedding.Input,
    options?: Embedding.StreamOptions
  ): Stream.Stream<Embedding.Embedded<A>, E | Embedder.EmbeddingError, R | EmbeddingService>
  <A extends Embedding.Input, E, R>(
    values: Stream.Stream<A, E, R>,
    options?: Embedding.StreamOptions
  ): Stream.Stream<Embedding.Embedded<A>, E | Embedder.EmbeddingError, R | EmbeddingService>
} = <A extends Embedding.Input, E, R>(
  values: Stream.Stream<A, E, R>,
  input: ((value: A) => Embedding.Input) | Embedding.StreamOptions = identity,
  options?: Embedding.StreamOptions
) =>
  Stream.unwrap(EmbeddingService.useSync((service) =>
    typeof input === "function"
      ? service.embedStream(values, input, options)
      : service.embedStream(values, identity, input)
  ))

/** Decorates a service with a middleware: a function from a service to a service. See `ChatService.transform`. */
export const transform: Middleware.Transform<EmbeddingService, Embedder.Embedder> = Middleware.make(
  EmbeddingService,
  ["embed", "embedMany", "embedEach", "embedStream"],
  Embedder.cored
)

const decorator = Middleware.decorator(transform)

/** Applies a policy to the service below. The outermost policy replaces inner ones and the option of the layer. */
export const withPolicy: Middleware.Decorator<EmbeddingService, [policy: Policy.Policy]> = decorator(
  (embedder, policy: Policy.Policy) =>
    Effect.map(Gates.policy(embedder, policy), (gates) => ({
      ...around(embedder, gates, identity),
      [Trait.policies]: gates[Trait.policies]
    }))
)

/**
 * Applies a budget to the provider below: a request that could exceed it fails with `BudgetExceededError` before it is
 * sent. Several budgets add up; the same one counts once, also with `ChatService.withBudget`.
 *
 * Each request counts, retries included: its texts at the price of the model (`Pricing`), without which it fails with
 * `InvalidRequestError`; estimated before, exact afterwards when the provider counts tokens. A refused request costs
 * nothing. Prices per image are not supported.
 */
export const withBudget: Middleware.Decorator<EmbeddingService, [budget: Budget.Budget]> = decorator(
  (embedder, budget: Budget.Budget) =>
    Effect.map(Gates.budget(embedder, budget), (gates) => around(embedder, gates, identity))
)

/**
 * Default options of all calls, of which the outermost win. The options of a provider are replaced as a whole.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(EmbeddingService.withDefaults({ dimensions: 512 }))
 */
export const withDefaults: Middleware.Decorator<EmbeddingService, [defaults: Embedding.EmbeddingOptions]> = decorator(
  (embedder, given: Embedding.EmbeddingOptions) =>
    Effect.map(Check.run(Validation.options, given, { provider: "strata", field: "defaults" }), (defaults) => ({
      ...around(embedder, { effect: identity, stream: identity }, joined(defaults)),
      defaultModel: defaults.model ?? embedder.defaultModel,
      identity: { defaults: CanonicalText.make(untagged(defaults)) ?? null, of: embedder.identity ?? null }
    }))
)

/** Options of a call with defaults; invalid options are left for the service to refuse. */
const joined = (defaults: Embedding.EmbeddingOptions): ChangeOptions => (given) =>
  Result.getOrElse(
    Result.try(() => Predicate.isObject(given ?? {}) ? { ...defaults, ...defined(given ?? {}) } : given),
    () => given
  )

/**
 * A pool of lanes: services of one model in several regions, accounts, inference profiles or at several providers. Each
 * request of a call goes to the lane that has the most room, as `ChatService.withPool` says; so the requests of one call, or
 * of one stream, are divided between lanes. Each embedding has the name of its `lane`.
 *
 * The lanes must be the same model, since vectors of different ones cannot be compared: the layer fails with
 * `InvalidRequestError` where their ids name different models, and a request with `MalformedResponseError` where a lane
 * answers with vectors of another length. Set options such as `dimensions` around the pool.
 *
 * @example
 * EmbeddingService.withPool({ "us-east-1": inRegion("us-east-1"), "us-west-2": inRegion("us-west-2") })
 */
export const withPool: <const L extends Pool.Lanes<EmbeddingService>>(
  lanes: L,
  options?: Omit<Pool.Options, "model">
) => Middleware.Decorated<
  EmbeddingService,
  Layer.Error<Pool.LayerOf<L>>,
  Layer.Services<Pool.LayerOf<L>>
> = ((lanes: never, options?: never) => EmbeddingPool.layer(EmbeddingService, lanes, options)) as never // each layer's types

/** Limits the time of everything below. Calls and streams fail with `TimeoutError` of phase `deadline`. */
export const withDeadline: Middleware.Decorator<EmbeddingService, [deadline: Duration.Input]> = decorator(
  (embedder, deadline: Duration.Input) =>
    Effect.map(Clocks.deadline(deadline), (duration) => {
      const { defaultModel = "unknown", provider = "strata" } = embedder
      const asked = (options?: Embedding.EmbeddingOptions) => ({ provider, model: options?.model ?? defaultModel })
      const within = (options?: Embedding.EmbeddingOptions) => Clocks.within("deadline", duration, asked(options))
      return {
        embed: (input, options) => within(options)(embedder.embed(input, options)),
        embedMany: (inputs, options) => within(options)(embedder.embedMany(inputs, options)),
        embedEach: (inputs, options) =>
          Effect.catch(
            within(options)(embedder.embedEach(inputs, options)),
            (error) =>
              Effect.succeed({
                results: (Check.itemsOf(inputs) ?? [inputs]).map(() => Result.fail(error)),
                usage: { inputTokens: undefined },
                model: asked(options).model,
                requests: 0
              })
          ),
        embedStream: (values, input, options) =>
          Clocks.bounded(embedder.embedStream(values, input, options), duration, asked(options), identity)
      }
    })
)

/**
 * Puts a cache in front of a service; `EmbeddingCache` is its store, by default in memory.
 *
 * - The key is a hash of everything that decides a vector: content, provider, model, options but `requestMetadata`.
 * - Only misses reach the service, and have requests, tokens and costs. Concurrent calls do not wait for each other.
 * - The cache fails open: after an error, or no answer within a second, the store is not used for five seconds.
 * - A call is not cached when it has no model, or when its options contain what has no canonical form, such as a function.
 *
 * Counts distinct inputs in `strata.embedding.cache.hits` and `misses`, `failures` of the store, and `drops` of vectors.
 *
 * @example
 * BedrockEmbedding.layer({ model }).pipe(
 *   EmbeddingService.withCache({ timeToLive: "30 days" }),
 *   Layer.provide(EmbeddingCache.layerMemory({ capacity: 50_000, maxBytes: 256_000_000 }))
 * )
 */
export const withCache: Middleware.Decorator<EmbeddingService, [options?: EmbeddingCache.Options]> = decorator(
  Caching.make,
  Middleware.startsWithLayer
)

type ChangeOptions = (given: Embedding.StreamOptions | undefined) => Embedding.StreamOptions | undefined

/** A service with its calls and their options changed. */
const around = (
  embedder: Embedder.Embedder,
  { effect, stream }: Gates.Handing,
  change: ChangeOptions
): Embedder.Embedder => ({
  ...embedder,
  embed: (input, options) => effect(embedder.embed(input, change(options))),
  embedMany: (inputs, options) => effect(embedder.embedMany(inputs, change(options))),
  embedEach: (inputs, options) => effect(embedder.embedEach(inputs, change(options))),
  embedStream: (values, input, options) => stream(embedder.embedStream(values, input, change(options)))
})
