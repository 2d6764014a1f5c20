/**
 * The models of the emulated account, and how a request names one: by id, by inference profile, or by ARN.
 */
import * as Result from "effect/Result"
import * as AwsError from "./AwsError.ts"

/** How the body of InvokeModel looks for an embedding model. */
export type EmbeddingFamily =
  | "titan-v1"
  | "titan-v2"
  | "titan-image-v1"
  | "nova-2"
  | "cohere-v3"
  | "cohere-v4"
  | "marengo-2.7"
  | "marengo-3.0"

/** Whose body InvokeModel takes for a rerank model. */
export type RerankFamily = "amazon" | "cohere"

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

/** What a user message, or what a tool answered, can hold besides text. */
export type InputKind = "image" | "document" | "video" | "audio" | "searchResult"

/**
 * A model that answers Converse.
 *
 * - `system`: the `system` field; `systemMessages`: messages of role `system` between the others.
 * - `tools`; `toolChoices`: the choices it takes; `strictTools`: `strict` on a tool.
 * - `structuredOutput`: `outputConfig.textFormat`. `temperatureWithTopP`: both in one request.
 * - `reasoning`: thoughts in the conversation. `signed` ones come with a signature and go back with it; `unsigned` ones
 *   may not have any; with `any` nothing is checked.
 * - `caching`: cache points; a prefix of fewer than `minTokens` is not cached.
 * - `counting`: CountTokens.
 * - `rules`: whose own rules a request meets behind the API.
 * - `contextTokens`: the longest prompt, counted as four characters a token; `maxOutputTokens`: the most `maxTokens` can ask,
 *   and what a quota reserves for a request that does not ask; {@link defaultMaxOutputTokens} where it is missing.
 */
export interface ChatModel extends Common {
  readonly kind: "chat"
  readonly system: boolean
  readonly systemMessages: boolean
  readonly inputs: ReadonlyArray<InputKind>
  readonly tools: "always" | "not-while-streaming" | "never"
  readonly toolChoices: ReadonlyArray<"any" | "tool">
  readonly strictTools: boolean
  readonly structuredOutput: boolean
  readonly temperatureWithTopP: boolean
  readonly reasoning: "never" | "unsigned" | "signed" | "any"
  readonly caching: false | { readonly minTokens: number }
  readonly counting: boolean
  readonly rules: "claude" | "none"
  readonly contextTokens?: number | undefined
  readonly maxOutputTokens?: number | undefined
}

/** The most tokens a model writes where its {@link ChatModel} does not say. */
export const defaultMaxOutputTokens = 4096

/** A model that answers InvokeModel with vectors. */
export interface EmbeddingModel extends Common {
  readonly kind: "embedding"
  readonly family: EmbeddingFamily
}

/** A model that answers InvokeModel with scores. */
export interface RerankModel extends Common {
  readonly kind: "rerank"
  readonly family: RerankFamily
}

/** A model of the account. */
export type Model = ChatModel | EmbeddingModel | RerankModel

const active = { onDemand: true, inferenceProfiles: [], access: "granted", lifecycle: "active" } as const

/**
 * A chat model: active, granted, callable by its own id and capable of everything unless the options say otherwise. One
 * of Anthropic follows Claude's rules and signs its thoughts.
 */
export const chat = (id: string, options?: Partial<Omit<ChatModel, "id" | "kind">>): ChatModel => {
  const isClaude = id.startsWith("anthropic.")
  return {
    ...active,
    system: true,
    systemMessages: true,
    inputs: ["image", "document", "video", "audio", "searchResult"],
    tools: "always",
    toolChoices: ["any", "tool"],
    strictTools: true,
    structuredOutput: true,
    temperatureWithTopP: true,
    reasoning: isClaude ? "signed" : "any",
    caching: { minTokens: 0 },
    counting: true,
    rules: isClaude ? "claude" : "none",
    ...options,
    kind: "chat",
    id
  }
}

/** An embedding model: active, granted and callable by its own id unless the options say otherwise. */
export const embedding = (
  id: string,
  family: EmbeddingFamily,
  options?: Partial<Omit<EmbeddingModel, "id" | "kind" | "family">>
): EmbeddingModel => ({ ...active, ...options, kind: "embedding", id, family })

/** A rerank model: active, granted and callable by its own id unless the options say otherwise. */
export const rerank = (
  id: string,
  family: RerankFamily,
  options?: Partial<Omit<RerankModel, "id" | "kind" | "family">>
): RerankModel => ({ ...active, ...options, kind: "rerank", id, family })

const geographies = ["us", "eu", "apac", "global"]

/** What the models of the list have in common, but for Claude: text and documents in, text out. */
const plain = {
  systemMessages: false,
  inputs: ["document"],
  strictTools: false,
  structuredOutput: false,
  reasoning: "never",
  caching: false,
  counting: false
} as const

