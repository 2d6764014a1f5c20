/**
 * Lists and describes the foundation models and inference profiles of an account in one region: the operations of
 * Bedrock's control plane that SDK users call beside its runtime.
 *
 * Names, dates and the messages of its errors are the emulator's own; nothing can be created or deleted.
 */
import * as Effect from "effect/Effect"
import * as AwsError from "../AwsError.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import type * as Operation from "../Operation.ts"
import * as Region from "../region/Region.ts"
import type { Catalog, Model } from "./Catalog.ts"
import * as Resolution from "./Resolution.ts"

type Route = Extract<Operation.Route, { readonly operation: Operation.CatalogOperation }>

/** The response, in the service's format. */
export const respond = Effect.fnUntraced(function*(
  route: Route,
  catalog: Catalog
): Effect.fn.Return<HttpResponse.Whole, AwsError.AwsError> {
  switch (route.operation) {
    case "ListFoundationModels":
      return HttpResponse.json({ modelSummaries: yield* listModels(catalog, route.query) })
    case "GetFoundationModel":
      return HttpResponse.json({ modelDetails: yield* getModel(catalog, route.identifier) })
    case "ListInferenceProfiles":
      return HttpResponse.json(yield* listProfiles(catalog, route.query))
    case "GetInferenceProfile":
      return HttpResponse.json(yield* getProfile(catalog, route.identifier))
  }
})

type Query = Readonly<Record<string, string>>

const listModels = Effect.fnUntraced(function*(catalog: Catalog, query: Query) {
  const { byCustomizationType, byInferenceType, byOutputModality, byProvider } = query
  yield* oneOf("byCustomizationType", byCustomizationType, ["FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"])
  yield* oneOf("byInferenceType", byInferenceType, ["ON_DEMAND", "PROVISIONED"])
  yield* oneOf("byOutputModality", byOutputModality, ["TEXT", "IMAGE", "EMBEDDING"])
  return modelsOf(catalog).map((model) => describe(catalog, model)).filter((model) =>
    (byProvider === undefined || model.providerName.toLowerCase() === byProvider.toLowerCase()) &&
    (byOutputModality === undefined || model.outputModalities.includes(byOutputModality)) &&
    (byInferenceType === undefined || model.inferenceTypesSupported.includes(byInferenceType)) &&
    byCustomizationType === undefined
  )
})

const getModel = (catalog: Catalog, identifier: string) => {
  const id = identifier.replace(foundationModelArn(catalog.region, ""), "")
  const model = modelsOf(catalog).find((model) => model.id === id)
  return model === undefined
    ? AwsError.make(
      "ResourceNotFoundException",
      "Could not resolve the foundation model from the provided model identifier."
    )
    : Effect.succeed(describe(catalog, model))
}

const listProfiles = Effect.fnUntraced(function*(catalog: Catalog, query: Query) {
  const { maxResults = "1000", nextToken = "", type } = query
  yield* oneOf("type", type, ["SYSTEM_DEFINED", "APPLICATION"])
  const size = Number(maxResults)
  if (!Number.isInteger(size) || size < 1 || size > 1000) {
    return yield* constraint("maxResults", maxResults, "Member must have value between 1 and 1000")
  }
  if (!/^(?:page-\d{1,9})?$/.test(nextToken)) return yield* AwsError.validation("The provided nextToken is invalid.")
  const start = Number(nextToken.slice("page-".length))
  const all = profilesOf(catalog).filter((profile) => type === undefined || profile.type === type)
  return {
    inferenceProfileSummaries: all.slice(start, start + size),
    ...(start + size < all.length ? { nextToken: `page-${start + size}` } : undefined)
  }
})

const getProfile = (catalog: Catalog, identifier: string) => {
  const profile = profilesOf(catalog).find(({ inferenceProfileArn, inferenceProfileId }) =>
    inferenceProfileId === identifier || inferenceProfileArn === identifier
  )
  return profile === undefined
    ? AwsError.make(
      "ResourceNotFoundException",
      `The requested inference profile was not found in ${catalog.region}: ${identifier}`
    )
    : Effect.succeed(profile)
}

/** Those that can be called, with or without access. */
const modelsOf = ({ models }: Catalog): ReadonlyArray<Model> =>
  [...models.values()].filter(({ lifecycle }) => lifecycle === "active")

const describe = (catalog: Catalog, model: Model) => ({
  modelArn: foundationModelArn(catalog.region, model.id),
  modelId: model.id,
  modelName: nameOf(model),
  providerName: providerOf(model),
  inputModalities: inputsOf(model),
  outputModalities: model.kind === "embedding" ? ["EMBEDDING"] : ["TEXT"],
  responseStreamingSupported: model.kind === "chat",
  customizationsSupported: [],
  inferenceTypesSupported: [
    ...(model.onDemand ? ["ON_DEMAND"] : []),
    ...(Resolution.profilesOf(catalog, model).length > 0 ? ["INFERENCE_PROFILE"] : [])
  ],
  modelLifecycle: { status: "ACTIVE" }
})

