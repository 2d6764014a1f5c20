/**
 * The schemas Claude compiles into a grammar: of strict tools and of the answer. Only a subset of JSON Schema is
 * supported, of limited complexity.
 */
import { isObject } from "./Finding.ts"

/** The unsupported part of a schema, in Anthropic's words; `patterns`: whether `pattern` is supported. */
export const problem = (schema: unknown, options: { readonly patterns: boolean }): string | undefined => {
  for (const node of nodes(schema)) {
    const found = openObject(node) ?? unsupportedKeys(node, options.patterns) ?? unsupportedChoice(node)
    if (found !== undefined) return found
  }
  return reference(schema)
}

/** Whether these schemas together exceed the complexity limits. */
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

/** The maximum number of parameters with union types. */
export const maxUnions = 16

/** The maximum number of optional parameters. */
export const maxOptional = 24

type Node = Readonly<Record<string, unknown>>

/** A schema and all its subschemas. */
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

/** The unsupported keywords by type. Of the bounds of arrays only `minItems` of 0 or 1 is supported. */
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

/** References must resolve within the schema, and must not be recursive. */
const reference = (schema: unknown): string | undefined => {
  if (!isObject(schema)) return undefined
  const resolve = (ref: string): unknown =>
    ref.split("/").slice(1).reduce<unknown>(
      (value, key) => isObject(value) ? value[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined,
      schema
    )
  /** Definitions that were fully visited. */
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
