/**
 * Many providers in one program: one of them chosen when it starts, or all of them behind one service, by the model of a call.
 *
 * The layers are built together: a client that several of them share is built once.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Struct from "effect/Struct"
import type { ChatService } from "../chat/Chat.ts"
import * as Check from "../Check.ts"
import type { EmbeddingService } from "../embedding/EmbeddingService.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Routing from "./internal/routing.ts"

/** Layers by the name of their provider, which has no colon. */
export type Layers<Service> = Readonly<Record<string, Layer.Layer<Service, unknown, unknown>>>

type Errors<L extends Layers<never>> = Layer.Error<L[keyof L]>

type Needs<L extends Layers<never>> = Layer.Services<L[keyof L]>

/** `variable`: what the environment calls the choice, `STRATA_PROVIDER` when missing; `default`: the name if it is not set. */
export interface ChooseOptions<Name extends string> {
  readonly variable?: string | undefined
  readonly default?: Name | undefined
}

/**
 * The layer that the configuration names; the others are not built. It has the services that all of them have.
 *
 * Fails with a `ConfigError` that lists the names when the variable is none of them, or is not set and there is no `default`.
 *
 * Fails with `InvalidRequestError` for a name without a layer, and as the chosen layer does.
 *
 * @example
 * const services = Providers.choose({
 *   bedrock: Layer.mergeAll(BedrockChat.layer({ model }), BedrockEmbedding.layer({ model: titan })).pipe(Layer.provide(client)),
 *   local: Layer.provideMerge(ExtractiveChat.layer(), LocalEmbedding.layer())
 * }, { default: "local" })
 */
export const choose = <Service, const L extends Layers<never>>(
  layers: L & Layers<Service>,
  options: ChooseOptions<NoInfer<Extract<keyof L, string>>> = {}
): Layer.Layer<Service, Errors<L> | Config.ConfigError | ProviderError.InvalidRequestError, Needs<L>> =>
  Layer.unwrap(Effect.gen(function*() {
    const given = yield* Check.run(layersOf, layers, { provider: "strata", field: "layers" })
    const { default: otherwise, variable = "STRATA_PROVIDER" } = yield* Check.run(choice, options, {
      provider: "strata",
      whole: "options"
    })
    const names = Struct.keys(given)
    const name = Config.Literals(names, variable)
    const chosen = yield* otherwise === undefined ? name : Config.withDefault(name, otherwise)
    const layer = given[chosen]
    return layer === undefined
      ? Layer.effectDiscard(Check.invalid("default", `there is no layer "${chosen}"`, `Use one of ${names.join(", ")}`))
      : layer
    // The chosen layer is one of those whose types are the result.
  })) as Layer.Layer<Service, Errors<L> | Config.ConfigError | ProviderError.InvalidRequestError, Needs<L>>

/** `default`: the provider of calls whose model names none; the first layer when missing. */
export interface RouteOptions<Name extends string> {
  readonly default?: Name | undefined
}

/**
 * One `ChatService` over many: the `model` of a request says which answers, as `provider:model` (see `ModelReference`). A model
 * without the name of a provider goes to the default one, as it is.
 *
 * The answer has the `provider` and `model` as the service that answered names them. Policies, budgets and caches around the
 * router apply to each provider, as they do around a fallback.
 *
 * Fails with `InvalidRequestError` for invalid options, and as the layers do.
 *
 * @example
 * const chat = Providers.chat({ bedrock: BedrockChat.layer({ model: nova }), openai: OpenAiChat.layer({ model: "gpt-5.1" }) })
 *
 * ChatService.generate({ model: "openai:gpt-5.1-mini", messages: "Hi" }).pipe(Effect.provide(chat))
 */
export const chat = <const L extends Layers<ChatService>>(
  layers: L,
  options?: RouteOptions<NoInfer<Extract<keyof L, string>>>
): Layer.Layer<ChatService, Errors<L> | ProviderError.InvalidRequestError, Needs<L>> =>
  // The errors and requirements of the layers are those of the result.
  Routing.chat(layers, options) as Layer.Layer<ChatService, Errors<L> | ProviderError.InvalidRequestError, Needs<L>>

/** One `EmbeddingService` over many, as {@link chat} is for chat. Vectors of different models cannot be compared. */
export const embedding = <const L extends Layers<EmbeddingService>>(
  layers: L,
  options?: RouteOptions<NoInfer<Extract<keyof L, string>>>
): Layer.Layer<EmbeddingService, Errors<L> | ProviderError.InvalidRequestError, Needs<L>> =>
  // The errors and requirements of the layers are those of the result.
  Routing.embedding(layers, options) as Layer.Layer<
    EmbeddingService,
    Errors<L> | ProviderError.InvalidRequestError,
    Needs<L>
  >

const layersOf = Routing.layersOf

const choice = Check.partial<Required<ChooseOptions<string>>>({ variable: Check.filled, default: Check.filled })
