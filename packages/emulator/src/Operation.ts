/**
 * The operations of Bedrock Runtime, and those of Bedrock that list models, with their paths.
 */
import * as Result from "effect/Result"
import * as OpenAiRoute from "./openai/Route.ts"
import * as S3Operation from "./s3/S3Operation.ts"

/** The operations on a model. */
export type ModelOperation =
  | "Converse"
  | "ConverseStream"
  | "CountTokens"
  | "InvokeModel"
  | "InvokeModelWithResponseStream"

/** The operations that list and describe the models of the account: of Bedrock itself, not of its runtime. */
export type CatalogOperation =
  | "GetFoundationModel"
  | "GetInferenceProfile"
  | "ListFoundationModels"
  | "ListInferenceProfiles"

/** Those of batch jobs: of Bedrock itself. */
export type JobOperation =
  | "CreateModelInvocationJob"
  | "GetModelInvocationJob"
  | "ListModelInvocationJobs"
  | "StopModelInvocationJob"

/** Those of asynchronous invocations: of the runtime. */
export type AsyncOperation = "GetAsyncInvoke" | "ListAsyncInvokes" | "StartAsyncInvoke"

/** All operations: of Bedrock, of OpenAI's dialect, and of S3. */
export const operations = [
  "ApplyGuardrail",
  "Converse",
  "ConverseStream",
  "CountTokens",
  "CreateModelInvocationJob",
  "GetAsyncInvoke",
  "GetFoundationModel",
  "GetInferenceProfile",
  "GetModelInvocationJob",
  "InvokeModel",
  "InvokeModelWithResponseStream",
  "ListAsyncInvokes",
  "ListFoundationModels",
  "ListInferenceProfiles",
  "ListModelInvocationJobs",
  "StartAsyncInvoke",
  "StopModelInvocationJob",
  ...OpenAiRoute.operations,
  ...S3Operation.operations
] as const

/** The operations of the emulator. */
export type Operation = (typeof operations)[number]

/**
 * The operation of a path, with its decoded parts. `modelId` is an id or an ARN; `identifier` is the id or the ARN of a
 * guardrail, a model, an inference profile, a batch job or an asynchronous invocation.
 */
export type Route =
  | { readonly operation: ModelOperation; readonly modelId: string }
  | { readonly operation: "ApplyGuardrail"; readonly identifier: string; readonly version: string }
  | Described<"GetFoundationModel" | "GetInferenceProfile">
  | Listed<"ListFoundationModels" | "ListInferenceProfiles">
  | JobRoute
  | AsyncRoute

/** A route of batch jobs. */
export type JobRoute =
  | { readonly operation: "CreateModelInvocationJob" }
  | Described<"GetModelInvocationJob" | "StopModelInvocationJob">
  | Listed<"ListModelInvocationJobs">

/** A route of asynchronous invocations. */
export type AsyncRoute =
  | { readonly operation: "StartAsyncInvoke" }
  | Described<"GetAsyncInvoke">
  | Listed<"ListAsyncInvokes">

interface Described<Name extends string> {
  readonly operation: Name
  readonly identifier: string
}

interface Listed<Name extends string> {
  readonly operation: Name
  readonly query: Readonly<Record<string, string>>
}

/** Whether it is one of batch jobs. */
export const isOfJobs = (route: Route): route is JobRoute => /ModelInvocationJobs?$/.test(route.operation)

/** Whether it is one of asynchronous invocations. */
export const isAsync = (route: Route): route is AsyncRoute => /AsyncInvokes?$/.test(route.operation)

const suffixes: Readonly<Record<ModelOperation, string>> = {
  Converse: "converse",
  ConverseStream: "converse-stream",
  CountTokens: "count-tokens",
  InvokeModel: "invoke",
  InvokeModelWithResponseStream: "invoke-with-response-stream"
}

/** The path of an operation. */
export const toPath = (
  route: Exclude<Route, { readonly operation: CatalogOperation | JobOperation | AsyncOperation }>
): string =>
  route.operation === "ApplyGuardrail"
    ? `/guardrail/${encodeURIComponent(route.identifier)}/version/${encodeURIComponent(route.version)}/apply`
    : `/model/${encodeURIComponent(route.modelId)}/${suffixes[route.operation]}`

/** The operation of a method and a request target; `undefined` when it is unknown. */
export const fromTarget = (method: string, target: string): Route | undefined => {
  switch (method) {
    case "POST":
      return toModel(target) ?? toGuardrail(target) ?? toCreation(target)
    case "GET":
      return toCatalog(target) ?? toWork(target)
    default:
      return undefined
  }
}

