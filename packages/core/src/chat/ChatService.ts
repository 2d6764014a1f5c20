/**
 * The chat service and its decorators, which can be stacked in any order. `Chat` has the interface and builds services.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as Middleware from "../internal/middleware.ts"
import * as Trait from "../internal/trait.ts"
import type * as Budget from "../policy/Budget.ts"
import * as Clocks from "../policy/internal/clocks.ts"
import * as Gates from "../policy/internal/gates.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as Pool from "../policy/Pool.ts"
import * as Chat from "./Chat.ts"
import { ChatService } from "./Chat.ts"
import type * as ChatCache from "./ChatCache.ts"
import type * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import type * as Fallback from "./Fallback.ts"
import * as Caching from "./internal/cache/caching.ts"
import * as ChatDefaults from "./internal/defaults.ts"
import * as ChatFallback from "./internal/fallback.ts"
import * as ChatPool from "./internal/pool/pool.ts"

export { ChatService, make } from "./Chat.ts"
export type { ChatError, ChatStreamError, Provider } from "./Chat.ts"
export { object, objectStream } from "./StructuredOutput.ts"

/**
 * The whole answer.
 *
 * @example
 * const { text, usage } = yield* ChatService.generate("Why is the sky blue?")
 *
 * @example
 * const { text } = yield* ChatService.generate({
 *   messages: [Message.system("Answer in one sentence."), Message.user("Why is the sky blue?")],
 *   maxTokens: 200
 * })
 */
export const generate = (
  input: ChatRequest.Input
): Effect.Effect<ChatResponse.ChatResponse, Chat.ChatError, ChatService> =>
  Effect.flatMap(ChatService, (service) => service.generate(ChatRequest.make(input)))

/** The text of the answer. */
export const text = (input: ChatRequest.Input): Effect.Effect<string, Chat.ChatError, ChatService> =>
  Effect.map(generate(input), (response) => response.text)

/**
 * The answer as the model writes it.
 *
 * @example
 * const printed = ChatService.stream("Why is the sky blue?").pipe(
 *   Stream.runForEach((event) => event.type === "text-delta" ? Console.log(event.delta) : Effect.void)
 * )
 */
export const stream = (
  input: ChatRequest.Input
): Stream.Stream<ChatEvent.ChatEvent, Chat.ChatStreamError, ChatService> =>
  Stream.unwrap(Effect.map(ChatService, (service) => service.stream(ChatRequest.make(input))))

/** The text of the answer as the model writes it. */
export const textStream = (input: ChatRequest.Input): Stream.Stream<string, Chat.ChatStreamError, ChatService> =>
  Stream.filterMap(
    stream(input),
    (event) => event.type === "text-delta" ? Result.succeed(event.delta) : Result.failVoid
  )

/**
 * Decorates a service with a middleware, such as logging or routing: a function from a service to a service. It runs once,
 * when the layer is built, in its scope, with a plain copy of the service below.
 *
 * - Data it omits (`provider`, `defaultModel`, `identity`) are those of the service below. A middleware that changes
 *   answers should add to `identity`, for caches around it.
 * - Policies and budgets around it apply below it: it sees a call once, not its retries.
 *
 * @example
 * const audited = ChatService.transform((chat) =>
 *   Effect.map(AuditLog, (log) => ({
 *     ...chat,
 *     generate: (request) => Effect.tap(chat.generate(request), ({ usage }) => log.write(usage))
 *   }))
 * )
 */
export const transform: Middleware.Transform<ChatService, Chat.Chat> = Middleware.make(ChatService, [
  "generate",
  "stream"
], Chat.cored)

/** A decorated service; its layer also fails for invalid options. */
export type Decorated<E, R> = Middleware.Decorated<ChatService, E, R>

const decorator = Middleware.decorator(transform)

