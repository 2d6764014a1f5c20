/**
 * The JSON schema of a tool's arguments, or of a structured answer, self-contained and as plain as can be: definitions
 * are put in their place, and only those that mention themselves stay in `$defs`; all do where the schema would grow out
 * of proportion.
 */
import * as JsonPointer from "effect/JsonPointer"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as SchemaDocument from "./schemaDocument.ts"

/** The schema, of type `object`; or what is wrong with the input. */
export const make = (input: Schema.Constraint, strict: boolean): Result.Result<JsonSchema.JsonSchema, string> =>
  Result.flatMap(
    Result.try({
      try: () => selfContained(SchemaDocument.make(input, { onExcessProperty: strict ? "error" : "ignore" })),
      catch: () => "its input has no JSON schema"
    }),
    (schema) =>
      schema.type === "object"
        ? Result.succeed(schema)
        : isAnyObject(schema)
        ? Result.succeed({ type: "object", properties: {}, ...(strict ? { additionalProperties: false } : undefined) })
        : Result.fail("its input is not an object in JSON")
  )

/** What Effect writes for a struct without fields. */
const isAnyObject = ({ not, type }: JsonSchema.JsonSchema): boolean =>
  type === undefined && Predicate.isObject(not) && not["type"] === "null"

const selfContained = ({ definitions, schema }: JsonSchema.Document<"draft-2020-12">): JsonSchema.JsonSchema => {
  const isKept = keeper(definitions, schema)
  const placed = new Map<string, JsonSchema.JsonSchema>()
  const kept = new Map<string, JsonSchema.JsonSchema>()

  const resolve = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
    const key = referenceKey(node)
    const definition = key === undefined ? undefined : definitions[key]
    if (key === undefined || definition === undefined) return withinEach(node)
    if (isKept(key)) {
      if (!kept.has(key)) {
        kept.set(key, {})
        kept.set(key, withinEach(definition))
      }
      return withinEach(node)
    }
    const { $ref: _, ...rest } = node
    const place = placed.get(key) ?? resolve(definition)
    placed.set(key, place)
    return { ...place, ...withinEach(rest) }
  }

  const within = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(within) : Predicate.isObject(value) ? resolve(value) : value

  const withinEach = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
    Object.fromEntries(
      Object.entries(flat(node))
        .filter(([key, value]) => !(key === "additionalProperties" && value === true))
        .map(([key, value]) => [key, within(value)])
    )

  const { $ref: _, ...rest } = schema
  const key = referenceKey(schema)
  const root = key === undefined ? resolve(schema) : { ...withinEach(definitions[key] ?? schema), ...withinEach(rest) }
  return kept.size === 0 ? root : { ...root, $defs: Object.fromEntries(kept) }
}

/** More than this many nodes are not worth a schema without references. */
const mostNodes = 5_000

/** Which definitions stay definitions: those that lead back to themselves, or all of them. */
const keeper = (
  definitions: JsonSchema.Definitions,
  root: JsonSchema.JsonSchema
): (key: string) => boolean => {
  const mentioned = new Map(
    Object.entries(definitions).map(([key, definition]) => [key, survey(definition)] as const)
  )
  const recursive = cycles(mentioned)
  const sizes = new Map<string, number>()
  const sizeOf = (key: string): number => {
    const known = sizes.get(key)
    const { keys = [], nodes = 0 } = mentioned.get(key) ?? {}
    const size = known ?? (recursive.has(key) ? 1 : keys.reduce((sum, inner) => sum + sizeOf(inner), nodes))
    sizes.set(key, size)
    return size
  }
  const { keys, nodes } = survey(root)
  const isSmall = keys.reduce((sum, key) => sum + sizeOf(key), nodes) <= mostNodes
  return isSmall ? (key) => recursive.has(key) : () => true
}

interface Survey {
  readonly nodes: number
  readonly keys: ReadonlyArray<string>
}

/** How large a node is, and which definitions it mentions, each as often as it does. */
const survey = (node: unknown): Survey => {
  const keys: Array<string> = []
  let nodes = 0
  const visit = (value: unknown): void => {
    if (!Predicate.isObjectOrArray(value)) return
    nodes++
    const key = Array.isArray(value) ? undefined : referenceKey(value as JsonSchema.JsonSchema)
    if (key !== undefined) keys.push(key)
    Object.values(value).forEach(visit)
  }
  visit(node)
  return { nodes, keys }
}

/** The definitions that lead back to themselves. */
const cycles = (mentioned: ReadonlyMap<string, Survey>): ReadonlySet<string> => {
  const leadsBack = (key: string): boolean => {
    const reached = new Set<string>()
    const left = [key]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      for (const inner of mentioned.get(next)?.keys ?? []) {
        if (inner === key) return true
        if (!reached.has(inner)) left.push(inner)
        reached.add(inner)
      }
    }
    return false
  }
  return new Set([...mentioned.keys()].filter(leadsBack))
}

/** Without `allOf` as far as its members only annotate or restrict, in keywords that the node does not have. */
const flat = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  if (!Array.isArray(node["allOf"])) return node
  const { allOf, ...merged } = node
  const left = (allOf as ReadonlyArray<unknown>).filter((member) => {
    if (!Predicate.isObject(member)) return true
    const keys = Object.keys(member)
    if (!keys.every((key) => key === "description" || movable.has(key) && !Object.hasOwn(merged, key))) return true
    for (const key of keys) {
      const before = merged[key]
      merged[key] = before === undefined ? member[key] : `${String(before)} ${String(member[key])}`
    }
    return false
  })
  return left.length === 0 ? merged : { ...merged, allOf: left }
}

const movable: ReadonlySet<string> = new Set([
  "title",
  "default",
  "examples",
  "format",
  "pattern",
  "multipleOf",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties"
])

/** `x` of `{ "$ref": "#/$defs/x" }`. */
const referenceKey = ({ $ref }: JsonSchema.JsonSchema): string | undefined => {
  const path = typeof $ref === "string" ? JsonPointer.parseUriFragment($ref) : undefined
  return path?.length === 2 && path[0] === "$defs" ? path[1] : undefined
}
