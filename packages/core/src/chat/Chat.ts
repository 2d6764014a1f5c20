/**
 * A chat model as a value. `ChatService` is its tag.
 *
 * A provider implements one attempt of a request; {@link make} adds validation, the policy and telemetry.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import type { Identity } from "../Identity.ts"
import * as Trait from "../internal/trait.ts"
import * as Costing from "../policy/internal/budget/costing.ts"
import * as Gates from "../policy/internal/gates.ts"
import * as Policy from "../policy/Policy.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Telemetry from "../Telemetry.ts"
import type * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import * as ChatMetering from "./internal/metering.ts"
import * as ChatTelemetry from "./internal/telemetry.ts"
import * as ChatValidation from "./internal/validation.ts"

/** Any failure of a whole answer. */
export type ChatError = ProviderError.ChatError

/** Any failure of a stream. */
export type ChatStreamError = ProviderError.ChatStreamError

/** A chat model. `generate` gives the whole answer, `stream` its pieces: it ends with one `finish` event, or fails. */
export interface Chat extends Trait.Trait {
  readonly generate: (request: ChatRequest.ChatRequest) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<ChatEvent.ChatEvent, ChatStreamError>
}

/** The tag of the chat service. */
export class ChatService extends Context.Service<ChatService, Chat>()("@strata/core/chat/ChatService") {}

/**
 * What a provider implements; `provider`, `defaultModel`, `identity` and `contextWindow` as in {@link Chat}.
 *
 * - `generate`, `stream`: one attempt; the stream ends with `finish` or fails, and closes its connection with its scope.
 * - `policy`: unless a `withPolicy` around it replaces it; `Policy.standard` when missing.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly contextWindow?: number | undefined
  readonly generate: (request: ChatRequest.Resolved) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.Resolved) => Stream.Stream<ChatEvent.ChatEvent, ChatStreamError>
  readonly policy?: Policy.Policy | undefined
  readonly metering?: ChatMetering.Metering | undefined
}

/**
 * Builds the service of a provider. An invalid request fails with an `InvalidRequestError` that names the place
 * (`messages[2].content[0].source`), before anything is sent; so does building with an invalid policy.
 *
 * @example
 * const service = yield* Chat.make({
 *   provider: "my.provider",
 *   defaultModel: "my-model",
 *   generate: (request) => answer(request),
 *   stream: (request) => events(request)
 * })
 */
export const make = Effect.fnUntraced(function*(
  provider: Provider
): Effect.fn.Return<Chat, ProviderError.InvalidRequestError, Scope.Scope> {
  yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
  const costing = yield* Costing.make
  const outcome = completion(costing)
  const targetOf = (model = provider.defaultModel ?? "unknown"): Telemetry.Target => ({
    operation: "chat",
    provider: provider.provider,
    model,
    scope: provider.metering?.scope?.(model)
  })
  const gated = yield* Gates.core(provider.provider, provider.policy ?? Policy.standard, targetOf)
  const resolve = (request: ChatRequest.ChatRequest) =>
    Effect.map(ChatValidation.resolve(provider, request), (resolved) => {
      const target = targetOf(resolved.model)
      const metering = ChatMetering.make(
        provider.metering,
        resolved,
        (clock, usage) => costing.cost(clock, target, usage)
      )
      return { resolved, target, metering }
    })
  return {
    ...Trait.dataOf(provider),
    [Trait.cores]: gated.cores,
    generate: (request) =>
      Effect.flatMap(resolve(request), ({ metering, resolved, target }) => {
        const answer = Effect.flatMap(
          Effect.suspend(() => provider.generate(resolved)),
          (response) => outcome.response(target, response)
        )
        return ChatTelemetry.generate(target, resolved, gated.call(answer, target, metering))
      }),
    stream: (request) =>
      Stream.unwrap(Effect.map(resolve(request), ({ metering, resolved, target }) => {
        const events = outcome.stream(target, Stream.suspend(() => provider.stream(resolved)))
        return ChatTelemetry.stream(target, resolved, gated.stream(events, target, metering))
      }))
  }
})

/**
 * The service, with a core where {@link make} did not build it: gates around its functions. Fails with
 * `InvalidRequestError` for a value that is no service.
 */
