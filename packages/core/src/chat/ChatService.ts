/**
 * Asks a chat model.
 *
 * A provider hands {@link make} the smallest thing it knows, how to send one request, and gets back a service that
 * checks requests before any network, applies the policy and reports what it does.
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as DecoratedLayer from "../internal/decorated.ts"
import type * as Budget from "../policy/Budget.ts"
import * as BudgetGate from "../policy/internal/budget/gate.ts"
import * as Enforcement from "../policy/internal/enforcement.ts"
import * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Telemetry from "../Telemetry.ts"
import type * as ChatCache from "./ChatCache.ts"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import * as Fallback from "./Fallback.ts"
import * as BudgetChat from "./internal/budget.ts"
import * as Caching from "./internal/cache/caching.ts"
import * as ChatCompletion from "./internal/completion.ts"
import * as ChatFallback from "./internal/fallback.ts"
import * as ChatMetering from "./internal/metering.ts"
import * as ChatOutcome from "./internal/outcome.ts"
import * as ChatTelemetry from "./internal/telemetry.ts"
import * as ChatValidation from "./internal/validation.ts"
import * as StructuredOutput from "./StructuredOutput.ts"

/** Any failure of a chat call. */
export type ChatError = ProviderError.ProviderError

/**
 * The chat service.
 *
 * - `generate`: the whole answer at once.
 * - `stream`: the answer as the model writes it; ends with exactly one `finish` event, or fails.
 */
export class ChatService extends Context.Service<ChatService, {
  readonly generate: (request: ChatRequest.ChatRequest) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<ChatEvent.ChatEvent, ChatError>
}>()("@strata/core/chat/ChatService") {}

/**
 * What a provider knows.
 *
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`aws.bedrock`).
 * - `defaultModel`: asked when the request names none.
 * - `generate`, `stream`: one attempt, nothing repeated; the stream ends with `finish` or fails, and closes its
 *   connection when its scope closes.
 * - `metering`: what it knows about its quotas.
 * - `budgets`: what its calls may cost, see {@link withBudget}.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly generate: (request: ChatRequest.Resolved) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.Resolved) => Stream.Stream<ChatEvent.ChatEvent, ChatError>
  readonly policy?: Policy.Policy | undefined
  readonly metering?: ChatMetering.Metering | undefined
  readonly budgets?: ReadonlyArray<Budget.Budget> | undefined
}

/**
 * Builds the service of a provider. Its functions take any value in place of a request: what cannot be one fails with an
 * `InvalidRequestError` that names the place (`messages[2].content[0].source`), before anything is sent.
 *
 * Fails with `InvalidRequestError` for a policy or a budget that cannot be right (`policy.concurrency`).
 */
export const make = (
  provider: Provider
): Effect.Effect<ChatService["Service"], ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
    const { budgets, policy = Policy.standard } = provider
    const enforcement = yield* Enforcement.make(policy, provider.provider)
    const budget = yield* BudgetGate.make(budgets, provider.provider)
    const outcome = yield* ChatOutcome.make
    const resolve = (request: ChatRequest.ChatRequest) => ChatValidation.resolve(provider, request)
    const target = (request: ChatRequest.Resolved): Telemetry.Target => ({
      operation: "chat",
      provider: provider.provider,
      model: request.model,
      scope: provider.metering?.scope?.(request.model)
    })
    const service = ChatService.of({
      generate: (request) =>
        Effect.flatMap(resolve(request), (resolved) => {
          const asked = target(resolved)
          const metering = ChatMetering.make(provider.metering, resolved)
          const answer = Effect.flatMap(
            Effect.suspend(() => provider.generate(resolved)),
            (response) => outcome.response(asked, response)
          )
          const enforced = enforcement.call(answer, asked, metering)
          return ChatTelemetry.generate(asked, resolved, budget.call(enforced, BudgetChat.meter(asked, metering)))
        }),
      stream: (request) =>
        Stream.unwrap(Effect.map(resolve(request), (resolved) => {
          const asked = target(resolved)
          const metering = ChatMetering.make(provider.metering, resolved)
          const enforced = enforcement.stream(
            outcome.stream(asked, ChatCompletion.complete(provider, resolved)),
            asked,
            metering
          )
          return ChatTelemetry.stream(asked, resolved, budget.stream(enforced, BudgetChat.meter(asked, metering)))
        }))
    })
    rebuild.set(
      service,
      ({ budgets, policy }) =>
        make({ ...provider, policy: policy ?? provider.policy, budgets: [...provider.budgets ?? [], ...budgets ?? []] })
    )
    return service
  })

