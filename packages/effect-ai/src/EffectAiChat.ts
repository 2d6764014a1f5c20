/**
 * A `ChatService` from the `LanguageModel` of `effect/ai` in the context: our retries, policies, budgets, caches, fallbacks
 * and tool loop on any model that has a provider package there.
 *
 * Such a model takes messages, tools and a format. The other fields of a request are settings of its provider: `settings`
 * says how it gets them, and without it a request that has them fails with `UnsupportedFeatureError`.
 */
import * as Chat from "@strata/core/chat/Chat"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Arrays from "./internal/arrays.ts"
import * as Origin from "./internal/origin.ts"
import * as ForeignCall from "./internal/service/call.ts"
import * as FromParts from "./internal/service/fromParts.ts"
import * as StrataAiError from "./StrataAiError.ts"

/**
 * How a `LanguageModel` of Effect is called.
 *
 * - `provider`, `model`: names for errors, telemetry, prices, quotas. When missing, those of the `Model` in the context.
 * - `settings`: the configuration of the provider for one request, as a context: model, temperature, `maxTokens` and so on.
 * - `policy`: of calls; `Policy.standard` when missing.
 *
 * @example
 * EffectAiChat.layer({
 *   settings: ({ maxTokens, temperature }) =>
 *     Context.make(OpenAiLanguageModel.Config, { temperature, max_output_tokens: maxTokens })
 * })
 */
export interface Options {
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly settings?: ((request: ChatRequest.Resolved) => Context.Context<never>) | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service. Errors are those of the model as `StrataAiError.fromAiError` reads them; an `error` part fails a stream.
 *
 * A structured answer of a foreign model is not streamed: `effect/ai` has no way to ask for one. It arrives as one event.
 *
 * Fails with `InvalidRequestError` for invalid options.
 *
 * @example
 * const Chat = EffectAiChat.layer({ provider: "openai", model: "gpt-5.1" }).pipe(Layer.provide(languageModel))
 */
export const layer = (
  options?: Options
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError, LanguageModel.LanguageModel> =>
  Layer.effect(ChatService.ChatService, make(options))

/** {@link layer} as an effect. */
export const make = Effect.fnUntraced(function*(given?: Options) {
  const options = yield* Check.run(optionsOf, given ?? {}, { provider: "effect.ai", whole: "options" })
  const model = yield* LanguageModel.LanguageModel
  const origin = Origin.of(model)
  const provider = options.provider ?? Option.getOrUndefined(yield* Effect.serviceOption(Model.ProviderName)) ??
    origin?.provider ?? "effect.ai"
  const defaultModel = options.model ?? Option.getOrUndefined(yield* Effect.serviceOption(Model.ModelName)) ??
    origin?.defaultModel ?? "default"
  const target = { provider, model: defaultModel, isOurs: origin !== undefined }
  const { settings } = options
  const functions = ForeignCall.functionsOf(model)

  const prepare = (request: ChatRequest.Resolved) =>
    Effect.suspend(() => Effect.fromResult(ForeignCall.make(request, { ...target, settings })))

  const fail = (request: ChatRequest.Resolved) => (error: unknown) =>
    StrataAiError.fromUnknown(error, { provider, model: request.model })

  const generate = (request: ChatRequest.Resolved): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError> =>
    Effect.flatMap(prepare(request), ({ context, options, schema }) => {
      const named = { provider, model: request.model }
      const asked = schema === undefined
        ? functions.generateText(options)
        : functions.generateObject({ ...options, schema })
      return Effect.provideContext(asked, context).pipe(
        Effect.flatMap((answer) => Effect.fromResult(FromParts.response(answer, named))),
        Effect.catch((error) => {
          const misfit = schema === undefined ? undefined : ForeignCall.misfit(error, named)
          return misfit === undefined ? Effect.fail(whole(fail(request)(error))) : Effect.succeed(misfit)
        })
      )
    })

  const stream = (
    request: ChatRequest.Resolved
  ): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError> =>
    Stream.unwrap(Effect.map(prepare(request), ({ context, options, schema }) => {
      if (schema !== undefined) return Stream.fromIterableEffect(Effect.map(generate(request), ChatEvent.fromResponse))
      const parts = Stream.provideContext(functions.streamText(options), context)
      const events = Arrays.map(parts, () => FromParts.makeReader({ provider, model: request.model }))
      return Stream.mapError(events, (error) => streamed(fail(request)(error)))
    }))

  return yield* Chat.make({
    provider,
    defaultModel,
    ...(origin?.identity !== undefined && { identity: origin.identity }),
    ...(options.policy !== undefined && { policy: options.policy }),
    generate,
    stream
  })
})

/** The failures of a whole answer are those of calls. */
const whole = (error: ProviderError.ProviderError): ProviderError.CallError => {
  if (ProviderError.isCallError(error)) return error
  const { message, model, provider } = error
  return new ProviderError.MalformedResponseError({ provider, model, message, cause: error })
}

const streamed = (error: ProviderError.ProviderError): ProviderError.ChatStreamError =>
  error._tag === "StreamInterruptedError" ? error : whole(error)

const optionsOf: Check.Check<Options> = Check.partial<Options>({
  provider: Check.filled,
  model: Check.filled,
  settings: Check.callback(),
  // Checked where it is used.
  policy: Check.unchecked<Policy.Policy>()
})