export const cored = Effect.fnUntraced(function*(
  chat: Chat
): Effect.fn.Return<Chat, ProviderError.InvalidRequestError, Scope.Scope> {
  if (chat[Trait.cores] !== undefined) return chat
  const { defaultModel = "unknown", provider = "custom" } = chat
  const targetOf = (model = defaultModel): Telemetry.Target => ({ operation: "chat", provider, model })
  const gated = yield* Gates.core(provider, Policy.none, targetOf)
  const settled = (given: ChatRequest.ChatRequest) =>
    Effect.map(ChatValidation.settle(provider, given), (request) => {
      const target = targetOf(request.model)
      const resolved = { ...request, model: target.model, messages: ChatRequest.messagesOf(request) }
      return { request, target, metering: ChatMetering.make(undefined, resolved) }
    })
  return {
    ...Trait.dataOf(chat),
    [Trait.cores]: gated.cores,
    generate: (given) =>
      Effect.flatMap(
        settled(given),
        ({ metering, request, target }) => gated.call(chat.generate(request), target, metering)
      ),
    stream: (given) =>
      Stream.unwrap(
        Effect.map(settled(given), ({ metering, request, target }) =>
          gated.stream(chat.stream(request), target, metering))
      )
  }
})

/**
 * A validated request, for a middleware that reads requests. Fails with `InvalidRequestError` for a request that is
 * not valid.
 */
export const settle = (
  input: ChatRequest.Input,
  provider = "strata"
): Effect.Effect<ChatRequest.ChatRequest, ProviderError.InvalidRequestError> => ChatValidation.settle(provider, input)

const providerShape = Check.struct<Pick<Provider, "provider" | "defaultModel" | "generate" | "stream">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  generate: Check.callback(),
  stream: Check.callback()
}, { others: "ignored" })

/**
 * Completes answers: adds the name of the provider and the cost, and lets every stream end with exactly one `finish`. Events
 * before the first content are held until it arrives: a stream that breaks before has delivered nothing, so that it can be
 * asked for again, of another provider too.
 */
const completion = (costing: Costing.Costing) => {
  const response = <O extends ChatResponse.Outcome>(target: Telemetry.Target, outcome: O): Effect.Effect<O> =>
    Effect.flatMap(costing.record(target, outcome.usage, outcome.model), (cost) =>
      Effect.as(
        cost === undefined ? Effect.void : Telemetry.annotate(Costing.attributes(cost)),
        { ...outcome, provider: target.provider, ...(cost !== undefined && { cost }) }
      ))

  const stream = (target: Telemetry.Target, events: ReturnType<Chat["stream"]>): ReturnType<Chat["stream"]> =>
    Stream.transformPull(events, (pull) =>
      Effect.sync(() => {
        let finished = false
        let begun = false
        let held: ReadonlyArray<ChatEvent.ChatEvent> = []
        // What follows `finish` is read and dropped: a connection that was not read to its end cannot be used again.
        const rest = Effect.ignoreCause(Effect.timeoutOption(Effect.forever(pull), "1 second"))
        const next: typeof pull = Effect.flatMap(pull, (events) => {
          if (!begun) {
            held = [...held, ...events]
            begun = held.length > mostHeld || events.some(isContent)
            if (!begun || !Arr.isReadonlyArrayNonEmpty(held)) return next
            events = held
            held = []
          }
          const end = events.findIndex(({ type }) => type === "finish")
          const last = events[end]
          if (last?.type !== "finish") return Effect.succeed(events)
          finished = true
          return Effect.map(response(target, last), (finish): typeof events => Arr.append(events.slice(0, end), finish))
        }).pipe(Pull.catchDone(() => Effect.fail(incomplete(target))))
        return Effect.suspend((): Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ChatStreamError> =>
          finished ? Effect.andThen(rest, Cause.done()) : next
        )
      }))

  return { response, stream }
}

/** Whether an event tells more than that an answer began. */
const isContent = (event: ChatEvent.ChatEvent): boolean => !("delta" in event) || event.delta !== ""

/** Events without content that are held, at most. */
const mostHeld = 64

const incomplete = ({ model, provider }: Telemetry.Target) =>
  new ProviderError.ConnectionError({
    provider,
    model,
    message: `The stream of ${model} of ${provider} ended before the answer was complete. Ask again.`
  })