/** The whole answer. */
export const generate = (
  input: ChatRequest.Input
): Effect.Effect<ChatResponse.ChatResponse, ChatError, ChatService> =>
  Effect.flatMap(ChatService, (service) => service.generate(ChatRequest.make(input)))

/** The text of the answer. */
export const text = (input: ChatRequest.Input): Effect.Effect<string, ChatError, ChatService> =>
  Effect.map(generate(input), (response) => response.text)

/** The answer as the model writes it. */
export const stream = (
  input: ChatRequest.Input
): Stream.Stream<ChatEvent.ChatEvent, ChatError, ChatService> =>
  Stream.unwrap(Effect.map(ChatService, (service) => service.stream(ChatRequest.make(input))))

/** The text of the answer as the model writes it. */
export const textStream = (input: ChatRequest.Input): Stream.Stream<string, ChatError, ChatService> =>
  Stream.map(
    Stream.filter(stream(input), (event) => event.type === "text-delta"),
    (event) => event.delta
  )

/**
 * An answer that is a value of a schema. The answer itself comes along: its `usage`, its `message` for the history.
 *
 * The model is asked for JSON that fits the schema, and what it writes is decoded with all the schema's checks. With
 * `repairs` it is asked again when it did not fit. Fails with `StructuredOutputError` when it still does not, or when
 * the answer was cut or withheld, and with `InvalidRequestError` when the schema has no JSON form.
 *
 * @example
 * const Recipe = Schema.Struct({ title: Schema.String, minutes: Schema.Int, steps: Schema.Array(Schema.String) })
 *
 * const { value, usage } = yield* ChatService.object(Recipe, "A quick soup, please", { repairs: 1 })
 */
export const object = <S extends StructuredOutput.AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: StructuredOutput.Options
): Effect.Effect<StructuredOutput.ObjectResponse<S["Type"]>, ChatError, ChatService | S["DecodingServices"]> =>
  Effect.flatMap(ChatService, (service) => StructuredOutput.generate(service, schema, input, options)).pipe(
    Effect.withSpan("ChatService.object")
  )

/**
 * A value of a schema as the model writes it: `partial` events with what there is of it, then one `object` event with the
 * decoded value and the answer. Fails as {@link object} does; nothing is repaired.
 *
 * @example
 * ChatService.objectStream(Recipe, "A quick soup, please").pipe(
 *   Stream.tap((event) => event.type === "partial" ? render(event.value.steps ?? []) : save(event.value)),
 *   Stream.runDrain
 * )
 */
export const objectStream = <S extends StructuredOutput.AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: StructuredOutput.FormatOptions
): Stream.Stream<
  StructuredOutput.ObjectEvent<S["Type"], S["Encoded"]>,
  ChatError,
  ChatService | S["DecodingServices"]
> =>
  Stream.unwrap(Effect.map(ChatService, (service) => StructuredOutput.stream(service, schema, input, options))).pipe(
    Stream.withSpan("ChatService.objectStream")
  )

/**
 * Replaces the policy of a service.
 *
 * A service that `make` did not build keeps whatever it does itself and gets this policy on top.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withPolicy(Policy.make({ concurrency: 8 })))
 */
export const withPolicy: {
  (policy: Policy.Policy): <E, R>(self: Layer.Layer<ChatService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<ChatService, E, R>, policy: Policy.Policy): Decorated<E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<ChatService, E, R>, policy: Policy.Policy): Decorated<E, R> =>
    DecoratedLayer.make(
      ChatService,
      self,
      (service) => rebuild.get(service)?.({ policy }) ?? enforce(service, { policy })
    )
)

/**
 * Puts a service on a budget: a call that could cost more than is left fails with `BudgetExceededError`, before anything is
 * sent. Several budgets hold together.
 *
 * - What is set aside is the most a call can cost by the prices in force (`Pricing`): its prompt, and its `maxTokens`; set
 *   them, for what stands in for them is the model's own maximum, if that is known. A model without a price fails with
 *   `InvalidRequestError`.
 * - What is entered is what the answer did cost, once for a call however often it was repeated or hedged. A call that was
 *   refused costs nothing. One that failed or was interrupted with nobody knowing how far it got costs its prompt, and
 *   what arrived of a stream.
 * - Decorate the layer of the provider: it knows its model. `withPolicy` before or after makes no difference: a budget
 *   stays around the policy. `withCache` and `withFallback` come after it: known answers are free, and each service that
 *   may answer is on the budget at its own price.
 *
 * @example
 * const budget = Budget.make({ name: "support-bot", perDay: 20 })
 *
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withBudget(budget),
 *   ChatService.withCache(),
 *   Layer.provide(Pricing.layer(prices))
 * )
 */
