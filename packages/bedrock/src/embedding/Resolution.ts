/**
 * Which family a request to embed is for, and whether the family takes its options.
 */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as InferenceProfile from "../InferenceProfile.ts"
import * as OwnOptions from "../internal/ownOptions.ts"
import { providerName } from "../internal/provider.ts"
import * as RequestMetadata from "../internal/requestMetadata.ts"
import type { Pairs } from "../RequestMetadata.ts"
import * as Families from "./Families.ts"
import * as Family from "./Family.ts"

/**
 * Bedrock's own options of one request.
 *
 * - `family`: as in the options of the layer, for the model of this request.
 * - `body`: more fields for the body of the request, in the model's own format. They override what Strata would send,
 *   except for the inputs and the fields that decide the kind and length of the vectors. An object is merged with the
 *   one Strata would send; one about images is not sent with texts, and vice versa.
 * - `requestMetadata`: as in the options of the layer; these pairs win.
 *
 * @example
 * EmbeddingService.embed(text, { truncate: "end", providerOptions: { bedrock: { body: { max_tokens: 4096 } } } })
 */
export interface BedrockEmbeddingOptions {
  readonly family?: Families.Name | undefined
  readonly body?: Family.Fields | undefined
  readonly requestMetadata?: Pairs | undefined
}

declare module "@strata/core/embedding/Embedding" {
  interface ProviderOptions {
    readonly bedrock?: BedrockEmbeddingOptions | undefined
  }
}

/** The family of a request, when its options are such as the family takes. */
export type FamilyOf = (
  options: Embedding.ResolvedOptions
) => Effect.Effect<Family.Family, ProviderError.CallError>

/** `layerHint`: the family of models whose ids do not name one. */
export const make = (layerHint: Families.Name | undefined, lookup: InferenceProfile.Lookup): FamilyOf => (options) => {
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

/** The body of a request. Fails with `InvalidRequestError` for fields of the program that are not JSON. */
export const encode = (
  family: Family.Family,
  batch: Embedding.ProviderBatch
): Effect.Effect<string, ProviderError.InvalidRequestError> =>
  Effect.try({
    try: () => Family.encode(family, batch, batch.options.providerOptions?.bedrock?.body),
    catch: () => invalid(batch.options.model, "providerOptions.bedrock.body", "it is not JSON", "Use plain JSON values")
  })

/** The option `family`. */
export const familyName = Check.optional(Check.word(Families.names))

const ownOptions = OwnOptions.ofRequest(Check.struct<BedrockEmbeddingOptions>({
  family: familyName,
  // Its values are JSON, which is all that is checked.
  body: Check.optional(Check.jsonObject("Use an object with fields of the body") as Check.Check<Family.Fields>),
  requestMetadata: Check.optional(RequestMetadata.check)
}))

/** `described` is a model id of the same family as the model of the options, possibly more specific. */
const resolve = (
  options: Embedding.ResolvedOptions,
  described: string,
  hint: Families.Name | undefined
): Result.Result<Family.Family, ProviderError.InvalidRequestError> => {
  const { dimensions, model, normalize, providerOptions, vectorType } = options
  const family = Families.find(described, hint)
  if (family === undefined) {
    return Result.fail(invalid(
      model,
      "model",
      `"${model}" is not a known embedding model`,
      `Set \`family\`, in the options of the layer or in \`providerOptions.bedrock\`, to ${oneOf(Families.names)}`
    ))
  }
  if (dimensions !== undefined && !family.dimensions.allowed.includes(dimensions)) {
    return Result.fail(invalid(
      model,
      "dimensions",
      `the model does not support vectors of ${dimensions} numbers`,
      `Use ${oneOf(family.dimensions.allowed)}, or leave it out`
    ))
  }
  if (!family.vectorTypes.includes(vectorType)) {
    return Result.fail(invalid(
      model,
      "vectorType",
      `the model does not support vectors of type ${vectorType}`,
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
    "this field cannot be set",
    "Leave it out, and use the provider-independent options"
  ))
}

const invalid = (model: string, field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy })

const oneOf = (values: ReadonlyArray<string | number>): string =>
  values.length === 1 ? `${values[0]}` : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`
