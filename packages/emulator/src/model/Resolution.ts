/**
 * Resolves the model of a request: by id, by inference profile, or by ARN; or the service's error when it cannot be
 * called.
 */
import * as Result from "effect/Result"
import * as AwsError from "../AwsError.ts"
import * as Region from "../region/Region.ts"
import type { Catalog, Model } from "./Catalog.ts"
import type { ChatModel } from "./ChatModel.ts"

/**
 * The model of a request, or the service's error: unknown, no access, end of life, or callable only through an
 * inference profile.
 */
export const resolve = (catalog: Catalog, modelId: string): Result.Result<Model, AwsError.AwsError> => {
  const named = parse(catalog, modelId)
  const model = named === undefined ? undefined : catalog.models.get(named.id)
  if (named === undefined || model === undefined) return Result.fail(unknownModel)
  if (named.profile !== undefined && !profilesOf(catalog, model).includes(named.profile)) {
    return Result.fail(unknownModel)
  }
  if (!model.onDemand && named.through === "id") {
    return Result.andThen(available(model), Result.fail(needsProfile(modelId)))
  }
  return available(model)
}

/**
 * The model of a CountTokens request, or the service's error. Counting takes the id of the model itself, even where
 * only a profile may be called.
 */
export const resolveCounted = (catalog: Catalog, modelId: string): Result.Result<ChatModel, AwsError.AwsError> => {
  const named = parse(catalog, modelId)
  const model = named?.through === "id" ? catalog.models.get(named.id) : undefined
  return Result.flatMap(
    model === undefined ? resolve(catalog, modelId) : available(model),
    (found) =>
      model !== undefined && found.kind === "chat" && found.counting
        ? Result.succeed(found)
        : Result.fail(uncountable)
  )
}

/**
 * The model of a StartAsyncInvoke request, or the service's error. Some models whose InvokeModel needs an inference
 * profile take their own id here.
 */
export const resolveAsync = (catalog: Catalog, modelId: string): Result.Result<Model, AwsError.AwsError> => {
  const named = parse(catalog, modelId)
  const model = named?.through === "id" ? catalog.models.get(named.id) : undefined
  return model === undefined ? resolve(catalog, modelId) : available(model)
}

/** The geographies through whose inference profiles a model can be called in the catalog's region. */
export const profilesOf = ({ region }: Catalog, { inferenceProfiles }: Model): ReadonlyArray<string> =>
  inferenceProfiles.filter((geography) => Region.isIn(region, geography))

const available = (model: Model): Result.Result<Model, AwsError.AwsError> => {
  if (model.lifecycle === "end-of-life") return Result.fail(endOfLife)
  return model.access === "denied" ? Result.fail(noAccess) : Result.succeed(model)
}

interface Named {
  readonly id: string
  readonly profile?: string | undefined
  readonly through: "id" | "profile"
}

const arnPattern =
  /^arn:aws(?:-[a-z-]+)?:bedrock:([a-z0-9-]*):(\d{12})?:(foundation-model|inference-profile|application-inference-profile)\/(.+)$/

const parse = (catalog: Catalog, modelId: string): Named | undefined => {
  const arn = arnPattern.exec(modelId)
  if (arn === null) return parseId(catalog, modelId)
  const [, region, , type, resource] = arn
  if (resource === undefined || region !== catalog.region) return undefined
  if (type === "foundation-model") return { id: resource, through: "id" }
  if (type === "inference-profile") {
    const named = parseId(catalog, resource)
    return named?.through === "profile" ? named : undefined
  }
  const behind = catalog.applicationProfiles[modelId] ?? catalog.applicationProfiles[resource]
  const named = behind === undefined ? undefined : parseId(catalog, behind)
  return named && { ...named, through: "profile" }
}

const parseId = (catalog: Catalog, id: string): Named | undefined => {
  if (catalog.models.has(id)) return { id, through: "id" }
  const dot = id.indexOf(".")
  return dot < 1 ? undefined : { id: id.slice(dot + 1), profile: id.slice(0, dot), through: "profile" }
}

const unknownModel = AwsError.validation("The provided model identifier is invalid.")

const endOfLife = AwsError.make(
  "ResourceNotFoundException",
  "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)

const uncountable = AwsError.validation("The provided model doesn't support counting tokens.")

const noAccess = AwsError.make(
  "AccessDeniedException",
  "You don't have access to the model with the specified model ID."
)

const needsProfile = (modelId: string) =>
  AwsError.validation(
    `Invocation of model ID ${modelId} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`
  )