/** Why a request has no operation: its method, or its path, with what there is instead. */
export const unknown = (method: string, target: string): string => {
  const [path = ""] = target.split("?", 1)
  const asked = `${method} ${path.length > longest ? `${path.slice(0, longest)}…` : path}`
  const known = method === "POST" ? fromTarget("GET", target) : fromTarget("POST", target)
  return known === undefined
    ? `Unknown operation: ${asked}. The emulator has ${paths.join(", ")}.`
    : `Unknown operation: ${asked}. ${known.operation} is ${method === "POST" ? "GET" : "POST"} ${path}.`
}

const longest = 200

const paths = [
  `POST /model/{id}/{${Object.values(suffixes).join(",")}}`,
  "POST /guardrail/{id}/version/{version}/apply",
  "GET /foundation-models/{id}",
  "GET /inference-profiles/{id}",
  "POST /model-invocation-job",
  "GET /model-invocation-jobs",
  "POST /async-invoke",
  "POST /v1/{chat/completions,responses,embeddings}"
]

const toModel = (target: string): Route | undefined => {
  const [, encoded = "", suffix = ""] = modelPattern.exec(target) ?? []
  const operation = bySuffix[suffix]
  const modelId = decode(encoded)
  return operation === undefined || modelId === undefined ? undefined : { operation, modelId }
}

const toGuardrail = (target: string): Route | undefined => {
  const match = guardrailPattern.exec(target)
  if (match === null) return undefined
  const identifier = decode(match[1] ?? "")
  const version = decode(match[2] ?? "")
  return identifier === undefined || version === undefined
    ? undefined
    : { operation: "ApplyGuardrail", identifier, version }
}

const toCatalog = (target: string): Route | undefined => {
  const [, collection, encoded, query = ""] = catalogPattern.exec(target) ?? []
  if (collection === undefined) return undefined
  const models = collection === "foundation-models"
  if (encoded === undefined) {
    return {
      operation: models ? "ListFoundationModels" : "ListInferenceProfiles",
      query: Object.fromEntries(new URLSearchParams(query))
    }
  }
  const identifier = decode(encoded)
  return identifier === undefined
    ? undefined
    : { operation: models ? "GetFoundationModel" : "GetInferenceProfile", identifier }
}

const toCreation = (target: string): Route | undefined => {
  const [path = ""] = target.split("?", 1)
  if (path === "/model-invocation-job") return { operation: "CreateModelInvocationJob" }
  if (path === "/async-invoke") return { operation: "StartAsyncInvoke" }
  const identifier = decode(stopPattern.exec(path)?.[1] ?? "")
  return identifier === undefined || identifier === "" ? undefined : { operation: "StopModelInvocationJob", identifier }
}

const toWork = (target: string): Route | undefined => {
  const [, collection, encoded, search = ""] = workPattern.exec(target) ?? []
  if (collection === undefined) return undefined
  const identifier = encoded === undefined ? undefined : decode(encoded)
  if (encoded === undefined) {
    const query = Object.fromEntries(new URLSearchParams(search))
    if (collection === "model-invocation-jobs") return { operation: "ListModelInvocationJobs", query }
    return collection === "async-invoke" ? { operation: "ListAsyncInvokes", query } : undefined
  }
  if (identifier === undefined) return undefined
  if (collection === "model-invocation-job") return { operation: "GetModelInvocationJob", identifier }
  return collection === "async-invoke" ? { operation: "GetAsyncInvoke", identifier } : undefined
}

const stopPattern = /^\/model-invocation-job\/([^?]+)\/stop$/

const workPattern = /^\/(model-invocation-jobs?|async-invoke)(?:\/([^?]+))?(?:\?(.*))?$/

/** An ARN may be sent with its slash unescaped. */
const catalogPattern = /^\/(foundation-models|inference-profiles)(?:\/([^?]+))?(?:\?(.*))?$/

const modelPattern = /^\/model\/([^/?]*)\/([a-z-]+)(?:\?.*)?$/

const guardrailPattern = /^\/guardrail\/([^/?]*)\/version\/([^/?]*)\/apply(?:\?.*)?$/

const decode = (encoded: string): string | undefined =>
  Result.getOrUndefined(Result.try(() => decodeURIComponent(encoded)))

const bySuffix: Readonly<Record<string, ModelOperation>> = {
  converse: "Converse",
  "converse-stream": "ConverseStream",
  "count-tokens": "CountTokens",
  invoke: "InvokeModel",
  "invoke-with-response-stream": "InvokeModelWithResponseStream"
}
