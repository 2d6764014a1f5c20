/**
 * The `LanguageModel` of `effect/ai` from a `ChatService`: its `Chat`, `Toolkit`, `McpServer` and agents run on Bedrock, or
 * any other provider, with the policies, budgets, quotas and caches of that service.
 *
 * Fails with `AiError` only; `StrataAiError` has our error of it. What `effect/ai` has no field for is in `StrataMetadata`.
 */
import type * as Chat from "@strata/core/chat/Chat"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import type * as Response from "effect/ai/Response"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Arrays from "./internal/arrays.ts"
import * as Guard from "./internal/model/guard.ts"
import * as Json from "./internal/model/json.ts"
import * as Request from "./internal/model/request.ts"
import * as ToParts from "./internal/model/toParts.ts"
import * as Turn from "./internal/model/turn.ts"
import * as Origin from "./internal/origin.ts"
import * as StrataAiError from "./StrataAiError.ts"

/**
 * Fields of a request that `effect/ai` has no place for. They are `model`, `maxTokens`, `temperature`, `topP`,
 * `stopSequences`, `reasoning`, `parallelToolCalls` and `providerOptions`.
 */
export type RequestOptions = Turn.RequestOptions

/** The options of the requests of a fiber. Handlers of tools do not see them: a model that a tool asks has its own. */
export const Options: Context.Reference<RequestOptions> = Turn.Options

/**
 * The model, with options of all its requests.
 *
 * @example
 * const Model = StrataLanguageModel.layer().pipe(Layer.provide(BedrockChat.layer({ model })))
 */
export const layer = (
  options: RequestOptions = {}
): Layer.Layer<LanguageModel.LanguageModel, never, ChatService.ChatService> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))

/**
 * The model as a `Model`, which also says its provider and name. The name is the id of the model in its requests.
 *
 * @example
 * const Claude = StrataLanguageModel.model("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", {
 *   maxTokens: 1024
 * })
 * const answer = LanguageModel.generateText({ prompt: "Why is the sky blue?" }).pipe(Effect.provide(Claude))
 */
export const model = <const Provider extends string, const Name extends string>(
  provider: Provider,
  name: Name,
  options: Omit<RequestOptions, "model"> = {}
): Model.Model<Provider, LanguageModel.LanguageModel, ChatService.ChatService> =>
  Model.make(provider, name, layer({ ...ownOf(options), model: name }))

/**
 * Options of the requests of an effect or stream, over those around it.
 *
 * @example
 * LanguageModel.generateText({ prompt }).pipe(StrataLanguageModel.withOptions({ temperature: 0, maxTokens: 200 }))
 */
export const withOptions: {
  (options: RequestOptions): <Self extends Asking>(self: Self) => Self
  <Self extends Asking>(self: Self, options: RequestOptions): Self
} = dual(2, (self: Asking, options: RequestOptions): Asking => {
  const over = (outer: RequestOptions) => Request.merged(outer, options)
  return Stream.isStream(self)
    ? Stream.unwrap(Effect.map(Options, (outer) => Stream.provideService(self, Options, over(outer))))
    : Effect.updateService(self, Options, over)
})

/** Options that are read once; what is no options the service refuses. */
const ownOf = (options: RequestOptions): RequestOptions => Check.fieldsOf(options) as RequestOptions

type Asking = Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>

/** {@link layer} as an effect. */
export const make = (
  options: RequestOptions = {}
): Effect.Effect<LanguageModel.LanguageModel, never, ChatService.ChatService> =>
  Effect.flatMap(ChatService.ChatService, (chat) => {
    const asked = Effect.fnUntraced(function*(method: string, given: LanguageModel.ProviderOptions) {
      const turn = yield* Turn.Turn
      const request = yield* Request.make(given, options, turn.options)
      const frame: ToParts.Frame = {
        calls: Turn.calls(given, turn, method),
        documents: Request.documentsOf(ChatRequest.messagesOf(request))
      }
      return { frame, request }
    })

    return Effect.map(
      LanguageModel.make({
        codecTransformer: Json.codecTransformer,
        supportsSystemMessagesInHistory: Effect.succeed(true),
        generateText: Effect.fnUntraced(function*(given) {
          const fail = (error: ProviderError.ProviderError) =>
            StrataAiError.toAiError(error, { module: "LanguageModel", method: "generateText" })
          const { frame, request } = yield* Effect.mapError(asked("generateText", given), fail)
          const response = yield* Effect.mapError(chat.generate(request), fail)
          const { responseFormat } = given
          const answer = responseFormat.type === "json"
            ? yield* Effect.mapError(Json.plain(responseFormat.schema, response), fail)
            : response
          return yield* Effect.fromResult(ToParts.response(answer, frame))
        }),
        streamText: (given) => {
          const fail = (error: ProviderError.ProviderError) =>
            StrataAiError.toAiError(error, { module: "LanguageModel", method: "streamText" })
          return Stream.unwrap(Effect.map(
            Effect.mapError(asked("streamText", given), fail),
            ({ frame, request }) => written(Stream.mapError(chat.stream(request), fail), frame, () => fail(cut(chat)))
          ))
        }
      }),
      (model) => Origin.mark(Guard.make(model), chat, Check.fieldsOf(options).model)
    )
  })

/** The parts of a stream, with exactly one `finish`. */
const written = (
  events: Stream.Stream<ChatEvent.ChatEvent, AiError.AiError>,
  frame: ToParts.Frame,
  cut: () => AiError.AiError
): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
  Stream.suspend(() => {
    const writer = ToParts.makeWriter(frame)
    const parts = Arrays.map(events, () => (events) => {
      const items = writer.write(events)
      return { items, failure: writer.failure() }
    })
    return Stream.concat(parts, Stream.suspend(() => writer.isFinished() ? Stream.empty : Stream.fail(cut())))
  })

const cut = ({ defaultModel, provider = "custom" }: Chat.Chat) =>
  new ProviderError.ConnectionError({
    provider,
    model: defaultModel,
    message: "The stream ended without its `finish` event: the answer is not complete. Ask again."
  })
