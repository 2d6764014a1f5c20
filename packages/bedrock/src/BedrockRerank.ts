/**
 * Reranking on Amazon Bedrock through InvokeModel: Cohere Rerank 3.5 and Amazon Rerank 1.0.
 *
 * The families' requests are in `rerank/`, one file each. Batches, order and retries are handled by
 * `RerankService.make`. The operation Rerank of Agents for Bedrock, an API of its own, is not used.
 */
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Rerank from "@strata/core/rerank/Rerank"
import * as RerankService from "@strata/core/rerank/RerankService"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { BedrockClient } from "./BedrockClient.ts"
import type * as ModelId from "./catalog/ModelId.ts"
import * as Failure from "./error/Failure.ts"
import * as Configured from "./internal/configured.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import * as RequestMetadata from "./internal/requestMetadata.ts"
import type { Pairs } from "./RequestMetadata.ts"
import * as Families from "./rerank/Families.ts"
import * as Family from "./rerank/Family.ts"

/** A family of rerank models, by the name the option `family` takes. */
export type FamilyName = Families.Name

/** All of them. */
export const families: ReadonlyArray<FamilyName> = Families.names

/**
 * Which model reranks, and under which policy.
 *
 * - `model`: a model id, an inference profile id or an ARN; a request can name another. Not every region has every model:
 *   where it is missing, calls fail with the error of the service.
 * - `family`: the family of a model whose id does not name it, such as an application inference profile. It does not
 *   affect an id that names its family.
 * - `policy`: `Policy.standard` when missing.
 * - `requestMetadata`: pairs of texts for the log of model invocations; see `RequestMetadata`.
 */
export interface Options {
  readonly model?: ModelId.KnownRerankModel | (string & {}) | undefined
  readonly family?: FamilyName | undefined
  readonly policy?: Policy.Policy | undefined
  readonly requestMetadata?: Pairs | undefined
}

/**
 * Bedrock's own options of one request.
 *
 * - `family`: as in {@link Options}, for the model of this request.
 * - `body`: more fields for the body of the request, in the model's own format. They override what Strata would send,
 *   except for `query`, `documents` and `top_n`.
 * - `requestMetadata`: as in {@link Options}; these pairs win.
 */
export interface BedrockRerankOptions {
  readonly family?: FamilyName | undefined
  readonly body?: Family.Fields | undefined
  readonly requestMetadata?: Pairs | undefined
}

declare module "@strata/core/rerank/Rerank" {
  interface ProviderOptions {
    readonly bedrock?: BedrockRerankOptions | undefined
  }
}

/**
 * Builds the service from a {@link BedrockClient}.
 *
 * One request takes up to 1,000 documents. AWS bills by queries of up to 100 pieces of documents each, not by tokens
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html): `usage` is missing unless the service counts
 * tokens as well. Options that cannot be right fail with `InvalidRequestError` when the service is built. Beside the
 * errors of the client, calls fail with
 * - `InvalidRequestError`, before anything is sent, if the family is unknown;
 * - `MalformedResponseError` if an answer does not hold one finite score for each document that was asked for.
 */
export const make = Effect.fnUntraced(function*(given?: Options): Effect.fn.Return<
  RerankService.RerankService["Service"],
  ProviderError.InvalidRequestError,
  BedrockClient | Scope.Scope
> {
  const { family, model, policy, requestMetadata } = yield* OwnOptions.ofLayer(fields, given)
  const client = yield* BedrockClient
  return yield* RerankService.make({
    provider: providerName,
    defaultModel: model,
    identity: { client: client.identity, family: family ?? null },
    policy,
    limits: (request) => Effect.fromResult(Result.map(resolve(request, family), ({ limits }) => limits)),
    rerank: (request) => rerank(client, request, { family, requestMetadata })
  })
})

const familyName = Check.optional(Check.word(Families.names))

const requestMetadata = Check.optional(RequestMetadata.check)

const fields: Check.Fields<Options> = {
  model: OwnOptions.model,
  family: familyName,
  policy: OwnOptions.policy,
  requestMetadata
}

/**
 * The rerank service of Bedrock. Needs a {@link BedrockClient}, which several services can share. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Reranking = BedrockRerank.layer({ model: "cohere.rerank-v3-5:0" }).pipe(Layer.provide(BedrockClient.layer()))
 */
export const layer = (
  options?: Options
): Layer.Layer<RerankService.RerankService, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(RerankService.RerankService, make(options))

/**
 * {@link layer} with the options, or some of them, taken from `Config`.
 *
 * @example
 * BedrockRerank.layerConfig({ model: Config.String("RERANK_MODEL") })
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<RerankService.RerankService, Config.ConfigError | ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(RerankService.RerankService, Effect.flatMap(Configured.read(options), make))

const rerank = Effect.fnUntraced(function*(
  client: BedrockClient["Service"],
  request: Rerank.ProviderRequest,
  options: Pick<Options, "family" | "requestMetadata">
) {
  const { model, providerOptions } = request.options
  const family = yield* Effect.fromResult(resolve(request.options, options.family))
  const own = providerOptions?.bedrock?.requestMetadata
  const requestMetadata = yield* RequestMetadata.inForce(model, options.requestMetadata, own)
  const body = yield* Effect.try({
    try: () => Family.encode(family, request, providerOptions?.bedrock?.body),
    catch: () => invalid(model, "providerOptions.bedrock.body", "it is not JSON", "Use plain JSON values")
  })
  const { body: answer, inputTokens, requestId } = yield* client.invokeModel({
    modelId: model,
    body,
    requestMetadata
  })
  const results = yield* Effect.fromResult(Result.mapError(
    Family.decode(answer),
    (problem) => Failure.malformed({ ...Failure.whereOf(client, model), model, requestId }, problem)
  ))
  return { results, inputTokens, requestId }
})

const ownOptions = OwnOptions.ofRequest(Check.struct<BedrockRerankOptions>({
  family: familyName,
  // Its values are JSON, which is all that is checked.
  body: Check.optional(Check.jsonObject("Use an object with fields of the body") as Check.Check<Family.Fields>),
  requestMetadata
}))

const resolve = (
  { model, providerOptions }: Rerank.ResolvedOptions,
  hint: FamilyName | undefined
): Result.Result<Family.Family, ProviderError.InvalidRequestError> => {
  const own = ownOptions(model, providerOptions)
  if (Result.isFailure(own)) return Result.fail(own.failure)
  const family = Families.find(model, own.success?.family ?? hint)
  if (family === undefined) {
    return Result.fail(invalid(
      model,
      "model",
      `"${model}" is not a known rerank model`,
      `Set \`family\`, in the options of the layer or in \`providerOptions.bedrock\`, to ${Families.names.join(" or ")}`
    ))
  }
  const reserved = Object.keys(providerOptions?.bedrock?.body ?? {}).find((name) => family.reserved.includes(name))
  return reserved === undefined ? Result.succeed(family) : Result.fail(invalid(
    model,
    `providerOptions.bedrock.body.${reserved}`,
    "this field cannot be set",
    "Leave it out, and use the provider-independent options"
  ))
}

const invalid = (model: string, field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy })
