/**
 * Locations of schemas within a schema. Data (`enum`, `const`, `default`) is never a schema, whatever it looks like.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"

/** The node with `f` applied to each direct subschema. */
export const map = (node: JsonSchema.JsonSchema, f: (schema: unknown) => unknown): JsonSchema.JsonSchema =>
  Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      if (Array.isArray(value)) return [key, lists.has(key) ? value.map(f) : value]
      if (named.has(key) && Predicate.isObject(value)) {
        return [key, Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, f(schema)]))]
      }
      return [key, single.has(key) ? f(value) : value]
    })
  )

const single: ReadonlySet<string> = new Set([
  "items",
  "additionalItems",
  "unevaluatedItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "contentSchema",
  "not",
  "if",
  "then",
  "else"
])

/** `items` is a list in older drafts. */
const lists: ReadonlySet<string> = new Set(["allOf", "anyOf", "oneOf", "prefixItems", "items"])

const named: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "dependentSchemas",
  "dependencies",
  "$defs",
  "definitions"
])
