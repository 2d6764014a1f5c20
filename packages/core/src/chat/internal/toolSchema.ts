/**
 * The JSON schema of a tool's arguments, or of a structured answer, self-contained and plain: definitions are inlined, and
 * only recursive ones stay in `$defs`; all of them do where the inlined schema would be very large.
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

const selfContained = (document: JsonSchema.Document<"draft-2020-12">): JsonSchema.JsonSchema =>
  inlined(document, isRecursive(document.definitions), 5_000) ?? inlined(document, () => true, Infinity) ?? {}

/** The schema with definitions in place of references, except to those that are kept; nothing where it has more nodes. */
const inlined = (
  { definitions, schema }: JsonSchema.Document<"draft-2020-12">,
  isKept: (key: string) => boolean,
  maxNodes: number
): JsonSchema.JsonSchema | undefined => {
  const kept = new Map<string, JsonSchema.JsonSchema>()
  let nodes = 0

  const resolve = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
    if (++nodes > maxNodes) return {}
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
    return { ...resolve(definition), ...withinEach(rest) }
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
  if (nodes > maxNodes) return undefined
  return kept.size === 0 ? root : { ...root, $defs: Object.fromEntries(kept) }
}

/** Whether a definition refers to itself, directly or through others. */
const isRecursive = (definitions: JsonSchema.Definitions) => {
  const references = new Map(Object.entries(definitions).map(([key, node]) => [key, referencesOf(node)] as const))
  return (key: string): boolean => {
    const reached = new Set(references.get(key))
    for (const next of reached) references.get(next)?.forEach((inner) => reached.add(inner))
    return reached.has(key)
  }
}

const referencesOf = (value: unknown): ReadonlyArray<string> => {
  if (!Predicate.isObjectOrArray(value)) return []
  const key = Predicate.isObject(value) ? referenceKey(value) : undefined
  const inner = Object.values(value).flatMap(referencesOf)
  return key === undefined ? inner : [key, ...inner]
}

/** Merges the members of `allOf` that only annotate or restrict, by keywords that the node does not have. */
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