/**
 * Sets the policy of every provider below, at any place among other decorators. The outermost one applies; it replaces inner
 * ones and the option of the layer. Around a fallback it applies to each member; {@link withDeadline} bounds them together.
 *
 * @example
 * const Patient = BedrockChat.layer({ model }).pipe(
 *   ChatService.withPolicy(Policy.make({ retry: Retry.exponential({ times: 20 }) }))
 * )
 */
export const withPolicy: Middleware.Decorator<ChatService, [policy: Policy.Policy]> = decorator(
  (chat, policy: Policy.Policy) =>
    Effect.map(Gates.policy(chat, policy), (gates) => ({
      ...within(gates, chat),
      [Trait.policies]: gates[Trait.policies]
    }))
)

/**
 * Limits the cost of every provider below, at any place among other decorators. An attempt that could cost more than
 * is left fails with `BudgetExceededError` before it is sent. Several budgets apply together; the same one counts
 * once.
 *
 * - An attempt reserves its prompt and `maxTokens` at the price of its model (`Pricing`). Set `maxTokens`: the default is
 *   the model's maximum, if known. A model without a price fails with `InvalidRequestError`.
 * - Every attempt sent is billed, retries and hedges included, but not refused ones. One that failed or was interrupted
 *   without usage costs its prompt and what arrived of the stream. A cached answer costs nothing.
 *
 * @example
 * const budget = Budget.make({ name: "support", perDay: 20 })
 * const Chat = BedrockChat.layer({ model }).pipe(ChatService.withBudget(budget), Layer.provide(Pricing.layer(prices)))
 */
export const withBudget: Middleware.Decorator<ChatService, [budget: Budget.Budget]> = decorator(
  (chat, budget: Budget.Budget) => Effect.map(Gates.budget(chat, budget), (gates) => within(gates, chat))
)

/** The service with gates that its cores receive at each call. */
const within = ({ effect, stream }: Gates.Handing, chat: Chat.Chat): Chat.Chat => ({
  ...chat,
  generate: (request) => effect(chat.generate(request)),
  stream: (request) => stream(chat.stream(request))
})

/**
 * Sets defaults of requests: `maxTokens`, `temperature`, `model`, a `system` prompt … `providerOptions` are merged per
 * provider. The system prompt applies to requests without a system message. Outer defaults precede inner ones, and are
 * part of the key of a cache around them.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(ChatService.withDefaults({ maxTokens: 1024, system: "You answer in one sentence." }))
 */
export const withDefaults: Middleware.Decorator<ChatService, [defaults: ChatRequest.Defaults]> = decorator(
  ChatDefaults.make
)

/**
 * Limits the time of a call to the service below: retries, fallbacks, waiting, and reading a stream to its end. Fails with
 * `TimeoutError` of phase `deadline`; a stream that has begun fails with `StreamInterruptedError`.
 */
