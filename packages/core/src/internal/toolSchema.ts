/**
 * The JSON schema of a tool's arguments, or of a structured answer, self-contained and as plain as can be: some models
 * take only `type`, `properties` and `required` at the top, so definitions are put in their place and only those that
 * mention themselves stay in `$defs`.
 */
import * as JsonPointer from "effect/JsonPointer"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** The schema, of type `object`; or what is wrong with the input. */
export const make = (input: Schema.Constraint, strict: boolean): Result.Result<JsonSchema.JsonSchema, string> =>
  Result.flatMap(
    Result.try({
      try: () => Schema.toJsonSchemaDocument(input, { onExcessProperty: strict ? "error" : "ignore" }),
      catch: () => "its input has no JSON schema"
    }),
    (document) => {
      const schema = selfContained(document)
      return schema.type === "object"
        ? Result.succeed(schema)
        : isAnyObject(schema)
        ? Result.succeed({ type: "object", properties: {}, ...(strict ? { additionalProperties: false } : undefined) })
        : Result.fail("its input is not an object in JSON")
    }
  )

/** What Effect writes for a struct without fields. */
const isAnyObject = ({ not, type }: JsonSchema.JsonSchema): boolean =>
  type === undefined && isObject(not) && not.type === "null"

const selfContained = ({ definitions, schema }: JsonSchema.Document<"draft-2020-12">): JsonSchema.JsonSchema => {
  const kept = new Map<string, JsonSchema.JsonSchema>()

  const resolve = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
    const key = referenceKey(node)
    const definition = key === undefined ? undefined : definitions[key]
    if (key === undefined || definition === undefined) return withinEach(node)
    if (mentions(definition, key, definitions)) {
      if (!kept.has(key)) {
        kept.set(key, {})
        kept.set(key, withinEach(definition))
      }
      return node
    }
    const { $ref: _, ...rest } = node
    return { ...resolve(definition), ...withinEach(rest) }
  }

  const within = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(within) : isObject(value) ? resolve(value) : value

  const withinEach = (node: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
    Object.fromEntries(
      Object.entries(node)
        .filter(([key, value]) => !(key === "additionalProperties" && value === true))
        .map(([key, value]) => [key, within(value)])
    )

  const key = referenceKey(schema)
  const root = key === undefined ? resolve(schema) : withinEach(definitions[key] ?? schema)
  return kept.size === 0 ? root : { ...root, $defs: Object.fromEntries(kept) }
}

/** Whether a definition is mentioned in a node, or in the definitions that node leads to. */
const mentions = (
  node: unknown,
  wanted: string,
  definitions: JsonSchema.Definitions,
  seen: Set<string> = new Set()
): boolean => {
  if (Array.isArray(node)) return node.some((item) => mentions(item, wanted, definitions, seen))
  if (!isObject(node)) return false
  const key = referenceKey(node)
  if (key === wanted) return true
  if (key !== undefined && !seen.has(key)) {
    seen.add(key)
    if (mentions(definitions[key], wanted, definitions, seen)) return true
  }
  return Object.values(node).some((value) => mentions(value, wanted, definitions, seen))
}

/** `x` of `{ "$ref": "#/$defs/x" }`. */
const referenceKey = ({ $ref }: JsonSchema.JsonSchema): string | undefined => {
  const path = typeof $ref === "string" ? JsonPointer.parseUriFragment($ref) : undefined
  return path?.length === 2 && path[0] === "$defs" ? path[1] : undefined
}

const isObject = (value: unknown): value is JsonSchema.JsonSchema => typeof value === "object" && value !== null