const inputsOf = (model: Model): ReadonlyArray<string> => {
  if (model.kind === "embedding") return textEmbeddings.test(model.family) ? ["TEXT"] : ["TEXT", "IMAGE"]
  if (model.kind === "rerank") return ["TEXT"]
  return [
    "TEXT",
    ...(model.inputs.includes("image") ? ["IMAGE"] : []),
    ...(model.inputs.includes("video") ? ["VIDEO"] : []),
    ...(model.inputs.includes("audio") ? ["SPEECH"] : [])
  ]
}

const textEmbeddings = /^titan-v\d/

interface Profile {
  readonly inferenceProfileName: string
  readonly description: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly inferenceProfileArn: string
  readonly models: ReadonlyArray<{ readonly modelArn: string }>
  readonly inferenceProfileId: string
  readonly status: "ACTIVE"
  readonly type: "SYSTEM_DEFINED" | "APPLICATION"
}

const profilesOf = (catalog: Catalog): ReadonlyArray<Profile> => [
  ...modelsOf(catalog).flatMap((model) =>
    Resolution.profilesOf(catalog, model).map((geography) => systemDefined(catalog, model, geography))
  ),
  ...Object.entries(catalog.applicationProfiles).map(([identifier, modelId]) =>
    application(catalog, identifier, modelId)
  )
]

const systemDefined = (catalog: Catalog, model: Model, geography: string): Profile => {
  const regions = Region.destinations(catalog.region, geography)
  return {
    ...dated,
    inferenceProfileName: `${geography.toUpperCase()} ${providerOf(model)} ${nameOf(model)}`,
    description: `Routes requests to ${nameOf(model)} in ${regions.join(", ")}.`,
    inferenceProfileArn: accountArn(catalog.region, "inference-profile", `${geography}.${model.id}`),
    models: regions.map((region) => ({ modelArn: foundationModelArn(region, model.id) })),
    inferenceProfileId: `${geography}.${model.id}`,
    type: "SYSTEM_DEFINED"
  }
}

const application = (catalog: Catalog, identifier: string, modelId: string): Profile => {
  const id = identifier.slice(identifier.lastIndexOf("/") + 1)
  const isFoundation = catalog.models.has(modelId)
  const model = isFoundation ? modelId : modelId.slice(modelId.indexOf(".") + 1)
  const regions = isFoundation
    ? [catalog.region]
    : Region.destinations(catalog.region, modelId.slice(0, modelId.indexOf(".")))
  return {
    ...dated,
    inferenceProfileName: id,
    description: `An application inference profile of ${modelId}.`,
    inferenceProfileArn: identifier.startsWith("arn:")
      ? identifier
      : accountArn(catalog.region, "application-inference-profile", id),
    models: regions.map((region) => ({ modelArn: foundationModelArn(region, model) })),
    inferenceProfileId: id,
    type: "APPLICATION"
  }
}

const dated = { createdAt: "2025-01-01T00:00:00Z", updatedAt: "2025-01-01T00:00:00Z", status: "ACTIVE" } as const

const foundationModelArn = (region: string, id: string): string =>
  `arn:${Region.partitionOf(region)}:bedrock:${region}::foundation-model/${id}`

const accountArn = (region: string, type: string, id: string): string =>
  `arn:${Region.partitionOf(region)}:bedrock:${region}:${Region.account}:${type}/${id}`

/** `anthropic.claude-sonnet-4-5-20250929-v1:0` is "Claude Sonnet 4.5": without its date and version. */
const nameOf = ({ id }: Model): string => {
  const own = id.slice(id.indexOf(".") + 1).replace(/(?:-\d{8})?(?:-v\d+)?(?::\d+)*$/, "")
  return own.replace(/(?<=\d)-(?=\d)/g, ".").split("-").map(capitalized).join(" ")
}

const providerOf = ({ id }: Model): string => {
  const vendor = id.slice(0, Math.max(0, id.indexOf(".")))
  return providers[vendor] ?? capitalized(vendor)
}

const providers: Readonly<Record<string, string>> = {
  ai21: "AI21 Labs",
  deepseek: "DeepSeek",
  minimax: "MiniMax",
  mistral: "Mistral AI",
  moonshot: "Moonshot AI",
  moonshotai: "Moonshot AI",
  nvidia: "NVIDIA",
  openai: "OpenAI",
  twelvelabs: "TwelveLabs",
  zai: "Z.AI"
}

const capitalized = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

const oneOf = (field: string, value: string | undefined, values: ReadonlyArray<string>) =>
  value === undefined || values.includes(value)
    ? Effect.void
    : constraint(field, value, `Member must satisfy enum value set: [${values.join(", ")}]`)

const constraint = (field: string, value: string, text: string) =>
  AwsError.validation(
    `1 validation error detected: Value '${value}' at '${field}' failed to satisfy constraint: ${text}`
  )
