/**
 * Embeddings on Amazon Bedrock through InvokeModel: Amazon Titan (text, multimodal) and Nova, Cohere Embed, TwelveLabs
 * Marengo. All but Titan Text take images too.
 *
 * Requests and answers of each family are encoded and decoded in `embedding/`, one file each. Batches, order,
 * duplicates and retries are handled by `EmbeddingService.make`.
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
import * as ModelId from "./catalog/ModelId.ts"
import * as ClientInput from "./client/clientInput.ts"
import * as Families from "./embedding/Families.ts"
import * as Family from "./embedding/Family.ts"
import * as Resolution from "./embedding/Resolution.ts"
import * as Failure from "./error/Failure.ts"
import * as InferenceProfile from "./InferenceProfile.ts"
import * as Configured from "./internal/configured.ts"
import * as Metering from "./internal/metering.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import * as RequestMetadata from "./internal/requestMetadata.ts"
import type { Pairs } from "./RequestMetadata.ts"

export type { BedrockEmbeddingOptions } from "./embedding/Resolution.ts"

/** A family of embedding models, by the name the option `family` takes. */
export type FamilyName = Families.Name

/** All of them. */
export const families: ReadonlyArray<FamilyName> = Families.names

/**
 * Which model embeds, and under which policy.
 *
 * - `model`: a model id, an inference profile id (`eu.cohere.embed-v4:0`) or an ARN; a request can name another.
 * - `family`: the family of a model whose id does not name it: an application inference profile, a provisioned or an
 *   imported model. It does not affect an id that names its family. `InferenceProfile.layer` looks up application
 *   inference profiles.
 * - `policy`: `Policy.standard` when missing.
 * - `coalesce`: how long `embed` waits for other calls to share its request; when missing, only calls of the same tick
 *   do.
 * - `requestMetadata`: pairs of texts for the log of model invocations; see `RequestMetadata`.
 */
export interface Options {
  readonly model?: ModelId.KnownEmbeddingModel | (string & {}) | undefined
  readonly family?: FamilyName | undefined
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
  readonly requestMetadata?: Pairs | undefined
}

/**
 * Builds the service from a {@link BedrockClient}.
 *
 * Vectors have the requested type, where the model supports it. `normalize: true` gives `float` vectors unit length
 * with every model; `false` leaves vectors as the model made them, which may be of unit length. A model without
 * purposes ignores `purpose`. `inputTokens` is the model's count. Invalid options fail with `InvalidRequestError` when
 * the service is built. Beside the errors of the client, calls fail with
 * - `InvalidRequestError`, before anything is sent, if the family is unknown or cannot do what the options ask for;
 * - `MalformedResponseError` if an answer does not hold one vector of finite numbers, as long as asked, for each input.
 */
export const make = Effect.fnUntraced(function*(given?: Options): Effect.fn.Return<
  EmbeddingService.EmbeddingService["Service"],
  ProviderError.InvalidRequestError,
  BedrockClient | Scope.Scope
> {
  const options = yield* OwnOptions.ofLayer(fields, given)
  const client = yield* BedrockClient
  const familyOf = Resolution.make(options.family, yield* InferenceProfile.InferenceProfile)
  const service = yield* EmbeddingService.make({
    provider: providerName,
    defaultModel: options.model,
    identity: { client: client.identity, family: options.family ?? null },
    policy: options.policy,
    coalesce: options.coalesce,
    metering: {
      scope: Metering.scope(client),
      metadata: (request) => RequestMetadata.ofRequest(options.requestMetadata, request)
    },
    modelName: (model) => {
      const { baseId, kind } = ModelId.parse(model)
      if (kind === "application-inference-profile") return undefined
      return kind === "foundation-model" || kind === "inference-profile" ? baseId : model
    },
    limits: (request) => Effect.map(familyOf(request), ({ limits }) => limits),
    embedBatch: (batch) => embedBatch(client, batch, familyOf, options.requestMetadata)
  })
  return apartByMetadata(service, options)
})

const requestMetadata = Check.optional(RequestMetadata.check)

const fields: Check.Fields<Options> = {
  model: OwnOptions.model,
  family: Resolution.familyName,
  policy: OwnOptions.policy,
  coalesce: Check.optional(Check.duration()),
  requestMetadata
}

/**
 * The embedding service of Bedrock. Needs a {@link BedrockClient}, which several services can share. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Embeddings = BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" }).pipe(
 *   Layer.provide(BedrockClient.layer())
 * )
 */
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
  familyOf: Resolution.FamilyOf,
  ofLayer: Pairs | undefined
) {
  const { model, providerOptions } = batch.options
  const family = yield* familyOf(batch.options)
  const body = yield* Resolution.encode(family, batch)
  const requestMetadata = yield* RequestMetadata.inForce(
    model,
    ofLayer,
    providerOptions?.bedrock?.requestMetadata
  )
  const answer = yield* client.invokeModel(ClientInput.trust({ modelId: model, body, requestMetadata }))
  const decoded = Family.decode(family, batch, answer.body)
  if (Result.isFailure(decoded)) {
    const asked = { ...Failure.whereOf(client, model), model, requestId: answer.requestId }
    return yield* Effect.fail(Failure.malformed(asked, decoded.failure))
  }
  const { inputTokens = answer.inputTokens, vectors } = decoded.success
  return { vectors, inputTokens }
})

/**
 * Calls of `embed` share a request where their options are equal, and it is sent by one of their fibers. So the metadata
 * of a fiber become options.
 */
const apartByMetadata = (
  service: EmbeddingService.EmbeddingService["Service"],
  { model, requestMetadata }: Options
): EmbeddingService.EmbeddingService["Service"] => ({
  ...service,
  embed: (input, options) =>
    Effect.flatMap(RequestMetadata.isSet, (isSet) => {
      const own = isSet ? Check.settle(pairsOf, options) : undefined
      // invalid options are left for the service to refuse
      if (own === undefined || Result.isFailure(own)) return service.embed(input, options)
      const { model: other = model, providerOptions } = own.success ?? {}
      return Effect.flatMap(
        RequestMetadata.inForce(other, requestMetadata, providerOptions?.bedrock?.requestMetadata),
        (pairs) => service.embed(input, withPairs(options, pairs))
      )
    })
})

const withPairs = (
  options: Embedding.EmbeddingOptions | undefined,
  requestMetadata: Pairs | undefined
): Embedding.EmbeddingOptions | undefined =>
  Result.getOrElse(
    Result.try(() => ({
      ...options,
      providerOptions: {
        ...options?.providerOptions,
        bedrock: { ...options?.providerOptions?.bedrock, requestMetadata }
      }
    })),
    () => options
  )

const pairsOf = Check.optional(Check.struct<Pick<Embedding.EmbeddingOptions, "model" | "providerOptions">>({
  model: Check.optional(Check.text),
  providerOptions: Check.optional(Check.struct({
    bedrock: Check.optional(
      Check.struct<Pick<Resolution.BedrockEmbeddingOptions, "requestMetadata">>({ requestMetadata }, {
        others: "ignored"
      })
    )
  }, { others: "ignored" }))
}, { others: "ignored" }))
