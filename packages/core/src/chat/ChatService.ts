/**
 * Asks a chat model.
 *
 * The service and its decorators. Each of these may stand anywhere among the others; what they decorate, and how a
 * provider builds one, is in `Chat`.
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as Middleware from "../internal/middleware.ts"
import * as Trait from "../internal/trait.ts"
import type * as Budget from "../policy/Budget.ts"
import * as Clocks from "../policy/internal/clocks.ts"
import * as Gates from "../policy/internal/gates.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Chat from "./Chat.ts"
import type * as ChatCache from "./ChatCache.ts"
import type * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import * as Fallback from "./Fallback.ts"
import * as Caching from "./internal/cache/caching.ts"
import * as ChatDefaults from "./internal/defaults.ts"
import * as ChatFallback from "./internal/fallback.ts"
import * as StructuredOutput from "./StructuredOutput.ts"

export {
  /** Builds the service of a provider; see `Chat.make`. */
  make
} from "./Chat.ts"

/** Any failure of a whole answer. */
export type ChatError = Chat.ChatError

/** Any failure of a stream. */
export type ChatStreamError = Chat.ChatStreamError

/** What a provider hands {@link make}. */
export type Provider = Chat.Provider

/** The tag of the chat service; what it holds is a {@link Chat.Chat}. */
export class ChatService extends Context.Service<ChatService, Chat.Chat>()("@strata/core/chat/ChatService") {}

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
): Stream.Stream<ChatEvent.ChatEvent, ChatStreamError, ChatService> =>
  Stream.unwrap(Effect.map(ChatService, (service) => service.stream(ChatRequest.make(input))))

/** The text of the answer as the model writes it. */
export const textStream = (input: ChatRequest.Input): Stream.Stream<string, ChatStreamError, ChatService> =>
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
): Effect.Effect<
  StructuredOutput.ObjectResponse<S["Type"]>,
  ProviderError.ChatObjectError,
  ChatService | S["DecodingServices"]
> =>
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
  ProviderError.ChatObjectStreamError,
  ChatService | S["DecodingServices"]
> =>
  Stream.unwrap(Effect.map(ChatService, (service) => StructuredOutput.stream(service, schema, input, options))).pipe(
    Stream.withSpan("ChatService.objectStream")
  )

/**
 * Decorates a service with a middleware of your own: logging, guarding, routing. The decorators below are written with it.
 *
 * - A middleware is a function from a service to a service. It runs once, when the layer is built, in its scope.
 * - It gets a plain copy of the service below, and calls it in the fiber of the caller.
 * - Data it does not mention (`provider`, `defaultModel`, `identity`) stays what it is below. A middleware that changes
 *   answers should add to `identity`, so that a cache around it tells them apart.
 * - Policies and budgets reach through it, wherever they stand: a call is repeated below the middleware, not by it.
 *
 * @example
 * const audited = ChatService.transform((chat) =>
 *   Effect.map(AuditLog, (log) => ({
 *     ...chat,
 *     generate: (request) => Effect.tap(chat.generate(request), ({ usage }) => log.write(usage))
 *   }))
 * )
 *
 * BedrockChat.layer({ model }).pipe(audited)
 */
export const transform: Middleware.Transform<ChatService, Chat.Chat> = Middleware.make(ChatService, [
  "generate",
  "stream"
], Chat.cored)

/** A decorated service; its layer fails for options that cannot be right as well. */
export type Decorated<E, R> = Middleware.Decorated<ChatService, E, R>

const decorator = Middleware.decorator(transform)

/**
 * Puts a policy in force for every provider below, wherever this stands among other decorators.
 *
 * - Of several policies the outermost one holds: it replaces those further in and the option of the layer, and nothing
 *   multiplies. `withPolicy` with 3 attempts, a cache, `withPolicy` with 5 attempts: 5.
 * - Above a fallback it holds for each member, each with permits, quota and breakers of its own: 5 + 5 attempts. Bound
 *   them together with {@link withDeadline}.
 * - A service that `make` did not build counts as a provider.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withPolicy(Policy.make({ concurrency: 8 })))
 */
export const withPolicy: Middleware.Decorator<ChatService, [policy: Policy.Policy]> = decorator(
  (chat, policy: Policy.Policy) => handing(chat, (cores) => Gates.policy(cores, policy))
)

/**
 * Puts every provider below on a budget, wherever this stands among other decorators: an attempt that could cost more
 * than is left fails with `BudgetExceededError` before it is sent. Several budgets hold together; one counts once.
 *
 * - Reserved is the most an attempt can cost at the price of its model (`Pricing`): its prompt, and its `maxTokens`; set
 *   them, for what stands in for them is the model's own maximum, if that is known. A model without a price fails with
 *   `InvalidRequestError`.
 * - Entered is what was sent: every retry and every hedge. One that was refused costs nothing. One that failed or was
 *   interrupted without a bill costs its prompt, and what arrived of a stream.
 * - A cached answer costs nothing. Each member of a fallback is billed at its own price.
 *
 * @example
 * const budget = Budget.make({ name: "support-bot", perDay: 20 })
 *
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withCache(),
 *   ChatService.withBudget(budget),
 *   Layer.provide(Pricing.layer(prices))
 * )
 */