export const withBudget: {
  (budget: Budget.Budget): <E, R>(self: Layer.Layer<ChatService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<ChatService, E, R>, budget: Budget.Budget): Decorated<E, R>
} = dual(
  2,
  <E, R>(self: Layer.Layer<ChatService, E, R>, budget: Budget.Budget): Decorated<E, R> =>
    DecoratedLayer.make(ChatService, self, (service) => {
      const settings = { budgets: [budget] }
      return rebuild.get(service)?.(settings) ?? enforce(service, settings)
    })
)

/**
 * Lets others answer when a service cannot: another model, another region, another provider, or several of them.
 *
 * - A call asks one service after another, each at most once, until one answers. `options.when` decides for which errors
 *   of the first service the next one is asked; `Fallback.isUnavailable` unless said otherwise. A fallback that cannot
 *   take the request hands it on whatever its error, but for those of budgets.
 * - Every call begins with the first service. Each service repeats by its own policy before it gives up, so give the first a
 *   `breaker`: while its circuit is open it fails at once, and one call at a time tries whether it is back. Errors for which
 *   `options.failFast` holds come to the next service before they are repeated.
 * - A `model` in the request is for the first service; fallbacks are asked for their own, or what `options.model` says.
 * - The answer says who gave it (`provider`, `model`), and `fallback` why those before did not.
 * - When no service answers, the call fails with the last error that `options.when` accepts, so that a transient one stays
 *   one; the others are in the log at debug level.
 * - A stream is handed on until its first event; what fails after that fails.
 *
 * A service that cannot answer is one warning in the log, however many calls fail, and one line when it answers again after
 * half a minute without a failure. Every request handed on counts in `strata.client.fallbacks`. All layers are built at once
 * and fail together.
 *
 * @example
 * const policy = Policy.make({ breaker: Breaker.consecutive(5) })
 *
 * BedrockChat.layer({ model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", policy }).pipe(
 *   ChatService.withFallback([
 *     BedrockChat.layer({ model: "us.amazon.nova-pro-v1:0" }),
 *     BedrockChat.layer({ model: "eu.amazon.nova-pro-v1:0" }).pipe(Layer.provide(BedrockClient.layer({ region: "eu-west-1" })))
 *   ], { failFast: (error) => error._tag === "RateLimitError" })
 * )
 */
export const withFallback: {
  <const O extends Fallback.Others>(
    others: O,
    options?: Fallback.Options
  ): <E, R>(
    self: Layer.Layer<ChatService, E, R>
  ) => Decorated<E | Layer.Error<Fallback.LayerOf<O>>, R | Layer.Services<Fallback.LayerOf<O>>>
  <E, R, const O extends Fallback.Others>(
    self: Layer.Layer<ChatService, E, R>,
    others: O,
    options?: Fallback.Options
  ): Decorated<E | Layer.Error<Fallback.LayerOf<O>>, R | Layer.Services<Fallback.LayerOf<O>>>
} = dual(
  (args) =>
    Check.holds(Layer.isLayer, args[0]) && (Check.holds(Layer.isLayer, args[1]) || Check.holds(Array.isArray, args[1])),
  (self: Fallback.ChatLayer, others: Fallback.Others, options: Fallback.Options = {}): Fallback.ChatLayer =>
    Layer.fromBuildMemo((memoMap, scope) =>
      Effect.gen(function*() {
        const settings = yield* Check.run(Fallback.options, options, { provider: "strata", field: "fallback" })
        const asked = yield* Check.run(Fallback.others, others, { provider: "strata", field: "fallbacks" })
        const first = yield* Check.run(Fallback.layer, self, { provider: "strata", field: "layer" })
        const services = yield* Effect.forEach(
          Arr.prepend(asked, first),
          (layer) =>
            Effect.flatMap(Layer.buildWithMemoMap(layer, memoMap, scope), (built) =>
              ChatFallback.built(Context.getOption(built, ChatService)))
        )
        return Context.make(ChatService, ChatFallback.make(services, settings))
      })
    )
)

