/**
 * Embeddings on Amazon Bedrock through InvokeModel: Amazon Titan (text, multimodal) and Nova, Cohere Embed, TwelveLabs
 * Marengo. All but Titan Text take images too.
 *
 * Every family has a request and an answer of its own; they are in `embedding/`, one file each. Batches, order,
 * duplicates and retries are the work of `EmbeddingService.make`.
 */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { BedrockClient } from "./BedrockClient.ts"
import * as Families from "./embedding/Families.ts"
import * as Family from "./embedding/Family.ts"
import * as InferenceProfile from "./InferenceProfile.ts"
import * as Configured from "./internal/configured.ts"
import * as Metering from "./internal/metering.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import type * as ModelId from "./ModelId.ts"

/** A family of embedding models, by the name the option `family` takes. */
export type FamilyName = Families.Name

/** All of them. */
export const families: ReadonlyArray<FamilyName> = Families.names

/**
 * - `model`: a model id, an inference profile id (`eu.cohere.embed-v4:0`) or an ARN; a request can name another.
 * - `family`: how to talk to a model whose id does not tell: an application inference profile, a provisioned or an
 *   imported model. An id that tells its family is not affected. `InferenceProfile.layer` finds out the first of them.
 * - `policy`: `Policy.standard` when missing.
 * - `coalesce`: how long `embed` waits for others to share its request; when missing, only those of the same tick do.
 */
export interface Options {
  readonly model?: ModelId.KnownEmbeddingModel | (string & {}) | undefined
  readonly family?: FamilyName | undefined
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
}

/**
 * What one request can say to Bedrock beyond what every provider understands.
 *
 * - `family`: as in {@link Options}, for the model of this request.
 * - `body`: more fields for the body of the request, in the model's own words. What stands here wins over what Strata
 *   would send, except for the inputs and what decides the kind and length of the vectors. An object is merged with the
 *   one Strata would send, and one about images is not sent with texts, nor the other way round.
 *
 * @example
 * EmbeddingService.embed(text, { truncate: "end", providerOptions: { bedrock: { body: { max_tokens: 4096 } } } })
 */
export interface BedrockEmbeddingOptions {
  readonly family?: FamilyName | undefined
  readonly body?: Family.Fields | undefined
}

declare module "@strata/core/embedding/Embedding" {
  interface ProviderOptions {
    readonly bedrock?: BedrockEmbeddingOptions | undefined
  }
}

/**
 * Builds the service from a {@link BedrockClient}.
 *
 * Vectors are of the type that is asked for, where the model makes it. `normalize: true` gives `float` vectors unit
 * length whatever the model; `false` means that nothing scales them, which a model that only makes unit vectors
 * satisfies by making those. A model that knows no purposes embeds alike for all of them. `inputTokens` is what the
 * model counted. Options that cannot be right fail with `InvalidRequestError` when the service is built. Beside the
 * errors of the client, calls fail with
 * - `InvalidRequestError`, before anything is sent, if the family is unknown or cannot do what the options ask for;
 * - `MalformedResponseError` if an answer does not hold one vector of finite numbers, as long as asked, for each input.
 */
export const make = (
  given?: Options
): Effect.Effect<
  EmbeddingService.EmbeddingService["Service"],
  ProviderError.InvalidRequestError,
  BedrockClient | Scope.Scope
> =>
  Effect.gen(function*() {
    const options = yield* OwnOptions.ofLayer(fields, given)
    const client = yield* BedrockClient
    const familyOf = makeFamilyOf(options.family, yield* InferenceProfile.InferenceProfile)
    return yield* EmbeddingService.make({
      provider: providerName,
      defaultModel: options.model,
      identity: { client: client.identity, family: options.family ?? null },
      policy: options.policy,
      coalesce: options.coalesce,
      metering: { scope: Metering.scope(client) },
      limits: (request) => Effect.map(familyOf(request), ({ limits }) => limits),
      embedBatch: (batch) => embedBatch(client, batch, familyOf)
    })
  })

const familyName = Check.optional(Check.word(Families.names))

const fields: Check.Fields<Options> = {
  model: OwnOptions.model,
  family: familyName,
  policy: OwnOptions.policy,
  coalesce: Check.optional(Check.duration())
}

/** The embedding service of Bedrock. Needs a {@link BedrockClient}, which several services can share. */
export const layer = (
  options?: Options
): Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(EmbeddingService.EmbeddingService, make(options))

