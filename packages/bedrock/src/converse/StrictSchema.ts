/**
 * A JSON Schema in the part of the language that Bedrock holds a model to, or nothing where that part cannot say it.
 *
 * What a schema only restricts (lengths, ranges, patterns) moves into descriptions: the model reads it there, and whoever
 * decodes the answer checks it. Records, recursion and "anything" have no counterpart, and no restriction stands in for
 * them: a model held to it could not write what was asked for. Source: the page on structured output in the user guide
 * of Bedrock.
 */
import type * as JsonSchema from "effect/JsonSchema"

/** The schema, of type `object`; `undefined` when it cannot be said. */
export const make = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema | undefined => {
  const strict = rewrite(schema)
  return strict?.["type"] === "object" ? strict : undefined
}

type Rewritten = JsonSchema.JsonSchema | undefined

const rewrite = (node: unknown): Rewritten => {
  if (!isObject(node) || Object.keys(node).some((key) => unsayable.has(key))) return undefined
  const { allOf, anyOf, oneOf, type, ...rest } = node
  if (allOf !== undefined) return rewriteAll(node, allOf)
  if (anyOf !== undefined || oneOf !== undefined) {
    // both at once, or a structure beside them, is more than a choice
    if (anyOf !== undefined && oneOf !== undefined || Object.keys(rest).some((key) => structural.has(key))) {
      return undefined
    }
    return choice(rest, asArray(anyOf ?? oneOf))
  }
  if (type === "object") return rewriteObject(rest)
  if (type === "array") return rewriteArray(rest)
  if ("enum" in node || "const" in node || !Array.isArray(type)) return rewriteScalar(rest, type)
  const { description, title, ...each } = rest
  return choice({ description, title }, type.map((type) => ({ ...each, type })))
}

const choice = (node: JsonSchema.JsonSchema, members: ReadonlyArray<unknown>): Rewritten => {
  const anyOf = all(members, rewrite)
  return anyOf && describe(node, { anyOf }, [])
}

/** A node and restrictions to it. */
const rewriteAll = (node: JsonSchema.JsonSchema, members: unknown): Rewritten => {
  const { allOf: _, ...merged } = node
  for (const member of asArray(members)) {
    if (!isObject(member)) return undefined
    for (const [key, value] of Object.entries(member)) {
      if (structural.has(key)) return undefined
      const before = merged[key]
      merged[key] = before === undefined
        ? value
        : key === "description"
        ? `${String(before)} ${String(value)}`
        : [before, value].flat()
    }
  }
  return rewrite(merged)
}

/** Objects name all their properties. */
const rewriteObject = (node: JsonSchema.JsonSchema): Rewritten => {
  const { additionalProperties, patternProperties, properties = {}, required = [] } = node
  if (isObject(additionalProperties) || patternProperties !== undefined || !isObject(properties)) return undefined
  const names = Object.keys(properties)
  if (names.length === 0 && additionalProperties !== false) return undefined
  if (!Array.isArray(required) || required.some((name) => !names.includes(name))) return undefined
  const rewritten = names.length === 0 ? [] : all(Object.values(properties), rewrite)
  return rewritten && describe(
    node,
    {
      type: "object",
      properties: Object.fromEntries(rewritten.map((property, index) => [names[index], property])),
      ...(required.length === 0 ? undefined : { required }),
      additionalProperties: false
    },
    ["properties", "required", "additionalProperties"]
  )
}

/** The items of an array are of one kind: those of a tuple are any of its kinds. */
const rewriteArray = (node: JsonSchema.JsonSchema): Rewritten => {
  const { items, minItems, prefixItems } = node
  const kinds = all([...asArray(prefixItems), ...(isObject(items) ? [items] : [])], rewrite)
  if (kinds === undefined) return undefined
  const different = [...new Map(kinds.map((kind) => [JSON.stringify(kind), kind])).values()]
  const kept = minItems === 0 || minItems === 1
  return describe(
    node,
    {
      type: "array",
      items: different.length === 1 ? different[0] : { anyOf: different },
      ...(kept ? { minItems } : undefined)
    },
    different.length === 1 ? ["items", "prefixItems", ...(kept ? ["minItems"] : [])] : ["items"]
  )
}

const rewriteScalar = (node: JsonSchema.JsonSchema, type: unknown): Rewritten => {
  const { enum: choices, format } = node
  const isConstant = "const" in node
  const values = [...asArray(choices), ...(isConstant ? [node["const"]] : [])]
  if (values.length === 0 ? choices !== undefined || !isScalarType(type) : !values.every(isScalar)) return undefined
  const isKnownFormat = typeof format === "string" && formats.has(format)
  return describe(
    node,
    {
      ...(isScalarType(type) ? { type } : undefined),
      ...(Array.isArray(choices) ? { enum: choices } : undefined),
      ...(isConstant ? { const: node["const"] } : undefined),
      ...(isKnownFormat ? { format } : undefined)
    },
    ["enum", "const", ...(isKnownFormat ? ["format"] : [])]
  )
}

/** Adds the description of a node to what it became, and in it all that is neither `said` nor without meaning. */
const describe = (
  node: JsonSchema.JsonSchema,
  rewritten: JsonSchema.JsonSchema,
  said: ReadonlyArray<string>
): JsonSchema.JsonSchema => {
  const { description, title, ...rest } = node
  const unsaid = Object.entries(rest).filter(([key, value]) =>
    value !== undefined && !said.includes(key) && !meaningless.has(key) && !isIntegerRange(key, value)
  )
  const notes = unsaid.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ")
  const text = [
    ...(typeof description === "string" ? [description] : []),
    ...(notes === "" ? [] : [`(${notes})`])
  ].join(" ")
  return {
    ...rewritten,
    ...(typeof title === "string" ? { title } : undefined),
    ...(text === "" ? undefined : { description: text })
  }
}

/** What `f` makes of all, if it makes something of each; nothing of no nodes. */
const all = (
  nodes: ReadonlyArray<unknown>,
  f: (node: unknown) => Rewritten
): Array<JsonSchema.JsonSchema> | undefined => {
  const rewritten = nodes.map(f)
  return rewritten.length > 0 && rewritten.every((node) => node !== undefined) ? rewritten : undefined
}

const asArray = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const isObject = (value: unknown): value is JsonSchema.JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

const isScalarType = (type: unknown): boolean =>
  type === "string" || type === "number" || type === "integer" || type === "boolean" || type === "null"

/** What every integer is anyway. */
const isIntegerRange = (key: string, value: unknown): boolean =>
  key === "minimum" && value === Number.MIN_SAFE_INTEGER || key === "maximum" && value === Number.MAX_SAFE_INTEGER

const formats: ReadonlySet<string> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid"
])

const meaningless: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "deprecated",
  "readOnly",
  "writeOnly"
])

/** What no part of the rewritten schema stands for. */
const unsayable: ReadonlySet<string> = new Set([
  "$ref",
  "$dynamicRef",
  "not",
  "if",
  "then",
  "else",
  "dependentSchemas"
])

/** What makes a node more than a restriction of another. */
const structural: ReadonlySet<string> = new Set([
  ...unsayable,
  "type",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "items",
  "prefixItems",
  "anyOf",
  "oneOf",
  "allOf",
  "enum",
  "const"
])
