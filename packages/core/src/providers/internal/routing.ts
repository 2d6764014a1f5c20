/** Services of many providers behind one: the model of a call says which answers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Chat from "../../chat/Chat.ts"
import * as ChatRequest from "../../chat/ChatRequest.ts"
import * as Check from "../../Check.ts"
import * as Embedder from "../../embedding/Embedder.ts"
import type * as Embedding from "../../embedding/Embedding.ts"
import * as EmbeddingService from "../../embedding/EmbeddingService.ts"
import { isPlain } from "../../internal/check/json.ts"
import * as Trait from "../../internal/trait.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as ModelReference from "../ModelReference.ts"

/** Layers, or any values. */
export type Layers = Readonly<Record<string, Layer.Layer<never, unknown, unknown>>>

/** At least one layer, each under a name without a colon. */
export const layersOf: Check.Check<Layers> = (given, at) => {
  if (!Check.holds(isPlain, given)) {
    return Check.refuseKind(at, given, "Give an object of layers by the name of their provider")
  }
  // A plain object has keys, if any.
  const holder = given as object
  const names = Object.keys(holder)
  if (names.length === 0) {
    return Check.refuse(at, "it has no layers", "Give at least one layer by the name of its provider")
  }
  const layers: Record<string, Layers[string]> = {}
  for (const name of names) {
    const layer = Check.part(name === "" || name.includes(":") ? misnamed : layerOf, holder, name, at)
    if (layer === Check.refused) return layer
    layers[name] = layer
  }
  return layers
}

// What a layer provides is checked when it is built.
const layerOf = Check.layer as Check.Check<Layers[string]>

const misnamed: Check.Check<never> = (_, at) =>
  Check.refuse(at, "the name of a provider is empty or has a colon", "Use a name such as `bedrock`")

/** The layer of a router of chat services; each argument may be any value. */
export const chat = (layers: unknown, options: unknown): Layer.Layer<Chat.ChatService, unknown, unknown> =>
  routed(Chat.ChatService, Chat.cored, layers, options, (route) => {
    const asking = Effect.fnUntraced(function*(given: ChatRequest.ChatRequest) {
      const { model, ...request } = yield* Chat.settle(given)
      const { service, ...named } = route(model)
      return { service, request: { ...request, ...named } }
    })
    return {
      generate: (given) => Effect.flatMap(asking(given), ({ request, service }) => service.generate(request)),
      stream: (given) => Stream.unwrap(Effect.map(asking(given), ({ request, service }) => service.stream(request)))
    }
  })

/** The layer of a router of embedding services; each argument may be any value. */
export const embedding = (
  layers: unknown,
  options: unknown
): Layer.Layer<EmbeddingService.EmbeddingService, unknown, unknown> =>
  routed(EmbeddingService.EmbeddingService, Embedder.cored, layers, options, (route) => {
    /** The service that is asked, with its options; it refuses options that are none. */
    const asking = <O extends Embedding.EmbeddingOptions>(given: O | undefined) => {
      const { service, ...named } = route(ChatRequest.modelOf(given))
      return { service, options: "model" in named && given !== undefined ? { ...given, ...named } : given }
    }
    return {
      embed: (input, given) => {
        const { options, service } = asking(given)
        return service.embed(input, options)
      },
      embedMany: (inputs, given) => {
        const { options, service } = asking(given)
        return service.embedMany(inputs, options)
      },
      embedEach: (inputs, given) => {
        const { options, service } = asking(given)
        return service.embedEach(inputs, options)
      },
      embedStream: (values, input, given) => {
        const { options, service } = asking(given)
        return service.embedStream(values, input, options)
      }
    }
  })

/** The service for a model, and the model as that service spells it, if there is one. */
type Route<Shape> = (model: string | undefined) => { readonly service: Shape; readonly model?: string }

const routed = <Service, Shape extends Trait.Trait>(
  tag: Context.Key<Service, Shape>,
  cored: (shape: Shape) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>,
  layers: unknown,
  options: unknown,
  make: (route: Route<Shape>) => Omit<Shape, keyof Trait.Trait>
): Layer.Layer<Service, unknown, unknown> =>
  Layer.fromBuildMemo((memoMap, scope) =>
    Effect.gen(function*() {
      const given = yield* Check.run(layersOf, layers, { provider: "strata", field: "layers" })
      const names = Object.keys(given)
      const settled = yield* Check.run(optionsOf, options ?? {}, { provider: "strata", whole: "options" })
      const first = settled.default ?? names[0] ?? ""
      const services = new Map<string, Shape>()
      for (const [name, layer] of Object.entries(given)) {
        // By the tag: a layer of another service builds all the same, and has none.
        const built = Context.getOption(
          yield* Layer.buildWithMemoMap(layer, memoMap, scope),
          tag as never
        ) as Option.Option<Shape>
        if (Option.isNone(built)) {
          const problem = "the layer does not build the service"
          return yield* Check.invalid(`layers.${name}`, problem, "Give layers of the same service")
        }
        services.set(name, yield* Scope.provide(cored(built.value), scope))
      }
      const main = services.get(first)
      if (main === undefined) {
        return yield* Check.invalid("default", `there is no layer "${first}"`, `Use one of ${names.join(", ")}`)
      }
      const route: Route<Shape> = (model) => {
        if (model === undefined) return { service: main }
        const reference = ModelReference.parse(model, names)
        return { service: services.get(reference?.provider ?? first) ?? main, model: reference?.model ?? model }
      }
      const others = [...services.values()].filter((service) => service !== main)
      // The functions of the service, and the data of all members.
      return Context.make(tag, { ...Trait.ofMembers([main, ...others]), ...make(route) } as Shape)
    })
  )

const optionsOf = Check.partial<{ readonly default: string }>({ default: Check.filled })
