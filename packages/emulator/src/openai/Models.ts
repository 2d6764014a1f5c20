/**
 * The models of OpenAI's dialect: those of OpenAI by their own names, those of Bedrock's runtime, and those of
 * `bedrock-mantle`, each with the root and the APIs that it answers at.
 */
import * as Result from "effect/Result"
import type * as AwsError from "../AwsError.ts"
import * as Families from "../invoke/chat/Families.ts"
import * as OpenAiFamily from "../invoke/chat/OpenAi.ts"
import * as Model from "../model/Model.ts"
import * as OpenAiError from "./OpenAiError.ts"
import type * as Options from "./Options.ts"
import type * as Route from "./Route.ts"

/** Where a request is answered: OpenAI or Azure, `bedrock-runtime`, `bedrock-mantle`. */
export type Endpoint = "openai" | "runtime" | "mantle"

/**
 * A model that answers a request.
 *
 * - `named`: as the request named it. `quota`: the names of its quota, the most particular first.
 * - `reasons`: see {@link Options.OpenAiModel}. `hosted`: it is OpenAI's own service that answers, behind Bedrock too.
 */
export interface Served {
  readonly endpoint: Endpoint
  readonly named: string
  readonly model: Model.ChatModel | EmbeddingModel
  readonly reasons: boolean
  readonly hosted: boolean
  readonly quota: ReadonlyArray<string>
}

/** A model of vectors, with the number of their dimensions. */
export interface EmbeddingModel {
  readonly kind: "embedding"
  readonly id: string
  readonly dimensions: number
  readonly shortens: boolean
}

/** - `own`: models by names of OpenAI's; `any`: every other name is one too, as on a local server. */
export interface Known {
  readonly catalog: Model.Catalog
  readonly own: ReadonlyMap<string, Options.OpenAiModel>
  readonly any: boolean
}

const chat = (
  id: string,
  options?: { readonly reasons?: boolean; readonly contextTokens?: number }
): Options.OpenAiModel => ({
  kind: "chat",
  id,
  contextTokens: 128_000,
  maxOutputTokens: 16_384,
  ...options
})

