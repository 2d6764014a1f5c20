/**
 * Chat with any server that speaks OpenAI's API, through Chat Completions or Responses.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatCompletions from "./chat/ChatCompletions.ts"
import type { Api, Codec, Exchange, Route } from "./chat/Codec.ts"
import * as Configured from "./internal/configured.ts"
import { providerKey } from "./internal/provider.ts"
import * as MantleRoute from "./mantle/Route.ts"
import { OpenAiClient } from "./OpenAiClient.ts"
import * as OpenAiError from "./OpenAiError.ts"
import * as OpenAiResponses from "./OpenAiResponses.ts"

export type { Api } from "./chat/Codec.ts"

/**
 * Which model answers, by which API of the server, and under which policy.
 *
 * - `model`: a request can name another.
 * - `api`: `auto`, the default, is Chat Completions, but for models that the server has in its Responses API only.
 * - `root`: a path in place of the base URL's, such as `/openai/v1`. Of Bedrock's endpoint mantle it is known by the model.
 * - `policy`: `Policy.standard` when missing.
 */
export interface Options {
  readonly model?: ChatRequest.ModelName | undefined
  readonly api?: Api | "auto" | undefined
  readonly root?: string | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * Builds the service from an {@link OpenAiClient}. Invalid options fail with `InvalidRequestError` when the service is built.
 *
 * - What the server has no field for fails with `UnsupportedFeatureError`, with its place, before anything is sent; what only
 *   annotates the content is left out and told in `providerMetadata.openai.warnings`.
 * - A prompt or an answer that a content filter withheld is an answer with the finish reason `content-filter` and the categories
 *   in `providerMetadata.openai.contentFilter`.
 * - A stream is complete when the server gave a finish reason or `[DONE]`. One that ends with neither fails, and its tool calls are
 *   not handed out.
 */
export const make = Effect.fnUntraced(function*(given?: Options): Effect.fn.Return<
  ChatService.ChatService["Service"],
  ProviderError.InvalidRequestError,
  OpenAiClient | Scope.Scope
> {
  const options = yield* Check.run(optionsOf, given === undefined ? {} : given, {
    provider: providerKey,
    whole: "options"
  })
  const client = yield* OpenAiClient
  const { profile, server } = client
  const { api = "auto", model, policy, root } = options

  const prepare = (request: ChatRequest.Resolved, streaming: boolean) =>
    Effect.flatMap(Random.nextIntBetween(0, 2 ** 48), (seed): Effect.Effect<Prepared, ProviderError.CallError> => {
      const route = MantleRoute.route(client, request.model, { api, root })
      const target = { profile, provider: profile.provider, server, streaming, seed: seed.toString(36) }
      return Effect.map(
        Effect.fromResult(codecs[route.api].encode(request, target)),
        (exchange) => ({ exchange, route })
      )
    })

  return yield* ChatService.make({
    provider: profile.provider,
    defaultModel: model,
    identity: { client: client.identity, api, root: root ?? null },
    contextWindow: profile.contextWindow,
    policy,
    metering: { scope: () => MantleRoute.scope(profile, client) },
    generate: (request) =>
      Effect.flatMap(prepare(request, false), ({ exchange, route }) =>
        Effect.flatMap(
          client.post(exchange.path, exchange.body, { root: route.root }),
          (answer) => Effect.fromResult(exchange.decode(answer))
        ).pipe(
          Effect.catch((error) => {
            const filtered = withheld(exchange, error)
            return filtered === undefined
              ? Effect.fail(MantleRoute.explain(error, route, profile))
              : Effect.succeed(filtered)
          })
        )),
    stream: (request) =>
      Stream.unwrap(
        Effect.map(prepare(request, true), ({ exchange, route }) =>
          Stream.unwrap(
            Effect.map(client.postStream(exchange.path, exchange.body, { root: route.root }), exchange.stream)
          ).pipe(
            Stream.catch((error) => {
              const filtered = withheld(exchange, error)
              return filtered === undefined
                ? Stream.fail(MantleRoute.explain(error, route, profile))
                : Stream.fromIterable(ChatEvent.fromResponse(filtered))
            })
          ))
      )
  })
})

interface Prepared {
  readonly exchange: Exchange
  readonly route: Route
}

const codecs: { readonly [A in Api]: Codec } = {
  "chat-completions": ChatCompletions.codec,
  responses: OpenAiResponses.codec
}

/** The answer to a prompt that a filter refused. */
const withheld = (
  exchange: Exchange,
  error: ProviderError.ChatStreamError
): ChatResponse.ChatResponse | undefined => {
  const filter = OpenAiError.filterOf(error)
  return filter && exchange.filtered(filter, error.requestId)
}

const optionsOf = Check.struct<Options>({
  model: Check.optional(Check.filled),
  api: Check.optional(Check.word(["auto", "chat-completions", "responses"])),
  root: Check.optional(Check.filled),
  policy: Check.unchecked<Policy.Policy | undefined>()
})

/**
 * The chat service. Needs an {@link OpenAiClient}, which several services can share. Fails with `InvalidRequestError`
 * for invalid options.
 *
 * @example
 * const Chat = OpenAiChat.layer({ model: "gpt-5.1" }).pipe(Layer.provide(OpenAiClient.layerConfig()))
 */
export const layer = (
  options?: Options
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError, OpenAiClient> =>
  Layer.effect(ChatService.ChatService, make(options))

/**
 * {@link layer} with options from `Config`; a `model` that is not given is read from `OPENAI_MODEL`.
 *
 * @example
 * OpenAiChat.layerConfig({ model: Config.String("CHAT_MODEL") })
 */
export const layerConfig = (
  options: Config.Wrap<Options> = {}
): Layer.Layer<ChatService.ChatService, Config.ConfigError | ProviderError.InvalidRequestError, OpenAiClient> =>
  Layer.effect(
    ChatService.ChatService,
    Effect.flatMap(
      Configured.read<Options>(options),
      (given) => Effect.flatMap(Configured.model(given, "OPENAI_MODEL"), make)
    )
  )
