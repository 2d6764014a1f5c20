/**
 * The operations of Bedrock Runtime and the paths they live at.
 */
import * as Result from "effect/Result"

/** The operations the emulator answers. */
export type Operation = "Converse" | "ConverseStream" | "InvokeModel"

/** What a path asks for. `modelId` is decoded: an id or an ARN. */
export interface Route {
  readonly operation: Operation
  readonly modelId: string
}

const suffixes: Readonly<Record<Operation, string>> = {
  Converse: "converse",
  ConverseStream: "converse-stream",
  InvokeModel: "invoke"
}

/** The path of an operation on a model. */
export const toPath = ({ modelId, operation }: Route): string =>
  `/model/${encodeURIComponent(modelId)}/${suffixes[operation]}`

/** What a method and a request target ask for; `undefined` when the emulator knows no such operation. */
export const fromTarget = (method: string, target: string): Route | undefined => {
  const match = pattern.exec(target)
  if (method !== "POST" || match === null) return undefined
  const [, encoded = "", suffix = ""] = match
  const operation = bySuffix[suffix]
  const modelId = Result.getOrUndefined(Result.try(() => decodeURIComponent(encoded)))
  return operation === undefined || modelId === undefined ? undefined : { operation, modelId }
}

const pattern = /^\/model\/([^/?]*)\/([a-z-]+)(?:\?.*)?$/

const bySuffix: Readonly<Record<string, Operation>> = {
  converse: "Converse",
  "converse-stream": "ConverseStream",
  invoke: "InvokeModel"
}
