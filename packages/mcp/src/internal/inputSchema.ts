/** The schema of a tool's arguments as a provider takes it: what contradicts itself, or is left to be guessed, is mended. */
import { isObject } from "effect/Predicate"

type Node = Readonly<Record<string, unknown>>

/** Any schema of an object; what is none is left for `Tool.definition` to refuse. */
export const mend = (schema: Node): Node => {
  const mended = node(schema) as Node // an object stays one
  const { properties, type } = mended
  const isObjectType = type === undefined || type === "object" || Array.isArray(type) && type.includes("object")
  return { ...mended, ...(isObjectType && { type: "object", properties: isObject(properties) ? properties : {} }) }
}

const node = (schema: unknown): unknown => {
  if (!isObject(schema)) return schema
  const entries = Object.entries(schema).flatMap(([key, value]): ReadonlyArray<readonly [string, unknown]> => {
    if (maps.has(key) && isObject(value)) {
      return [[key, Object.fromEntries(Object.entries(value).map(([name, member]) => [name, node(member)]))]]
    }
    if (subschemas.has(key)) return [[key, Array.isArray(value) ? value.map(node) : node(value)]]
    // A value that the type excludes: on the `null` branch of an optional enum, or on an array in place of its items.
    if (key === "enum" && Array.isArray(value) && !value.some((member) => isOf(schema["type"], member))) return []
    return [[key, value]]
  })
  return Object.fromEntries(entries)
}

const isOf = (type: unknown, value: unknown): boolean =>
  Array.isArray(type)
    ? type.some((member) => isOf(member, value))
    : type === undefined || type === typeOf(value) || type === "integer" && Number.isInteger(value)

const typeOf = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value

/** Keywords whose values hold schemas by name. */
const maps: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas"
])

/** Keywords whose values are schemas, or arrays of them. */
const subschemas: ReadonlySet<string> = new Set([
  "items",
  "prefixItems",
  "additionalProperties",
  "propertyNames",
  "contains",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "if",
  "then",
  "else"
])
