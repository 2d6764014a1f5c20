/**
 * The operations of Bedrock Runtime and their paths.
 */
import * as Result from "effect/Result"

/** The operations on a model. */
export type ModelOperation =
  | "Converse"
  | "ConverseStream"
  | "CountTokens"
  | "InvokeModel"
  | "InvokeModelWithResponseStream"

/** The operations of the emulator. */
export type Operation = ModelOperation | "ApplyGuardrail"

/** All operations. */
export const operations = [
  "ApplyGuardrail",
  "Converse",
  "ConverseStream",
  "CountTokens",
  "InvokeModel",
  "InvokeModelWithResponseStream"
] as const satisfies ReadonlyArray<Operation>

/**
 * The operation of a path, with its decoded parts. `modelId` is an id or an ARN; `identifier` is the id or the ARN of a
 * guardrail.
 */
export type Route =
  | { readonly operation: ModelOperation; readonly modelId: string }
  | { readonly operation: "ApplyGuardrail"; readonly identifier: string; readonly version: string }

const suffixes: Readonly<Record<ModelOperation, string>> = {
  Converse: "converse",
  ConverseStream: "converse-stream",
  CountTokens: "count-tokens",
  InvokeModel: "invoke",
  InvokeModelWithResponseStream: "invoke-with-response-stream"
}

/** The path of an operation. */
export const toPath = (route: Route): string =>
  route.operation === "ApplyGuardrail"
    ? `/guardrail/${encodeURIComponent(route.identifier)}/version/${encodeURIComponent(route.version)}/apply`
    : `/model/${encodeURIComponent(route.modelId)}/${suffixes[route.operation]}`

/** The operation of a method and a request target; `undefined` when it is unknown. */
export const fromTarget = (method: string, target: string): Route | undefined =>
  method === "POST" ? toModel(target) ?? toGuardrail(target) : undefined

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