export const withDeadline: Middleware.Decorator<ChatService, [deadline: Duration.Input]> = decorator(
  (chat, deadline: Duration.Input) =>
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
 * Adds fallbacks to a service: other models, regions or providers. Their layers are built together.
 *
 * - A call tries each service at most once, in order, until one answers. It moves on for errors of the first service that
 *   `options.when` accepts (`Fallback.isUnavailable` by default), and for any error of a fallback but those of budgets.
 * - Every call starts with the first service, which retries by its own policy. Give it a `breaker`: while that is open the
 *   service fails at once, and one call at a time probes it. Errors that `options.failFast` accepts are not retried.
 * - The `model` of a request applies to the first service; fallbacks use their own, or that of `options.model`.
 * - The answer has the `provider` and `model` that gave it, and in `fallback` the errors before. When no service answers,
 *   the call fails with the last error that `options.when` accepts, so that a transient one stays transient.
 * - A stream falls back until its first event, not after it.
 *
 * An outage is logged as one warning, its end as one notice after half a minute without a failure.
 *
 * @example
 * const elsewhere = BedrockChat.layer({ model }).pipe(Layer.provide(BedrockClient.layer({ region: "eu-west-1" })))
 *
 * BedrockChat.layer({ model, policy: Policy.make({ breaker: Breaker.consecutive(5) }) }).pipe(
 *   ChatService.withFallback(elsewhere, { failFast: (error) => error._tag === "RateLimitError" })
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
  ChatFallback.layer
)

/**
 * A pool of lanes: services that can answer the same requests, such as one model in several regions, accounts, inference
 * profiles or at several providers. With a quota on each lane it is one large quota. Their layers are built together.
 *
 * - A call goes to the lane that is emptiest: by its quota, as far as this process knows the ledger, its permits and its
 *   breaker. Where it has to wait there, it waits in the queues of the others too, and is sent by the first that has room.
 * - `cost` comes before room: a cheaper lane is used as long as it has some. `weight` divides calls between equal lanes.
 * - A prompt with `cache` marks stays in the lane that has it cached, where reading it costs a tenth, as long as that lane
 *   has room and no other is cheaper even so.
 * - A lane that throttles or is down leaves the pool, for a quarter of a second or a second at first, up to five seconds,
 *   or as long as the service asks. Then one call probes it. The call that found out goes on in another lane. Ten
 *   answers make up for one failure: a lane of which few calls fail stays.
 * - When every lane has failed, the call is made again by the `retry` of the policy in force for the first lane. It fails
 *   with the last error of a lane, or with `ModelUnavailableError` when all of them are out.
 * - The `model` of a request goes to every lane as it is, unless `options.model` says otherwise.
 * - The answer has the name of its `lane`. A stream changes lanes until its first event.
 *
 * Policies, budgets and deadlines around a pool apply as they do around a fallback: a policy to each lane.
 *
 * @example
 * const inRegion = (region: string, tokensPerMinute: number) =>
 *   BedrockChat.layer({ model, policy: Policy.make({ quota: Quota.make({ tokensPerMinute }) }) }).pipe(
 *     Layer.provide(BedrockClient.layer({ region }))
 *   )
 *
 * ChatService.withPool({
 *   "us-east-1": inRegion("us-east-1", 400_000),
 *   "us-west-2": inRegion("us-west-2", 200_000),
 *   "eu-west-1": { layer: inRegion("eu-west-1", 100_000), cost: 1.1 }
 * })
 */
export const withPool: <const L extends Pool.Lanes<ChatService>>(
  lanes: L,
  options?: Pool.Options
) => Decorated<Layer.Error<Pool.LayerOf<L>>, Layer.Services<Pool.LayerOf<L>>> = ChatPool.layer as never // each layer's types

/**
 * Puts a cache in front of a service; `ChatCache` is its store, by default in memory.
 *
 * - The key is a hash of the request, images included, without `requestMetadata`, and of provider, model, identity of the
 *   service (`Identity`) and namespace. What has no model or no canonical form, such as a function, is not cached.
 * - Only complete answers are cached, tool calls too: no truncated or filtered ones, no failures, none of a fallback.
 *   `generate` and `stream` share them: a cached answer is streamed with one delta per block.
 * - Single-flight: concurrent equal requests share one call, which is interrupted with the last of them and fails for all.
 *   Each reader of a shared stream gets all of it, at its own pace; a `generate` whose shared stream breaks asks again.
 * - A cached or shared answer has `cached: true` and a `cost` of 0; `usage` and `requestId` are those of the original.
 * - The cache fails open: after an error, or no answer within a second, the store is not used for five seconds.
 *
 * Counts `strata.chat.cache.hits` (calls that were not sent), `misses`, `failures` of the store, `drops` of its write queue.
 *
 * @example
 * BedrockChat.layer({ model }).pipe(
 *   ChatService.withCache({ timeToLive: "1 hour", when: ({ temperature }) => temperature === 0 })
 * )
 */
export const withCache: Middleware.Decorator<ChatService, [options?: ChatCache.Options]> = decorator(
  Caching.make,
  Middleware.startsWithLayer
)