/**
 * {@link layer} with the options, or some of them, taken from `Config`.
 *
 * @example
 * BedrockEmbedding.layerConfig({
 *   model: Config.String("EMBEDDING_MODEL"),
 *   family: Config.Literals(BedrockEmbedding.families, "EMBEDDING_FAMILY")
 * })
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<
  EmbeddingService.EmbeddingService,
  Config.ConfigError | ProviderError.InvalidRequestError,
  BedrockClient
> => Layer.effect(EmbeddingService.EmbeddingService, Effect.flatMap(Configured.read(options), make))

const embedBatch = Effect.fnUntraced(function*(
  client: BedrockClient["Service"],
  batch: Embedding.ProviderBatch,
  familyOf: FamilyOf
) {
  const { model, providerOptions } = batch.options
  const family = yield* familyOf(batch.options)
  const body = yield* Effect.try({
    try: () => Family.encode(family, batch, providerOptions?.bedrock?.body),
    catch: () => invalid(model, "providerOptions.bedrock.body", "it is not JSON", "Use plain JSON values")
  })
  const answer = yield* client.invokeModel({ modelId: model, body })
  const decoded = yield* Effect.fromResult(Result.mapError(
    Family.decode(family, batch, answer.body),
    (message) =>
      new ProviderError.MalformedResponseError({
        provider: providerName,
        model,
        requestId: answer.requestId,
        message
      })
  ))
  return { vectors: decoded.vectors, inputTokens: decoded.inputTokens ?? answer.inputTokens }
})

/** The family of a request, when its options are such as the family takes. */
type FamilyOf = (
  options: Embedding.ResolvedOptions
) => Effect.Effect<Family.Family, ProviderError.CallError>

const makeFamilyOf = (layerHint: FamilyName | undefined, lookup: InferenceProfile.Lookup): FamilyOf => (options) => {
  const own = ownOptions(options.model, options.providerOptions)
  if (Result.isFailure(own)) return Effect.fail(own.failure)
  const hint = own.success?.family ?? layerHint
  return hint === undefined && InferenceProfile.isOpaque(options.model)
    ? Effect.flatMap(
      lookup(options.model),
      (model) => Effect.fromResult(resolve(options, model ?? options.model, hint))
    )
    : Effect.fromResult(resolve(options, options.model, hint))
}

const ownOptions = OwnOptions.ofRequest(Check.struct<BedrockEmbeddingOptions>({
  family: familyName,
  // Its values are JSON: that much is known of them.
  body: Check.optional(Check.jsonObject("Give an object with fields of the body") as Check.Check<Family.Fields>)
}))

/** `described` is a model id of the same family as the model of the options, and may tell more. */
const resolve = (
  options: Embedding.ResolvedOptions,
  described: string,
  hint: FamilyName | undefined
): Result.Result<Family.Family, ProviderError.InvalidRequestError> => {
  const { dimensions, model, normalize, providerOptions, vectorType } = options
  const family = Families.find(described, hint)
  if (family === undefined) {
    return Result.fail(invalid(
      model,
      "model",
      `"${model}" does not tell which embedding model it is`,
      `Set \`family\`, in the options of the layer or in \`providerOptions.bedrock\`, to ${oneOf(Families.names)}`
    ))
  }
  if (dimensions !== undefined && !family.dimensions.allowed.includes(dimensions)) {
    return Result.fail(invalid(
      model,
      "dimensions",
      `the model makes no vectors of ${dimensions} numbers`,
      `Use ${oneOf(family.dimensions.allowed)}, or leave it out`
    ))
  }
  if (!family.vectorTypes.includes(vectorType)) {
    return Result.fail(invalid(
      model,
      "vectorType",
      `the model makes no vectors of type ${vectorType}`,
      `Use ${oneOf(family.vectorTypes)}, or leave it out`
    ))
  }
  if (normalize === true && vectorType !== "float") {
    return Result.fail(invalid(
      model,
      "normalize",
      `a vector of type ${vectorType} cannot have unit length`,
      "Use false or leave it out, or set `vectorType` to float"
    ))
  }
  const reserved = Family.findReserved(family, providerOptions?.bedrock?.body ?? {})
  return reserved === undefined ? Result.succeed(family) : Result.fail(invalid(
    model,
    `providerOptions.bedrock.body.${reserved}`,
    "this field is not for others to set",
    "Leave it out, and use the options every provider has"
  ))
}

const invalid = (model: string, field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy })

const oneOf = (values: ReadonlyArray<string | number>): string =>
  values.length === 1 ? `${values[0]}` : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`