export const withBudget: Middleware.Decorator<ChatService, [budget: Budget.Budget]> = decorator(
  (chat, budget: Budget.Budget) => handing(chat, (cores) => Gates.budget(cores, budget))
)

/** The service with what is handed to its cores at each call. */
const handing = Effect.fnUntraced(function*(
  chat: Chat.Chat,
  make: (
    cores: ReadonlyArray<Trait.Core>
  ) => Effect.Effect<Gates.Handing, ProviderError.InvalidRequestError, Scope.Scope>
) {
  const handing = yield* make(chat[Trait.cores] ?? [])
  return {
    ...chat,
    generate: (request: ChatRequest.ChatRequest) => handing.effect(chat.generate(request)),
    stream: (request: ChatRequest.ChatRequest) => handing.stream(chat.stream(request))
  }
})

/**
 * What all requests ask for unless they say otherwise: `maxTokens`, `temperature`, `model`, a `system` prompt … Options
 * under the key of a provider are joined, one by one. The system prompt is for requests without a system message.
 *
 * Of several the outermost one holds. Defaults count in the key of a cache around them.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withDefaults({ maxTokens: 1024, system: "You answer in one sentence." }))
 */
export const withDefaults: Middleware.Decorator<ChatService, [defaults: ChatRequest.Defaults]> = decorator(
  ChatDefaults.make
)

/**
 * Bounds all that stands below, in time: retries, fallbacks and waiting together, and reading a stream to its end. Fails
 * with `TimeoutError` of phase `deadline`; a stream that has begun fails with `StreamInterruptedError`.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withFallback(others), ChatService.withDeadline("30 seconds"))
 */
export const withDeadline: Middleware.Decorator<ChatService, [deadline: Duration.Input]> = decorator((
  chat,
  deadline: Duration.Input
) =>
  Effect.map(Clocks.deadline(deadline), (duration) => {
    const asked = (request: ChatRequest.ChatRequest) => ({
      provider: chat.provider ?? "strata",
      model: ChatRequest.modelOf(request) ?? chat.defaultModel ?? "unknown"
    })
    return {
      generate: (request) => Clocks.within("deadline", duration, asked(request))(chat.generate(request)),
      stream: (request) => {
        const about = asked(request)
        return Clocks.bounded(chat.stream(request), duration, about, Clocks.interrupted(about))
      }
    }
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
            Layer.buildWithMemoMap(layer, memoMap, scope).pipe(
              Effect.flatMap((built) => ChatFallback.built(Context.getOption(built, ChatService))),
              Effect.flatMap((chat) => Scope.provide(Chat.cored(chat), scope))
            )
        )
        return Context.make(ChatService, { ...joinedData(services), ...ChatFallback.make(services, settings) })
      })
    )
)

/** A fallback asks the first service first, has the cores of all, and answers as any of them may. */
const joinedData = (services: Arr.NonEmptyReadonlyArray<Chat.Chat>): Trait.Trait => ({
  provider: services[0].provider,
  defaultModel: services[0].defaultModel,
  identity: services.map(({ defaultModel = null, identity = null, provider = null }) => [
    provider,
    defaultModel,
    identity
  ]),
  [Trait.cores]: [...new Set(services.flatMap((chat) => chat[Trait.cores] ?? []))]
})

/**
 * Puts a cache in front of a service: `ChatCache` keeps the answers, in memory unless a layer says otherwise.
 *
 * - A request is known by everything in it, down to the bytes of its images, and by provider, model, identity of the
 *   service (`Identity`) and namespace. `generate` and `stream` know the same answers: a kept one is streamed with one delta a block.
 * - Only whole answers are kept: not what was cut or withheld, not failures, not what a fallback answered. A call for
 *   tools is whole.
 * - Equal requests at the same time are one call: interrupted when the last of them is, its failure is that of all. Each
 *   reader of a stream gets it from the beginning, at a pace of its own; a `generate` that waits for the answer of a
 *   stream asks for itself when that breaks half-way.
 * - An answer nobody paid for has `cached: true` and a `cost` of 0, and is else as it was, `usage` and `requestId` too.
 * - The cache never fails a call. The first failure of an outage is logged; a store that takes longer than a second has
 *   failed, and is not asked again for ten.
 * - Not cached is a request that names no model where the service has none, or that holds what has no text of its own,
 *   such as a function.
 *
 * Counts `strata.chat.cache.hits` (calls that were not sent), `misses` (those that were) and `failures` (of the store).
 * The span `ChatCache.look` has the attribute `strata.cache.hit`.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withCache({ timeToLive: "1 hour", when: ({ temperature }) => temperature === 0 })
 * )
 */
export const withCache: Middleware.Decorator<ChatService, [options?: ChatCache.Options]> = decorator(Caching.make)
