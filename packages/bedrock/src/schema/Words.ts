/**
 * Describes the requirements of a schema in text, for models that read descriptions but not all keywords.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"

type Words = ReadonlyArray<string>

/** The requirements of all keywords of a node except those in `said`. Annotations have no text. */
export const of = (node: JsonSchema.JsonSchema, said: ReadonlyArray<string> = []): Words => {
  const rest = Object.fromEntries(Object.entries(node).filter(([key]) => !said.includes(key)))
  return [
    ...ofNumber(rest, node["type"]),
    ...ofSizes(rest),
    ...Object.entries(rest).flatMap(([key, value]) => {
      if (value === undefined || counted.has(key)) return []
      const phrase = phrases.get(key)
      return phrase === undefined ? demanding.has(key) ? [`${key}: ${JSON.stringify(value)}`] : [] : phrase(value)
    })
  ]
}

/** The node with texts appended to its description. */
export const add = (node: JsonSchema.JsonSchema, words: Words): JsonSchema.JsonSchema => {
  const description = join(node["description"], words)
  return description === undefined ? node : { ...node, description }
}

/** A description and texts; `undefined` when both are empty. */
export const join = (description: unknown, words: Words): string | undefined => {
  const text = Predicate.isString(description) ? description : ""
  if (words.length === 0) return Predicate.isString(description) ? description : undefined
  return text.trim() === "" ? words.join(", ") : `${text} (${words.join(", ")})`
}

/** `a`, `a or b`, `a, b or c`. */
export const list = (items: Words, conjunction: "and" | "or"): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} ${conjunction} ${items.at(-1)}`

/** A union of schemas, or all of them. */
export const choice = (keyword: "allOf" | "anyOf" | "oneOf", members: ReadonlyArray<unknown>): string => {
  const required = members.map(onlyRequired)
  if (required.every((names) => names !== undefined)) {
    const sets = required.map((names) => list(names.map((name) => JSON.stringify(name)), "and"))
    return keyword === "allOf"
      ? `give ${list(sets, "and")}`
      : `give ${keyword === "oneOf" ? "exactly" : "at least"} one of these: ${sets.join("; or ")}`
  }
  const schemas = members.map((member) => JSON.stringify(member))
  return keyword === "allOf"
    ? `fits ${list(schemas, "and")}`
    : `fits ${keyword === "oneOf" ? "exactly" : "at least"} one of these JSON schemas: ${list(schemas, "or")}`
}

/** The names required by a schema that requires nothing else. */
const onlyRequired = (schema: unknown): Words | undefined => {
  if (!Predicate.isObject(schema)) return undefined
  const { required, type = "object", ...rest } = schema
  return type === "object" && Object.keys(rest).length === 0 && isTexts(required) && required.length > 0
    ? required
    : undefined
}

/** Keywords that are described together. */
const counted: ReadonlySet<string> = new Set([
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties"
])

const phrases: ReadonlyMap<string, (value: unknown) => Words> = new Map(Object.entries({
  multipleOf: (value: unknown) => [`a multiple of ${JSON.stringify(value)}`],
  pattern: (value: unknown) => [`matches ${String(value)}`],
  format: (value: unknown) => [`in the format ${String(value)}`],
  uniqueItems: (value: unknown) => value === true ? ["no item twice"] : [],
  contentEncoding: (value: unknown) => [`encoded as ${String(value)}`],
  contentMediaType: (value: unknown) => [`holding ${String(value)}`],
  examples: (value: unknown) => Array.isArray(value) && value.length > 0 ? [`for example ${texts(value)}`] : [],
  enum: (value: unknown) => Array.isArray(value) ? [`one of ${texts(value)}`] : [],
  const: (value: unknown) => [`always ${JSON.stringify(value)}`],
  prefixItems: (value: unknown) => Array.isArray(value) ? [`in this order: ${value.map(ofItem).join(", ")}`] : [],
  additionalProperties: (value: unknown) =>
    Predicate.isObject(value) && Object.keys(value).length > 0
      ? [`any further property fits ${JSON.stringify(value)}`]
      : []
}))

const texts = (values: ReadonlyArray<unknown>): string => values.map((value) => JSON.stringify(value)).join(", ")

/** Keywords without a phrase of their own that require something. */
const demanding: ReadonlySet<string> = new Set([
  "contains",
  "minContains",
  "maxContains",
  "propertyNames",
  "patternProperties",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "unevaluatedItems",
  "unevaluatedProperties",
  "contentSchema",
  "not",
  "if",
  "then",
  "else",
  "$dynamicRef"
])

const ofNumber = (node: JsonSchema.JsonSchema, type: unknown): Words => {
  const [least, above] = bound(node["minimum"], node["exclusiveMinimum"], Number.MIN_SAFE_INTEGER)
  const [most, below] = bound(node["maximum"], node["exclusiveMaximum"], Number.MAX_SAFE_INTEGER)
  const noun = type === "integer" ? "a whole number" : "a number"
  if (least !== undefined && most !== undefined) return [`${noun} from ${least} to ${most}`]
  const limits = [
    ...(least === undefined ? [] : [`of at least ${least}`]),
    ...(above === undefined ? [] : [`greater than ${above}`]),
    ...(most === undefined ? [] : [`of at most ${most}`]),
    ...(below === undefined ? [] : [`less than ${below}`])
  ]
  return limits.length === 0 ? [] : [`${noun} ${list(limits, "and")}`]
}

/**
 * A bound, and one that is itself excluded. Older drafts exclude by `true`; the bounds of safe integers are no
 * restriction.
 */
const bound = (inclusive: unknown, exclusive: unknown, unbounded: number): readonly [unknown, unknown] => {
  const value = inclusive === unbounded ? undefined : inclusive
  return exclusive === true
    ? [undefined, value]
    : [value, exclusive === false || exclusive === unbounded ? undefined : exclusive]
}

const ofSizes = (node: JsonSchema.JsonSchema): Words => [
  ...ofSize(node["minLength"], node["maxLength"], "character"),
  ...ofSize(node["minItems"], node["maxItems"], "item"),
  ...ofSize(node["minProperties"], node["maxProperties"], "property")
]

const ofSize = (least: unknown, most: unknown, noun: string): Words => {
  const count = (number: unknown) =>
    `${JSON.stringify(number)} ${number === 1 ? noun : noun === "property" ? "properties" : `${noun}s`}`
  if (least === undefined || least === 0) return most === undefined ? [] : [`at most ${count(most)}`]
  if (most === undefined) return [`at least ${count(least)}`]
  return least === most ? [`exactly ${count(least)}`] : [`${JSON.stringify(least)} to ${count(most)}`]
}

/** One item of a tuple. */
const ofItem = (schema: unknown): string => {
  if (!Predicate.isObject(schema)) return "anything"
  const { description, title: _, type, ...rest } = schema
  const noun = nouns.get(type)
  if (noun === undefined || Object.keys(rest).some((key) => !counted.has(key) && !phrases.has(key))) {
    return JSON.stringify(schema)
  }
  return join(Predicate.isString(description) ? `${noun}: ${description}` : noun, of(rest)) ?? noun
}

const nouns: ReadonlyMap<unknown, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["integer", "a whole number"],
  ["boolean", "true or false"],
  ["null", "null"]
])

const isTexts = (value: unknown): value is Words => Array.isArray(value) && value.every(Predicate.isString)