/** OpenAI's models, of which a snapshot such as `gpt-4o-2024-08-06` answers too. */
export const defaults: ReadonlyArray<Options.OpenAiModel> = [
  ...["gpt-3.5-turbo", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini"].map((id) => chat(id)),
  ...["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"].map((id) => chat(id, { contextTokens: 1_047_576 })),
  ...["o1", "o3", "o3-mini", "o4-mini"].map((id) => chat(id, { reasons: true, contextTokens: 200_000 })),
  ...["gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.5"].map((id) =>
    chat(id, { reasons: true, contextTokens: 400_000 })
  ),
  { kind: "embedding", id: "text-embedding-3-small", dimensions: 1536, shortens: true },
  { kind: "embedding", id: "text-embedding-3-large", dimensions: 3072, shortens: true },
  { kind: "embedding", id: "text-embedding-ada-002", dimensions: 1536, shortens: false }
]

/** The models behind {@link find}; `given` are added to the {@link defaults}, or with `any` every name is one. */
export const known = (
  catalog: Model.Catalog,
  given: ReadonlyArray<Options.OpenAiModel> | "any" = []
): Known => ({
  catalog,
  any: given === "any",
  own: new Map([...defaults, ...(given === "any" ? [] : given)].map((model) => [model.id, model]))
})

/**
 * The model of a request, or why it is refused.
 *
 * Mantle's models are looked up when the request is for mantle, or by its path under `/v1`; under `/openai/v1`, which
 * mantle, the runtime and Azure share, when the runtime has none of that name.
 */
export const find = (
  { any, catalog, own }: Known,
  route: Pick<Route.Route, "root" | "mantle" | "path" | "operation">,
  named: string
): Result.Result<Served, AwsError.AwsError> => {
  const openai = own.get(named) ?? own.get(named.replace(/-\d{4}-\d{2}-\d{2}$/, ""))
  if (!route.mantle && openai !== undefined) return Result.succeed(ofOpenAi(openai, named))
  const mantle = mantleModels.get(named)
  const runtime = route.mantle || route.root !== "/openai/v1" ? undefined : ofRuntime(catalog, route, named)
  if (runtime !== undefined && (Result.isSuccess(runtime) || mantle === undefined)) {
    return any && Result.isFailure(runtime) ? Result.succeed(ofAnyName(route, named)) : runtime
  }
  if (mantle !== undefined) {
    const refusal = misrouted(route, named, mantle)
    return refusal === undefined ? Result.succeed(ofMantle(catalog, named)) : Result.fail(refusal)
  }
  return any && !route.mantle ? Result.succeed(ofAnyName(route, named)) : Result.fail(notFound(named))
}

/** The names that an endpoint lists. */
export const list = ({ catalog, own }: Known, { mantle, root }: Pick<Route.Route, "root" | "mantle">) => {
  if (mantle) return [...mantleModels.keys()].map((id) => ({ id, endpoint: "mantle" as const }))
  const names = [...own.keys()].map((id) => ({ id, endpoint: "openai" as const }))
  return root !== "/openai/v1"
    ? names
    : [
      ...[...catalog.models.values()].filter(speaks).map(({ id }) => ({ id, endpoint: "runtime" as const })),
      ...names
    ]
}

const ofOpenAi = (model: Options.OpenAiModel, named: string): Served => ({
  endpoint: "openai",
  hosted: true,
  named,
  quota: [...new Set([named, model.id])],
  reasons: model.kind === "chat" && model.reasons === true,
  model: model.kind === "chat"
    ? Model.chat(model.id, {
      turns: "any",
      inputs: ["image", "document", "audio"],
      reasoning: "any",
      caching: false,
      counting: false,
      contextTokens: model.contextTokens,
      maxOutputTokens: model.maxOutputTokens
    })
    : { kind: "embedding", id: model.id, dimensions: model.dimensions, shortens: model.shortens !== false }
})

const ofAnyName = ({ operation }: Pick<Route.Route, "operation">, id: string): Served =>
  ofOpenAi(
    operation === "CreateEmbeddings" ? { kind: "embedding", id, dimensions: 768, shortens: true } : chat(id),
    id
  )

const ofRuntime = (
  catalog: Model.Catalog,
  { path }: Pick<Route.Route, "path">,
  named: string
): Result.Result<Served, AwsError.AwsError> =>
  Result.flatMap(
    Result.mapError(Model.resolve(catalog, named), (error) =>
      error.exception === "ValidationException" ? notFound(named) : error),
    (model) =>
      speaks(model)
        ? Result.succeed({
          endpoint: "runtime",
          named,
          model,
          reasons: isHosted(model.id),
          hosted: isHosted(model.id),
          quota: [named, model.id]
        })
        : Result.fail(unsupported(named, path))
  )

/** Whether a model of Bedrock's is one that OpenAI itself runs there. */
const isHosted = (id: string): boolean => /^openai\.gpt-(?!oss)/.test(id)

/** Whether the runtime answers a model in OpenAI's dialect: those whose own bodies follow it. */
const speaks = (model: Model.Model): model is Model.ChatModel =>
  model.kind === "chat" && Families.find(model) === OpenAiFamily.family

interface MantleModel {
  readonly root: "/v1" | "/openai/v1"
  readonly chat: boolean
  readonly responses: boolean
}

/**
 * Mantle's models, as it lists them, and where they answer, as users report: OpenAI's hosted models and other vendors'
 * newest at `/openai/v1`, the hosted ones by Responses alone; open weights at `/v1`, of which gpt-oss has Responses too.
 * Claude speaks another dialect there.
 */
const mantleModels: ReadonlyMap<string, MantleModel> = new Map<string, MantleModel>([
  ...["5.4", "5.4-2026-03-05", "5.5", "5.6-luna", "5.6-sol", "5.6-terra", "6-astra", "6-luna", "6-sol"].map((version) =>
    [`openai.gpt-${version}`, { root: "/openai/v1", chat: false, responses: true }] as const
  ),
  ...["xai.grok-4.3", "xai.grok-4.6", "google.gemma-4-26b-a4b", "google.gemma-4-31b", "google.gemma-4-e2b"].map((id) =>
    [id, { root: "/openai/v1", chat: true, responses: true }] as const
  ),
  ...["120b", "20b", "safeguard-120b", "safeguard-20b"].map((size) =>
    [`openai.gpt-oss-${size}`, { root: "/v1", chat: true, responses: true }] as const
  ),
  ...[
    "deepseek.v3.1",
    "deepseek.v3.2",
    "google.gemma-3-12b-it",
    "google.gemma-3-27b-it",
    "google.gemma-3-4b-it",
    "minimax.minimax-m2",
    "minimax.minimax-m2.1",
    "minimax.minimax-m2.5",
    "mistral.devstral-2-123b",
    "mistral.magistral-small-2509",
    "mistral.ministral-3-14b-instruct",
    "mistral.ministral-3-3b-instruct",
    "mistral.ministral-3-8b-instruct",
    "mistral.mistral-large-3-675b-instruct",
    "mistral.voxtral-mini-3b-2507",
    "mistral.voxtral-small-24b-2507",
    "moonshotai.kimi-k2-thinking",
    "moonshotai.kimi-k2.5",
    "nvidia.nemotron-nano-12b-v2",
    "nvidia.nemotron-nano-3-30b",
    "nvidia.nemotron-nano-9b-v2",
    "nvidia.nemotron-super-3-120b",
    "qwen.qwen3-235b-a22b-2507",
    "qwen.qwen3-32b",
    "qwen.qwen3-coder-30b-a3b-instruct",
    "qwen.qwen3-coder-480b-a35b-instruct",
    "qwen.qwen3-coder-next",
    "qwen.qwen3-next-80b-a3b-instruct",
    "qwen.qwen3-vl-235b-a22b-instruct",
    "writer.palmyra-vision-7b",
    "zai.glm-4.6",
    "zai.glm-4.7",
    "zai.glm-4.7-flash",
    "zai.glm-5"
  ].map((id) => [id, { root: "/v1", chat: true, responses: false }] as const),
  ["anthropic.claude-haiku-4-5", { root: "/v1", chat: false, responses: false }]
])

/** The refusal of a model at the wrong root, or by an API that it does not have. */
const misrouted = (
  { operation, path, root }: Pick<Route.Route, "root" | "path" | "operation">,
  named: string,
  model: MantleModel
): AwsError.AwsError | undefined => {
  if (operation === "CreateEmbeddings") return unsupported(named, path)
  const responds = operation === "CreateResponse" || operation === "CreateResponseStream"
  if (model.root !== root) return responds ? unsupported(named, path) : wrongRoute(named)
  return (responds ? model.responses : model.chat) ? undefined : unsupported(named, path)
}

/** The catalog has some of mantle's models under another version of their ids. */
const ofMantle = ({ models }: Model.Catalog, named: string): Served => {
  const same = [named, `${named}-1:0`, `${named}-v1:0`].map((id) => models.get(id)).find((model) => model !== undefined)
  const model = same?.kind === "chat" ? same : Model.chat(named, { turns: "any", caching: false, counting: false })
  return {
    endpoint: "mantle",
    named,
    model: { ...model, id: named },
    reasons: isHosted(named),
    hosted: isHosted(named),
    quota: [`mantle/${named}`]
  }
}

const wrongRoute = (named: string) =>
  OpenAiError.make("ValidationException", `model \`${named}\` isn't supported on this route`, {
    code: "validation_error"
  })

const unsupported = (named: string, path: string) =>
  OpenAiError.make("ValidationException", `The model '${named}' does not support the '${path}' API`, {
    code: "validation_error"
  })

const notFound = (named: string) =>
  OpenAiError.make(
    "ResourceNotFoundException",
    `The model \`${named}\` does not exist or you do not have access to it.`,
    { code: "model_not_found", param: "model" }
  )