/**
 * Puts a cache in front of a service: `ChatCache` keeps the answers, in memory unless a layer says otherwise. Decorate
 * last, so that policies, budgets and fallbacks apply to what is sent and not to what is known.
 *
 * - A request is known by everything in it, down to the bytes of its images, and by provider, model and namespace.
 *   `generate` and `stream` know the same answers: a kept one is streamed with one delta a block.
 * - Only whole answers are kept: not what was cut or withheld, not failures, not what a fallback answered. A call for
 *   tools is whole.
 * - Equal requests at the same time are one call: interrupted when the last of them is, its failure is that of all. Each
 *   reader of a stream gets it from the beginning, at a pace of its own; a `generate` that waits for the answer of a
 *   stream asks for itself when that breaks half-way.
 * - An answer nobody paid for has `cached: true` and a `cost` of 0, and is else as it was, `usage` and `requestId` too.
 * - The cache never fails a call. The first failure of an outage is logged; a store that takes longer than a second has
 *   failed, and is not asked again for ten.
 * - Not cached is a request that names no model where the layer has none, or that holds what has no text of its own, such
 *   as a function. A service from elsewhere is asked for its model once, by a request without messages.
 *
 * Counts `strata.chat.cache.hits` (calls that were not sent), `misses` (those that were) and `failures` (of the store).
 * The span `ChatCache.look` has the attribute `strata.cache.hit`.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withCache({ timeToLive: "1 hour", when: ({ temperature }) => temperature === 0 })
 * )
 */
export const withCache: {
  (options?: ChatCache.Options): <E, R>(self: Layer.Layer<ChatService, E, R>) => Decorated<E, R>
  <E, R>(self: Layer.Layer<ChatService, E, R>, options?: ChatCache.Options): Decorated<E, R>
} = dual(
  (args) => Check.holds(Layer.isLayer, args[0]),
  <E, R>(self: Layer.Layer<ChatService, E, R>, options?: ChatCache.Options): Decorated<E, R> =>
    DecoratedLayer.make(ChatService, self, (service) => Caching.make(service, options))
)

/** A decorated service; its layer fails for options that cannot be right as well. */
export type Decorated<E, R> = Layer.Layer<ChatService, E | ProviderError.InvalidRequestError, R>

/** The data of a {@link Provider} that may be any value; policy and budgets have checks of their own. */
const providerShape = Check.struct<Pick<Provider, "provider" | "defaultModel" | "generate" | "stream">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  generate: Check.callback(),
  stream: Check.callback()
}, { others: "ignored" })

const enforce = (
  service: ChatService["Service"],
  { budgets, policy = Policy.none }: Settings
): Effect.Effect<ChatService["Service"], ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    const enforcement = yield* Enforcement.make(policy)
    const budget = yield* BudgetGate.make(budgets)
    const settled = (given: ChatRequest.ChatRequest) =>
      Effect.map(ChatValidation.settle("custom", given), (request) => {
        const model = request.model ?? "unknown"
        const asked = { operation: "chat" as const, provider: "custom", model }
        const meter = ChatMetering.make(undefined, { ...request, model, messages: ChatRequest.messagesOf(request) })
        return { request, asked, meter, billing: BudgetChat.meter(asked, meter) }
      })
    const enforced = ChatService.of({
      generate: (given) =>
        Effect.flatMap(
          settled(given),
          ({ asked, billing, meter, request }) =>
            budget.call(enforcement.call(service.generate(request), asked, meter), billing)
        ),
      stream: (given) =>
        Stream.unwrap(Effect.map(
          settled(given),
          ({ asked, billing, meter, request }) =>
            budget.stream(enforcement.stream(service.stream(request), asked, meter), billing)
        ))
    })
    rebuild.set(enforced, (settings) =>
      enforce(service, { policy: settings.policy ?? policy, budgets: [...budgets ?? [], ...settings.budgets ?? []] }))
    return enforced
  })

/** What can be changed of a service: its policy is replaced, budgets are added. */
type Settings = Pick<Provider, "policy" | "budgets">

const rebuild = new WeakMap<
  ChatService["Service"],
  (settings: Settings) => Effect.Effect<ChatService["Service"], ProviderError.InvalidRequestError, Scope.Scope>
>()
