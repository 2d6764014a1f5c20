/**
 * An `EmbeddingService` from the `EmbeddingModel` of `effect/ai` in the context: our batches, retries, quotas, budgets and
 * caches on any embedding model that has a provider package there.
 *
 * Vectors are copied into `Float32Array`s. Such a model takes texts only, and does not know what they are for: `purpose` has
 * no effect unless `settings` passes it on.
 */
import * as Check from "@strata/core/Check"
import * as Embedder from "@strata/core/embedding/Embedder"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Model from "effect/ai/Model"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Origin from "./internal/origin.ts"
import * as StrataAiError from "./StrataAiError.ts"
import * as StrataEmbeddingModel from "./StrataEmbeddingModel.ts"

/**
 * How an `EmbeddingModel` of Effect is called.
 *
 * - `provider`, `model`: names for errors, telemetry, prices, quotas. When missing, those of the `Model` in the context.
 * - `maxItems`: texts in a request, 96 when missing; `maxLength`: characters in a text, unlimited when missing.
 * - `settings`: the configuration of the provider for one request, as a context: model, dimensions and so on.
 * - `policy`: of calls; `Policy.standard` when missing.
 */
export interface Options {
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly maxItems?: number | undefined
  readonly maxLength?: number | undefined
  readonly settings?: ((options: Embedding.ResolvedOptions) => Context.Context<never>) | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service. Options that the model cannot be told fail with `UnsupportedFeatureError`, and so do images. Fails
 * with `InvalidRequestError` for invalid options.
 *
 * @example
 * const Embeddings = EffectAiEmbedding.layer({ maxItems: 64 }).pipe(Layer.provide(embeddingModel))
 */
export const layer = (
  options?: Options
): Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError, EmbeddingModel.EmbeddingModel> =>
  Layer.effect(EmbeddingService.EmbeddingService, make(options))

/** {@link layer} as an effect. */
export const make = Effect.fnUntraced(function*(given?: Options) {
  const options = yield* Check.run(optionsOf, given ?? {}, { provider: "effect.ai", whole: "options" })
  const embeddingModel = yield* EmbeddingModel.EmbeddingModel
  const origin = Origin.of(embeddingModel)
  const provider = options.provider ?? Option.getOrUndefined(yield* Effect.serviceOption(Model.ProviderName)) ??
    origin?.provider ?? "effect.ai"
  const model = options.model ?? Option.getOrUndefined(yield* Effect.serviceOption(Model.ModelName)) ??
    origin?.defaultModel ?? "default"
  const dimensions = Option.getOrUndefined(yield* Effect.serviceOption(EmbeddingModel.Dimensions))
  const target: Target = { provider, model, dimensions, settings: options.settings, isOurs: origin !== undefined }
  const { maxItems = 96, maxLength = Infinity } = options

  return yield* Embedder.make({
    provider,
    defaultModel: model,
    ...(origin?.identity !== undefined && { identity: origin.identity }),
    limits: (asked) => Effect.as(Effect.fromResult(supported(asked, target)), { maxItems, maxLength }),
    embedBatch: (batch) => embedBatch(embeddingModel, batch, target),
    ...(options.policy !== undefined && { policy: options.policy })
  })
})

interface Target {
  readonly provider: string
  readonly model: string
  readonly dimensions: number | undefined
  readonly settings: Options["settings"]
  readonly isOurs: boolean
}

const embedBatch = Effect.fnUntraced(function*(
  embeddingModel: EmbeddingModel.EmbeddingModel,
  { inputs, kind, options }: Embedding.ProviderBatch,
  target: Target
): Effect.fn.Return<Embedding.ProviderBatchResult, ProviderError.EmbeddingError> {
  const { model } = options
  const { provider, settings } = target
  const context = settings === undefined ? Context.empty() : yield* Effect.try({
    try: () => settings(options),
    catch: (cause) => Check.threw({ provider, model }, "settings", cause)
  })
  if (!Check.holds(Context.isContext, context)) {
    return yield* Check.invalid("settings", "it returned no context", "Return a `Context`")
  }
  // The limits allow no images.
  const texts = kind === "text" ? inputs : []
  const { embeddings, usage } = yield* embeddingModel.embedMany(texts).pipe(
    Effect.provideContext(context as Context.Context<never>), // what `settings` returned
    Effect.provideService(StrataEmbeddingModel.Options, own(options, target)),
    Effect.mapError((error) => failure(StrataAiError.fromUnknown(error, { provider, model })))
  )
  return {
    vectors: embeddings.map(({ vector }) => Float32Array.from(vector)),
    ...(usage.inputTokens !== undefined && { inputTokens: usage.inputTokens })
  }
})

/** The options that a model of this package takes. */
const own = (
  { model, vectorType: _, ...options }: Embedding.ResolvedOptions,
  target: Target
): StrataEmbeddingModel.EmbeddingOptions => model === target.model ? options : { ...options, model }

const failure = (error: ProviderError.ProviderError): ProviderError.EmbeddingError => {
  if (ProviderError.isCallError(error)) return error
  const { message, model, provider } = error
  return new ProviderError.MalformedResponseError({ provider, model, message, cause: error })
}

/** Fails for what the model cannot be told. */
const supported = (
  options: Embedding.ResolvedOptions,
  { dimensions, isOurs, model, provider, settings }: Target
): Result.Result<void, ProviderError.UnsupportedFeatureError> => {
  const isTold = isOurs || settings !== undefined
  const untold: ReadonlyArray<readonly [field: string, isUnsupported: boolean]> = [
    ["vectorType", options.vectorType !== "float"],
    ["model", !isTold && options.model !== model],
    ["dimensions", !isTold && options.dimensions !== undefined && options.dimensions !== dimensions],
    ["normalize", !isTold && options.normalize !== undefined],
    ["providerOptions", !isTold && Object.keys(options.providerOptions ?? {}).length > 0]
  ]
  const field = untold.find(([, isUnsupported]) => isUnsupported)?.[0]
  if (field === undefined) return Result.void
  const problem = field === "vectorType"
    ? "a model of `effect/ai` makes vectors of numbers only. Leave it out."
    : "a request of `effect/ai` has no such field. Leave it out, or give `settings` to `EffectAiEmbedding.layer`."
  return Result.fail(
    new ProviderError.UnsupportedFeatureError({
      provider,
      model: options.model,
      feature: field,
      field,
      problem,
      message: `${field}: ${problem}`
    })
  )
}

const optionsOf: Check.Check<Options> = Check.partial<Options>({
  provider: Check.filled,
  model: Check.filled,
  maxItems: Check.number({ min: 1, whole: true, remedy: "Use a whole number from 1" }),
  maxLength: Check.number({ min: 1, remedy: "Use a number of characters from 1" }),
  settings: Check.callback(),
  // Checked where it is used.
  policy: Check.unchecked<Policy.Policy>()
})
