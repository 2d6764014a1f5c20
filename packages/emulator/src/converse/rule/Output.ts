/**
 * How the answer may be asked for: a JSON schema that is one, an effort that exists, pointers into the model's answer.
 */
import * as Result from "effect/Result"
import * as Json from "../../Json.ts"
import type * as Model from "../../Model.ts"
import * as OutputFormat from "../OutputFormat.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { isObject, isUnion, mustSetOne, notAnObject, refused, refusedByModel } from "./Finding.ts"

const structure = "outputConfig.textFormat.structure"

/** Checks `outputConfig` and `additionalModelResponseFieldPaths`. */
export function* check(request: Wire.Request, model: Model.ChatModel): Findings {
  const { additionalModelRequestFields, additionalModelResponseFieldPaths = [], outputConfig } = request
  const { effort, textFormat } = outputConfig ?? {}
  if (additionalModelRequestFields !== undefined && !isObject(additionalModelRequestFields)) {
    yield notAnObject("additionalModelRequestFields")
  }
  if (textFormat !== undefined) {
    if (!isUnion(textFormat.structure)) yield mustSetOne("OutputFormatStructure", structure, "jsonSchema")
    const schema = Result.getOrUndefined(Json.fromText(textFormat.structure.jsonSchema?.schema ?? ""))
    if (!isObject(schema)) yield notAnObject(`${structure}.jsonSchema.schema`)
    if (model.rules === "claude" && hasOpenObject(schema)) yield openObject
  } else if (model.rules === "claude" && hasOpenObject(OutputFormat.schemaOf(request))) {
    yield openObject
  }
  if (effort !== undefined && !efforts.has(effort)) {
    yield refusedByModel("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
  }
  for (const path of additionalModelResponseFieldPaths) {
    if (!jsonPointer.test(path)) {
      yield refused(
        `The JSON Pointer ${path} in additionalModelResponseFieldPaths is invalid. Provide a valid JSON Pointer and try again.`
      )
    }
  }
  return undefined
}

const openObject = refusedByModel(
  "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
)

const efforts: ReadonlySet<string> = new Set(["low", "medium", "high", "xhigh", "max"])

/** RFC 6901, without the pointer to the whole. */
const jsonPointer = /^(?:\/(?:[^/~]|~[01])*)+$/

/** Whether a JSON schema has, at any depth, an object that takes properties it does not name. */
const hasOpenObject = (schema: unknown): boolean => {
  if (Array.isArray(schema)) return schema.some(hasOpenObject)
  if (!isObject(schema)) return false
  return schema["type"] === "object" && schema["additionalProperties"] !== false ||
    Object.values(schema).some(hasOpenObject)
}
