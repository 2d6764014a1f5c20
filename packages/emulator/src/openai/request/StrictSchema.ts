/**
 * The JSON Schemas that OpenAI takes with `strict: true`: a subset, in which every object is closed and every key is
 * required.
 */
import { isObject } from "../../converse/rule/Finding.ts"

/** Why a schema is not strict, in OpenAI's words; `undefined` when it is. */
export const problem = (schema: unknown): string | undefined => {
  if (!isObject(schema)) return "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
  if (schema["type"] !== "object") {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${String(schema["type"] ?? "None")}"'.`
  }
  if ("anyOf" in schema) return "In context=(), schema must not have 'anyOf' at its top level."
  let [properties, enums] = [0, 0]
  for (const { context, depth, schema: node } of nodes(schema)) {
    const at = `In context=(${context.map((key) => `'${key}'`).join(", ")}${context.length === 1 ? "," : ""}), `
    const found = inNode(node)
    if (found !== undefined) return at + found
    if (depth > maxDepth) return `${at}${maxDepth} levels of nesting exceeded.`
    properties += isObject(node["properties"]) ? Object.keys(node["properties"]).length : 0
    enums += Array.isArray(node["enum"]) ? node["enum"].length : 0
  }
  if (properties > maxProperties) return `Expected at most ${maxProperties} object properties in total.`
  return enums > maxEnums ? `Expected at most ${maxEnums} enum values in total.` : undefined
}

const [maxDepth, maxProperties, maxEnums] = [10, 5000, 1000]

type Node = Readonly<Record<string, unknown>>

const inNode = (node: Node): string | undefined => {
  const unsupported = unsupportedKeys.find((key) => key in node)
  if (unsupported !== undefined) return `'${unsupported}' is not permitted.`
  if ("$ref" in node) return unresolved(node["$ref"])
  if (!("type" in node) && !("anyOf" in node) && !("enum" in node) && !("const" in node)) {
    return "schema must have a 'type' key."
  }
  if (node["type"] === "array" && !("items" in node)) return "array schema missing items."
  if (node["type"] !== "object") return undefined
  if (node["additionalProperties"] !== false) {
    return "'additionalProperties' is required to be supplied and to be false."
  }
  const keys = isObject(node["properties"]) ? Object.keys(node["properties"]) : []
  const required: ReadonlyArray<unknown> = Array.isArray(node["required"]) ? node["required"] : []
  const missing = keys.find((key) => !required.includes(key))
  if (missing !== undefined || (keys.length > 0 && !Array.isArray(node["required"]))) {
    return `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`
  }
  const extra = required.find((key) => typeof key === "string" && !keys.includes(key))
  return extra === undefined ? undefined : `'required' has an extra key '${String(extra)}'.`
}

/** Guide "Structured model outputs", "Supported schemas". */
const unsupportedKeys = [
  "allOf",
  "oneOf",
  "not",
  "dependentRequired",
  "dependentSchemas",
  "if",
  "then",
  "else",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
  "minProperties",
  "maxProperties",
  "contains",
  "uniqueItems"
]

const unresolved = (ref: unknown): string | undefined =>
  typeof ref === "string" && ref.startsWith("#") ? undefined : `reference '${String(ref)}' is not permitted.`

/** A schema and all its subschemas, with their places. */
function* nodes(
  schema: unknown,
  context: ReadonlyArray<string> = [],
  depth = 0
): Generator<{ readonly schema: Node; readonly context: ReadonlyArray<string>; readonly depth: number }> {
  if (!isObject(schema)) return
  yield { schema, context, depth }
  if (depth > maxDepth) return
  for (const [key, value] of Object.entries(schema)) {
    if (holders.has(key) && isObject(value)) {
      for (const [name, inner] of Object.entries(value)) yield* nodes(inner, [...context, key, name], depth + 1)
    } else if (key === "anyOf" && Array.isArray(value)) {
      for (const [index, inner] of value.entries()) yield* nodes(inner, [...context, key, String(index)], depth)
    } else if (key === "items") yield* nodes(value, [...context, key], depth + 1)
  }
}

const holders: ReadonlySet<string> = new Set(["properties", "$defs", "definitions"])