const claude = {
  systemMessages: false,
  inputs: ["image", "document", "searchResult"],
  contextTokens: 200_000
} as const

const claude3 = {
  ...claude,
  inferenceProfiles: ["us", "eu", "apac"],
  strictTools: false,
  structuredOutput: false,
  reasoning: "never",
  caching: false
} as const

const nova = {
  ...plain,
  inferenceProfiles: ["us", "eu", "apac"],
  caching: { minTokens: 0 },
  maxOutputTokens: 10_000
} as const

const textOnly = { ...plain, tools: "never" } as const

/** The models an emulator has unless told otherwise. */
export const defaults: ReadonlyArray<Model> = [
  chat("anthropic.claude-3-haiku-20240307-v1:0", { ...claude3, maxOutputTokens: 4096 }),
  chat("anthropic.claude-3-5-sonnet-20240620-v1:0", { ...claude3, lifecycle: "end-of-life" }),
  chat("anthropic.claude-sonnet-4-20250514-v1:0", {
    ...claude,
    onDemand: false,
    inferenceProfiles: geographies,
    strictTools: false,
    structuredOutput: false,
    caching: { minTokens: 1024 },
    maxOutputTokens: 64_000
  }),
  ...([["sonnet-4-5-20250929", 1024], ["haiku-4-5-20251001", 4096]] as const).map(([name, minTokens]) =>
    chat(`anthropic.claude-${name}-v1:0`, {
      ...claude,
      onDemand: false,
      inferenceProfiles: geographies,
      temperatureWithTopP: false,
      caching: { minTokens },
      maxOutputTokens: 64_000
    })
  ),
  chat("amazon.nova-micro-v1:0", { ...nova, inputs: [], contextTokens: 128_000 }),
  chat("amazon.nova-lite-v1:0", { ...nova, inputs: ["image", "document", "video"], contextTokens: 300_000 }),
  chat("amazon.nova-pro-v1:0", { ...nova, inputs: ["image", "document", "video"], contextTokens: 300_000 }),
  chat("amazon.titan-text-express-v1", { ...textOnly, system: false, contextTokens: 8_000 }),
  chat("meta.llama3-8b-instruct-v1:0", { ...textOnly, contextTokens: 8_000 }),
  chat("meta.llama3-1-70b-instruct-v1:0", {
    ...plain,
    inferenceProfiles: ["us"],
    tools: "not-while-streaming",
    toolChoices: [],
    contextTokens: 128_000
  }),
  chat("meta.llama4-maverick-17b-instruct-v1:0", {
    ...plain,
    onDemand: false,
    inferenceProfiles: ["us"],
    inputs: ["image", "document"],
    tools: "not-while-streaming",
    toolChoices: [],
    contextTokens: 1_000_000
  }),
  chat("mistral.mistral-7b-instruct-v0:2", { ...textOnly, system: false, contextTokens: 32_000 }),
  chat("mistral.mistral-large-2402-v1:0", { ...plain, toolChoices: ["any"], contextTokens: 32_000 }),
  chat("cohere.command-r-v1:0", { ...plain, toolChoices: [], contextTokens: 128_000 }),
  chat("cohere.command-r-plus-v1:0", { ...plain, toolChoices: [], contextTokens: 128_000 }),
  chat("deepseek.r1-v1:0", {
    ...textOnly,
    onDemand: false,
    inferenceProfiles: ["us"],
    reasoning: "unsigned",
    contextTokens: 128_000
  }),
  embedding("amazon.titan-embed-text-v1", "titan-v1"),
  embedding("amazon.titan-embed-g1-text-02", "titan-v1"),
  embedding("amazon.titan-embed-text-v2:0", "titan-v2"),
  embedding("amazon.titan-embed-image-v1", "titan-image-v1"),
  embedding("amazon.nova-2-multimodal-embeddings-v1:0", "nova-2"),
  embedding("cohere.embed-english-v3", "cohere-v3"),
  embedding("cohere.embed-multilingual-v3", "cohere-v3"),
  embedding("cohere.embed-v4:0", "cohere-v4", { inferenceProfiles: ["us", "eu", "global"] }),
  // The id itself is for StartAsyncInvoke
  embedding("twelvelabs.marengo-embed-2-7-v1:0", "marengo-2.7", {
    onDemand: false,
    inferenceProfiles: ["us", "eu", "apac"]
  }),
  embedding("twelvelabs.marengo-embed-3-0-v1:0", "marengo-3.0", { inferenceProfiles: ["us", "eu"] }),
  rerank("cohere.rerank-v3-5:0", "cohere"),
  rerank("amazon.rerank-v1:0", "amazon")
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
  if (!model.onDemand && named.through === "id") {
    return Result.andThen(available(model), Result.fail(needsProfile(modelId)))
  }
  return available(model)
}

/**
 * The model whose tokens a request wants counted, or the error the service gives. Counting takes the id of the model
 * itself, also where only a profile may be called.
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
