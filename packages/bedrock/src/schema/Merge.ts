/**
 * Merges two schemas into one that requires what both require, where one schema can express it.
 */
import * as Equal from "effect/Equal"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"

/** `undefined` where it takes two schemas. References are not followed. */
export const merge = (left: JsonSchema.JsonSchema, right: JsonSchema.JsonSchema): JsonSchema.JsonSchema | undefined => {
  if (disagree(left, right, objectKeywords) || disagree(left, right, arrayKeywords)) return undefined
  const merged = new Map(Object.entries(left))
  for (const [key, value] of Object.entries(right)) {
    const before = merged.get(key)
    const both = before === undefined || Equal.equals(before, value) ? value : bothOf(key, before, value)
    if (both === undefined) return undefined
    merged.set(key, both)
  }
  return Object.fromEntries(merged)
}

/** A definition inlined for a reference, with the keywords beside the reference. */
export const refer = (definition: JsonSchema.JsonSchema, beside: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
  Object.keys(beside).every((key) => annotations.has(key))
    ? { ...definition, ...beside }
    : merge(definition, beside) ?? { allOf: [definition, beside] }

/** Annotations that validate nothing: of two, the closer one wins. */
const annotations: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "examples",
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions"
])

/** Keywords that close an object depend on its property keywords. */
const objectKeywords = {
  speaks: ["additionalProperties", "unevaluatedProperties"],
  about: ["properties", "patternProperties"]
}

const arrayKeywords = {
  speaks: ["items", "additionalItems", "unevaluatedItems", "contains", "minContains", "maxContains"],
  about: ["prefixItems"]
}

/** Whether a keyword of one would change its meaning beside keywords of the other. */
const disagree = (
  left: JsonSchema.JsonSchema,
  right: JsonSchema.JsonSchema,
  { about, speaks }: { readonly speaks: ReadonlyArray<string>; readonly about: ReadonlyArray<string> }
): boolean => {
  const isSilent = (node: JsonSchema.JsonSchema) => speaks.every((key) => node[key] === undefined || node[key] === true)
  const hasSame = (key: string) => Equal.equals(left[key], right[key])
  const hasNames = (key: string) => Equal.equals(namesOf(left[key]), namesOf(right[key]))
  if (isSilent(left) && isSilent(right)) return about.some((key) => Array.isArray(left[key]) && !hasSame(key))
  if (isSilent(right) && [...about, ...speaks].every((key) => right[key] === undefined)) return false
  if (isSilent(left) && [...about, ...speaks].every((key) => left[key] === undefined)) return false
  return !(speaks.every(hasSame) && about.every(hasNames))
}

const namesOf = (value: unknown): unknown => Predicate.isObject(value) ? Object.keys(value).sort() : value

const bothOf = (key: string, left: unknown, right: unknown): unknown => {
  switch (key) {
    case "description":
      return Predicate.isString(left) && Predicate.isString(right) ? `${left} ${right}` : left
    case "type":
      return typesOf(left, right)
    case "required":
      return isList(left) && isList(right) ? [...new Set([...left, ...right])] : undefined
    case "enum":
      return isList(left) && isList(right) ? common(left, right) : undefined
    case "allOf":
      return isList(left) && isList(right) ? [...left, ...right] : undefined
    case "properties":
      return Predicate.isObject(left) && Predicate.isObject(right) ? propertiesOf(left, right) : undefined
    case "minimum":
    case "exclusiveMinimum":
    case "minLength":
    case "minItems":
    case "minProperties":
      return Predicate.isNumber(left) && Predicate.isNumber(right) ? Math.max(left, right) : undefined
    case "maximum":
    case "exclusiveMaximum":
    case "maxLength":
    case "maxItems":
    case "maxProperties":
      return Predicate.isNumber(left) && Predicate.isNumber(right) ? Math.min(left, right) : undefined
    case "uniqueItems":
      return left === true || right === true
    default:
      return annotations.has(key) ? left : undefined
  }
}

const propertiesOf = (left: JsonSchema.JsonSchema, right: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const merged = new Map(Object.entries(left))
  for (const [name, schema] of Object.entries(right)) {
    merged.set(name, merged.has(name) ? and(merged.get(name), schema) : schema)
  }
  return Object.fromEntries(merged)
}

const and = (left: unknown, right: unknown): unknown => {
  if (left === true || Equal.equals(left, right)) return right
  if (right === true) return left
  const merged = Predicate.isObject(left) && Predicate.isObject(right) ? merge(left, right) : undefined
  return merged ?? { allOf: [left, right] }
}

/** Every integer is a number. */
const typesOf = (left: unknown, right: unknown): unknown => {
  const of = (type: unknown) => new Set(isList(type) ? type : [type])
  const [ofLeft, ofRight] = [of(left), of(right)]
  const has = (types: ReadonlySet<unknown>, type: unknown) =>
    types.has(type) || type === "integer" && types.has("number")
  const both = [...new Set([...ofLeft, ...ofRight])].filter((type) => has(ofLeft, type) && has(ofRight, type))
  return both.length > 1 ? both : both[0]
}

const common = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>): unknown => {
  const others = new Set(right.map((value) => JSON.stringify(value)))
  const both = left.filter((value) => others.has(JSON.stringify(value)))
  return both.length === 0 ? undefined : both
}

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)
