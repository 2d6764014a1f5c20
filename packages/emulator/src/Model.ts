/**
 * The models of the emulated account, and how a request names one: by id, by inference profile, or by ARN.
 */
import * as Result from "effect/Result"
import * as AwsError from "./AwsError.ts"

/** How the body of InvokeModel looks for an embedding model. */
export type EmbeddingFamily = "titan-v1" | "titan-v2" | "cohere-v3" | "cohere-v4"

interface Common {
  /** Such as `anthropic.claude-sonnet-4-5-20250929-v1:0`, without a geographic prefix. */
  readonly id: string
  /** Whether the plain id may be called; otherwise only an inference profile may. */
  readonly onDemand: boolean
  /** The prefixes of its inference profiles: `us`, `eu`, `apac`, `global` … */
  readonly inferenceProfiles: ReadonlyArray<string>
  /** Whether the account was given access. */
  readonly access: "granted" | "denied"
  readonly lifecycle: "active" | "end-of-life"
}

/** A model that answers Converse. `contextTokens`: the longest prompt, counted as four characters a token. */
export interface ChatModel extends Common {
  readonly kind: "chat"
  readonly system: boolean
  readonly tools: "always" | "not-while-streaming" | "never"
  readonly contextTokens?: number | undefined
}

/** A model that answers InvokeModel with vectors. */
export interface EmbeddingModel extends Common {
  readonly kind: "embedding"
  readonly family: EmbeddingFamily
}

/** A model of the account. */
export type Model = ChatModel | EmbeddingModel

const active = { onDemand: true, inferenceProfiles: [], access: "granted", lifecycle: "active" } as const

/** A chat model: active, granted and callable by its own id unless the options say otherwise. */
export const chat = (id: string, options?: Partial<Omit<ChatModel, "id" | "kind">>): ChatModel => ({
  ...active,
  system: true,
  tools: "always",
  ...options,
  kind: "chat",
  id
})

/** An embedding model: active, granted and callable by its own id unless the options say otherwise. */
export const embedding = (
  id: string,
  family: EmbeddingFamily,
  options?: Partial<Omit<EmbeddingModel, "id" | "kind" | "family">>
): EmbeddingModel => ({ ...active, ...options, kind: "embedding", id, family })

const geographies = ["us", "eu", "apac", "global"]

/** The models an emulator has unless told otherwise. */
export const defaults: ReadonlyArray<Model> = [
  chat("anthropic.claude-3-haiku-20240307-v1:0", { inferenceProfiles: ["us", "eu", "apac"], contextTokens: 200_000 }),
  chat("anthropic.claude-3-5-sonnet-20240620-v1:0", {
    inferenceProfiles: ["us", "eu", "apac"],
    contextTokens: 200_000,
    lifecycle: "end-of-life"
  }),
  ...["sonnet-4-5-20250929", "haiku-4-5-20251001"].map((name) =>
    chat(`anthropic.claude-${name}-v1:0`, {
      onDemand: false,
      inferenceProfiles: geographies,
      contextTokens: 200_000
    })
  ),
  chat("amazon.nova-micro-v1:0", { inferenceProfiles: ["us", "eu", "apac"], contextTokens: 128_000 }),
  chat("amazon.nova-lite-v1:0", { inferenceProfiles: ["us", "eu", "apac"], contextTokens: 300_000 }),
  chat("amazon.nova-pro-v1:0", { inferenceProfiles: ["us", "eu", "apac"], contextTokens: 300_000 }),
  chat("amazon.titan-text-express-v1", { system: false, tools: "never", contextTokens: 8_000 }),
  chat("meta.llama3-8b-instruct-v1:0", { tools: "never", contextTokens: 8_000 }),
  chat("meta.llama3-1-70b-instruct-v1:0", {
    inferenceProfiles: ["us"],
    tools: "not-while-streaming",
    contextTokens: 128_000
  }),
  chat("meta.llama4-maverick-17b-instruct-v1:0", {
    onDemand: false,
    inferenceProfiles: ["us"],
    tools: "not-while-streaming",
    contextTokens: 1_000_000
  }),
  chat("mistral.mistral-7b-instruct-v0:2", { system: false, tools: "never", contextTokens: 32_000 }),
  chat("mistral.mistral-large-2402-v1:0", { contextTokens: 32_000 }),
  chat("cohere.command-r-v1:0", { contextTokens: 128_000 }),
  chat("cohere.command-r-plus-v1:0", { contextTokens: 128_000 }),
  chat("deepseek.r1-v1:0", { onDemand: false, inferenceProfiles: ["us"], tools: "never", contextTokens: 128_000 }),
  embedding("amazon.titan-embed-text-v1", "titan-v1"),
  embedding("amazon.titan-embed-g1-text-02", "titan-v1"),
  embedding("amazon.titan-embed-text-v2:0", "titan-v2"),
  embedding("cohere.embed-english-v3", "cohere-v3"),
  embedding("cohere.embed-multilingual-v3", "cohere-v3"),
  embedding("cohere.embed-v4:0", "cohere-v4", { inferenceProfiles: ["us", "eu", "global"] })
]

/**
 * The models and profiles of one account in one region. `applicationProfiles` maps the id or the ARN of an application
 * inference profile to the id of the model behind it.
 */
export interface Catalog {
  readonly region: string
  readonly models: ReadonlyMap<string, Model>
  readonly applicationProfiles: Readonly<Record<string, string>>
}

/** Builds a {@link Catalog}; `models` are added to the {@link defaults}, one with the same id replaces it. */
export const catalog = (options: {
  readonly region: string
  readonly models?: ReadonlyArray<Model> | undefined
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
}): Catalog => ({
  region: options.region,
  models: new Map([...defaults, ...options.models ?? []].map((model) => [model.id, model])),
  applicationProfiles: options.applicationProfiles ?? {}
})

/**
 * The model a request means, or the error the service gives: unknown, no access, end of life, or callable only through
 * an inference profile.
 */
export const resolve = (catalog: Catalog, modelId: string): Result.Result<Model, AwsError.AwsError> => {
  const named = parse(catalog, modelId)
  const model = named === undefined ? undefined : catalog.models.get(named.id)
  if (named === undefined || model === undefined) return Result.fail(unknownModel)
  if (named.profile !== undefined && !model.inferenceProfiles.includes(named.profile)) return Result.fail(unknownModel)
  if (model.lifecycle === "end-of-life") return Result.fail(endOfLife)
  if (model.access === "denied") return Result.fail(noAccess)
  if (!model.onDemand && named.through === "id") return Result.fail(needsProfile(modelId))
  return Result.succeed(model)
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

const noAccess = AwsError.make(
  "AccessDeniedException",
  "You don't have access to the model with the specified model ID."
)

const needsProfile = (modelId: string) =>
  AwsError.validation(
    `Invocation of model ID ${modelId} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`
  )
