/**
 * The `EmbeddingModel` of `effect/ai` from an `EmbeddingService`: requests within the limits of the model, retries, quotas,
 * budgets and caches are those of the service.
 *
 * A bad input fails only its own caller, where `EmbeddingModel.make` fails every caller of a batch; and `embedMany` of any
 * number of inputs is split.
 */
import * as Check from "@strata/core/Check"
import type * as Embedder from "@strata/core/embedding/Embedder"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Model from "effect/ai/Model"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RequestResolver from "effect/RequestResolver"
import * as Result from "effect/Result"
import * as Origin from "./internal/origin.ts"
import * as StrataAiError from "./StrataAiError.ts"

/** What `effect/ai` has no place for: `model`, `purpose`, `dimensions`, `normalize`, `truncate`, `providerOptions`. */
export type EmbeddingOptions = Omit<Embedding.EmbeddingOptions, "vectorType">

/**
 * The options of the calls of a fiber. Concurrent calls of `embed` with equal options share requests.
 *
 * @example
 * Effect.provideService(embeddings.embed(question), StrataEmbeddingModel.Options, { purpose: "query" })
 */
export const Options = Context.Reference<EmbeddingOptions>("@strata/effect-ai/StrataEmbeddingModel/Options", {
  defaultValue: () => ({})
})

/** The model, with options of all its calls. */
export const layer = (
  options: EmbeddingOptions = {}
): Layer.Layer<EmbeddingModel.EmbeddingModel, never, EmbeddingService.EmbeddingService> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, make(options))

/** The model as a `Model`, with its `dimensions`, numbers in a vector, as a service. */
export const model = <const Provider extends string, const Name extends string>(
  provider: Provider,
  name: Name,
  options: Omit<EmbeddingOptions, "model"> & { readonly dimensions: number }
): Model.Model<
  Provider,
  EmbeddingModel.EmbeddingModel | EmbeddingModel.Dimensions,
  EmbeddingService.EmbeddingService
> =>
  Model.make(
    provider,
    name,
    Layer.merge(
      layer({ ...ownOf(options), model: name }),
      Layer.succeed(EmbeddingModel.Dimensions, ownOf(options).dimensions)
    )
  )

/** {@link layer} as an effect. */
export const make = (
  options: EmbeddingOptions = {}
): Effect.Effect<EmbeddingModel.EmbeddingModel, never, EmbeddingService.EmbeddingService> =>
  Effect.map(EmbeddingService.EmbeddingService, (service) => {
    const over = (own: EmbeddingOptions): EmbeddingOptions => ({ ...ownOf(options), ...ownOf(own) })
    const resolver = RequestResolver.makeGrouped<EmbeddingModel.EmbeddingRequest, Group>({
      key: ({ context }) => ({
        options: Context.get(context, Options),
        metadata: Context.get(context, RequestMetadata.RequestMetadata)
      }),
      resolver: (entries, { options }) =>
        Effect.map(
          service.embedEach(entries.map(({ request }) => request.input), over(options)),
          ({ results }) => {
            for (const [index, entry] of entries.entries()) {
              const result = results[index] ?? results[0]
              if (result === undefined) continue
              entry.completeUnsafe(Result.match(result, {
                onFailure: (error) => Exit.fail(failure("embed")(error)),
                onSuccess: (embedding) => Exit.succeed(responseOf(embedding))
              }))
            }
          }
        )
    }).pipe(RequestResolver.withSpan("EmbeddingModel.resolver"))
    const model = EmbeddingModel.EmbeddingModel.of({
      [EmbeddingModel.TypeId]: EmbeddingModel.TypeId,
      resolver,
      embed: (input) =>
        Effect.flatMap(Options, (own) => service.embed(input, over(own))).pipe(
          Effect.mapBoth({ onFailure: failure("embed"), onSuccess: responseOf }),
          Effect.withSpan("EmbeddingModel.embed", {}, { captureStackTrace: false })
        ),
      embedMany: (inputs) =>
        Effect.flatMap(Options, (own) => service.embedMany(inputs, over(own))).pipe(
          Effect.mapBoth({ onFailure: failure("embedMany"), onSuccess: manyOf }),
          Effect.withSpan("EmbeddingModel.embedMany", {}, { captureStackTrace: false })
        )
    })
    return Origin.mark(model, service, ownOf(options).model)
  })

/** Options that are read once; what is no options the service refuses. */
const ownOf = <A extends EmbeddingOptions>(options: A): A => Check.fieldsOf(options) as A

/** Requests that may be sent together: of equal options and equal request metadata. */
interface Group {
  readonly options: EmbeddingOptions
  readonly metadata: RequestMetadata.Pairs
}

const failure = (method: string) => (error: Embedder.EmbeddingError): AiError.AiError =>
  StrataAiError.toAiError(error, { module: "EmbeddingModel", method })

const responseOf = ({ vector }: Embedding.Embedding): EmbeddingModel.EmbedResponse =>
  trusted(EmbeddingModel.EmbedResponse, { vector: Array.from(vector) })

const manyOf = ({ embeddings, usage }: Embedding.EmbeddingBatch): EmbeddingModel.EmbedManyResponse =>
  trusted(EmbeddingModel.EmbedManyResponse, {
    embeddings: embeddings.map(responseOf),
    usage: new EmbeddingModel.EmbeddingUsage({ inputTokens: usage.inputTokens })
  })

/** What the constructor of a class makes, which would look at every number: those of a service are checked. */
const trusted = <A extends object>(Class: { readonly prototype: A }, fields: A): A =>
  Object.assign(Object.create(Class.prototype) as A, fields)
