/**
 * A chat model with a price, of which a test says what each call does, and what a budget has on it.
 */
import * as ChatCache from "@strata/core/chat/ChatCache"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as ProviderError from "@strata/core/ProviderError"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Ledger from "@strata/core/state/Ledger"
import * as Usage from "@strata/core/Usage"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Metering from "../src/chat/internal/metering.ts"

/** Dollars for a token of the prompt, and of the answer. */
export const inputDollars = 0.001
export const outputDollars = 0.002

export const price: Pricing.Price = { input: inputDollars * 1e6, output: outputDollars * 1e6 }
export const prices = Pricing.layer([{ model: "test-*", price }])

/** What a call does; its answer has the usage, and comes after the delay. A stream says a word each second. */
export interface Play {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly delay?: Duration.Input
  readonly error?: ProviderError.CallError
  readonly words?: ReadonlyArray<string>
}

/** The plays of a request are in its user: JSON. */
export const request = (play: Play, maxTokens = 100): ChatRequest.ChatRequest => ({
  messages: JSON.stringify(play),
  maxTokens
})

/** Tokens and dollars of its prompt, and the most it can cost. */
export const promptTokens = (request: ChatRequest.ChatRequest): number =>
  Metering.promptTokens({ ...request, model: "test-model", messages: ChatRequest.messagesOf(request) })
export const promptDollars = (request: ChatRequest.ChatRequest): number => promptTokens(request) * inputDollars
export const mostDollars = (request: ChatRequest.ChatRequest): number =>
  promptDollars(request) + (request.maxTokens ?? 0) * outputDollars

export const playOf = (request: ChatRequest.ChatRequest): Play => JSON.parse(String(messageOf(request)))

const messageOf = (request: ChatRequest.ChatRequest) => ChatRequest.messagesOf(request)[0]?.content

const outcome = ({ inputTokens = 1, outputTokens = 1 }: Play, model: string): ChatResponse.Outcome => ({
  finishReason: "stop",
  usage: Usage.make({ inputTokens, outputTokens }),
  model,
  providerMetadata: {}
})

/** The model; `sent` are the requests that reached it. */
export const makeProvider = (sent: Array<ChatRequest.Resolved> = []): ChatService.Provider => ({
  provider: "test.provider",
  defaultModel: "test-model",
  policy: Policy.none,
  generate: (request) =>
    Effect.suspend(() => {
      sent.push(request)
      const play = playOf(request)
      const answer = play.error === undefined
        ? Effect.succeed(ChatResponse.make([], outcome(play, request.model)))
        : Effect.fail(errorOf(play))
      return play.delay === undefined ? answer : Effect.delay(answer, play.delay)
    }),
  stream: (request) =>
    Stream.suspend(() => {
      sent.push(request)
      const play = playOf(request)
      const words = Stream.fromIterable(play.words ?? []).pipe(
        Stream.map((delta): ChatEvent.ChatEvent => ({ type: "text-delta", index: 0, delta })),
        Stream.rechunk(1),
        Stream.mapEffect((event) => Effect.delay(Effect.succeed(event), "1 second"))
      )
      const end: Stream.Stream<ChatEvent.ChatEvent, ProviderError.CallError> = play.error === undefined
        ? Stream.succeed({ type: "finish", ...outcome(play, request.model) })
        : Stream.fail(errorOf(play))
      return Stream.concat(
        words,
        play.delay === undefined ? end : Stream.unwrap(Effect.delay(Effect.succeed(end), play.delay))
      )
    })
})

/** Of a play that went through JSON, only the tag and the phase of an error are left. */
const errorOf = ({ error }: Play): ProviderError.CallError => {
  const known = { provider: "test.provider", message: "as it was told" }
  switch (error?._tag) {
    case "RateLimitError":
      return new ProviderError.RateLimitError(known)
    case "InvalidRequestError":
      return new ProviderError.InvalidRequestError(known)
    case "TimeoutError":
      return new ProviderError.TimeoutError({ ...known, phase: error.phase })
    default:
      return new ProviderError.ConnectionError(known)
  }
}

/** A service on budgets, with a ledger of its own unless one is given; and what was sent. */
export const make = Effect.fnUntraced(function*(
  budgets: Budget.Budget | ReadonlyArray<Budget.Budget>,
  overrides?: Partial<ChatService.Provider>,
  pricing: Layer.Layer<never, ProviderError.InvalidRequestError> = prices
) {
  const sent: Array<ChatRequest.Resolved> = []
  let layer = Layer.effect(ChatService.ChatService, ChatService.make({ ...makeProvider(sent), ...overrides }))
  for (const budget of Arr.ensure(budgets)) layer = ChatService.withBudget(layer, budget)
  const context = yield* Layer.build(Layer.provide(layer, pricing))
  return { sent, service: Context.get(context, ChatService.ChatService) }
})

/** Runs a test on a ledger and caches of its own. */
export const isolated = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provide(self, [
    Ledger.layerMemory,
    Layer.orDie(ChatCache.layerMemory()),
    Layer.orDie(EmbeddingCache.layerMemory())
  ])

/** Spent and reserved for the run, in dollars, without the dust of fractions. */
export const runOf = (budget: Budget.Budget) =>
  Effect.map(Budget.spent(budget), ({ run }) => ({
    spent: rounded(run?.spent ?? Number.NaN),
    reserved: rounded(run?.reserved ?? Number.NaN)
  }))

export const refused = new ProviderError.RateLimitError({ provider: "test.provider", message: "as it was told" })
export const broken = new ProviderError.ConnectionError({ provider: "test.provider", message: "as it was told" })

export const rounded = (dollars: number): number => Math.round(dollars * 1e9) / 1e9

/** The key of these tests. */
export const tenant = Key.metadata("tenant")

/** Calls as a tenant. */
export const as = (name: string) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provideService(self, RequestMetadata.RequestMetadata, { tenant: name })

/** Costs ten cents. */
export const dime = request({ inputTokens: 100, outputTokens: 0 }, 10)

/** What is spent of a budget. */
export const spentOf = (budget: Budget.Budget, key?: string) =>
  Effect.map(Budget.spent(budget, key), ({ day, run }) => rounded((day ?? run)?.spent ?? Number.NaN))
