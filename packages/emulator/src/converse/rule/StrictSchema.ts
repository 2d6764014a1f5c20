/**
 * What Claude compiles into a grammar: the schema of a strict tool, or of the answer. Only a part of JSON Schema can be, and
 * only so much of it.
 */
import { isObject } from "./Finding.ts"

/** What in a schema cannot be compiled, in Anthropic's words; `patterns`: whether the texts of a schema may have some. */
export const problem = (schema: unknown, options: { readonly patterns: boolean }): string | undefined => {
  for (const node of nodes(schema)) {
    const found = openObject(node) ?? unsupportedKeys(node, options.patterns) ?? unsupportedChoice(node)
    if (found !== undefined) return found
  }
  return reference(schema)
}

/** Whether all these schemas together are more than can be compiled. */
export const complexity = (schemas: ReadonlyArray<unknown>): string | undefined => {
  let [unions, optional] = [0, 0]
  for (const schema of schemas) {
    for (const { properties, required } of nodes(schema)) {
      if (!isObject(properties)) continue
      const needed: ReadonlyArray<unknown> = Array.isArray(required) ? required : []
      for (const [key, value] of Object.entries(properties)) {
        if (isUnionType(value)) unions++
        if (!needed.includes(key)) optional++
      }
    }
  }
  if (unions > maxUnions) {
    return `Schemas contains too many parameters with union types (${unions} parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: ${maxUnions} parameters with unions).`
  }
  return optional > maxOptional
    ? `Schemas contains too many optional parameters (${optional}), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: ${maxOptional}).`
    : undefined
}

/** How many parameters may have a union for a type. */
export const maxUnions = 16

/** How many may be left out. */
export const maxOptional = 24

type Node = Readonly<Record<string, unknown>>

/** A schema and all the schemas in it, wherever JSON Schema has one. */
function* nodes(schema: unknown): Generator<Node> {
  if (!isObject(schema)) return
  yield schema
  for (const [key, value] of Object.entries(schema)) {
    if (holders.has(key) && isObject(value)) { for (const inner of Object.values(value)) yield* nodes(inner) }
    else if (lists.has(key) && Array.isArray(value)) { for (const inner of value) yield* nodes(inner) }
    else if (key === "items" || key === "not") yield* nodes(value)
  }
}

const holders: ReadonlySet<string> = new Set(["properties", "$defs", "definitions", "patternProperties"])

const lists: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "prefixItems", "items"])

const isUnionType = (value: unknown): boolean =>
  isObject(value) && (Array.isArray(value["anyOf"]) || Array.isArray(value["type"]))

const openObject = ({ additionalProperties, type }: Node): string | undefined =>
  type === "object" && additionalProperties !== false
    ? "For 'object' type, 'additionalProperties' must be explicitly set to false"
    : undefined

/** The keywords that cannot be compiled, by the type they stand with. A list may be told to be empty or not, and no more. */
const unsupportedKeys = (node: Node, patterns: boolean): string | undefined => {
  const types: ReadonlyArray<unknown> = Array.isArray(node["type"]) ? node["type"] : [node["type"]]
  for (const type of types) {
    const known = typeof type === "string" ? keywords[type] : undefined
    const found = (known ?? []).filter((key) => key in node && !(key === "pattern" && patterns)).sort()
    if (type === "array" && typeof node["minItems"] === "number" && node["minItems"] > 1) found.push("minItems")
    if (found.length === 1) return `For '${String(type)}' type, property '${String(found[0])}' is not supported`
    if (found.length > 1) return `For '${String(type)}' type, properties ${found.join(", ")} are not supported`
  }
  return undefined
}

const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]

const keywords: Readonly<Record<string, ReadonlyArray<string>>> = {
  integer: bounds,
  number: bounds,
  string: ["minLength", "maxLength", "pattern"],
  array: ["maxItems", "uniqueItems", "contains", "prefixItems"],
  object: ["minProperties", "maxProperties", "patternProperties", "propertyNames"]
}

const unsupportedChoice = (node: Node): string | undefined =>
  "oneOf" in node ? "Schema type 'oneOf' is not supported" : undefined

/** References lead to the definitions of the schema itself, and never back to where they come from. */
const reference = (schema: unknown): string | undefined => {
  if (!isObject(schema)) return undefined
  const resolve = (ref: string): unknown =>
    ref.split("/").slice(1).reduce<unknown>(
      (value, key) => isObject(value) ? value[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined,
      schema
    )
  /** Definitions that were followed to their end. */
  const done = new Set<string>()
  const follow = (node: unknown, open: ReadonlyArray<string>): string | undefined => {
    for (const { $ref } of nodes(node)) {
      if (typeof $ref !== "string" || done.has($ref)) continue
      if (open.includes($ref) || $ref === "#") return "Recursive schemas are not supported"
      if (!$ref.startsWith("#")) return `External reference '${$ref}' is not supported`
      const found = follow(resolve($ref), [...open, $ref])
      if (found !== undefined) return found
      done.add($ref)
    }
    return undefined
  }
  const { $defs: _defs, definitions: _definitions, ...root } = schema
  return follow(root, [])
}
