/**
 * Adapts the schema of a tool's arguments to models that restrict its top level: the keywords allowed there, and
 * combinators. What is not allowed is moved to an allowed place, or described in text.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type { ToolSchemas } from "../catalog/Capabilities.ts"
import * as Merge from "./Merge.ts"
import * as References from "./References.ts"
import * as Words from "./Words.ts"

/**
 * - `schema`: as the model accepts it.
 * - `description`: text for the description of the tool, for what the schema has no place for.
 * - `told`: whether any keyword was replaced by text.
 */
export interface Fitted {
  readonly schema: Node
  readonly description?: string | undefined
  readonly told: boolean
}

type Node = JsonSchema.JsonSchema

/** Adapts a schema of type `object`. */
export const fit = (schema: Node, { topCombinators, topKeywords }: ToolSchemas = {}): Fitted => {
  if (topKeywords === undefined) {
    if (topCombinators !== false) return { schema, told: false }
    const { schema: flat, words } = withoutCombinators(schema, (member) => member)
    return { schema: Words.add(flat, words), told: words.length > 0 }
  }
  const { schema: flat, words } = withoutCombinators(schema, (member) => References.inline(schema, member).schema)
  const { changed, schema: whole } = References.inline(schema, flat)
  const unsaid = Words.of(whole, topKeywords)
  return {
    schema: Object.fromEntries(Object.entries(whole).filter(([key]) => topKeywords.includes(key))),
    description: Words.join(whole["description"], [...words, ...unsaid]),
    told: changed || words.length + unsaid.length > 0
  }
}

interface Flat {
  readonly schema: Node
  readonly words: ReadonlyArray<string>
}

/** Each merge copies the schema; further ones are described in text. */
const mostMerges = 100

/**
 * Merges `allOf` where one schema can express it, else describes it. Of a union the properties are kept, and the
 * combinations are described. `spell` gives the member to describe.
 */
const withoutCombinators = (root: Node, spell: (member: Node) => Node): Flat => {
  const words: Array<string> = []
  const demanded = new Set<unknown>()
  let schema: Node = {}
  let merges = 0

  const demandAll = (members: ReadonlyArray<unknown>): void => {
    for (const member of members) {
      const ref = Predicate.isObject(member) ? member["$ref"] : undefined
      if (ref !== undefined && demanded.has(ref)) continue
      demanded.add(ref)
      demand(open(root, member))
    }
  }

  const demand = (member: Node): void => {
    const { allOf = [], anyOf, oneOf, type: _, ...rest } = member
    if (++merges > mostMerges) {
      words.push(Words.choice("allOf", [spell(member)]))
      return
    }
    const merged = Merge.merge(schema, rest)
    schema = merged ?? offer(schema, [rest])
    if (merged === undefined) words.push(Words.choice("allOf", [spell(rest)]))
    demandAll(asArray(allOf))
    if (anyOf !== undefined) choose("anyOf", asArray(anyOf))
    if (oneOf !== undefined) choose("oneOf", asArray(oneOf))
  }

  const choose = (keyword: "anyOf" | "oneOf", members: ReadonlyArray<unknown>): void => {
    // Arguments are always an object.
    const kinds = members.map((member) => open(root, member)).filter(isOfObjects)
    const [first, ...others] = kinds.map(({ type: _, ...rest }) => rest)
    if (first === undefined || keyword === "anyOf" && kinds.some(isAnything)) return
    if (others.length === 0) return demand(first)
    schema = offer(schema, [first, ...others])
    words.push(Words.choice(keyword, [first, ...others].map(spell)))
  }

  if (["allOf", "anyOf", "oneOf"].every((keyword) => root[keyword] === undefined)) return { schema: root, words }
  demand(root)
  return { schema: { type: "object", ...schema }, words }
}

/** A member with its reference resolved; a reference to the root adds nothing. */
const open = (root: Node, member: unknown): Node => {
  if (!Predicate.isObject(member)) return member === false ? { not: {} } : {}
  const { $ref, ...beside } = member
  const target = Predicate.isString($ref) ? References.find(root, $ref) : undefined
  return Predicate.isObject(target) && target !== root ? Merge.refer(target, beside) : beside
}

const isOfObjects = ({ type = "object" }: Node): boolean =>
  type === "object" || Array.isArray(type) && type.includes("object")

const isAnything = ({ description: _, title: __, type: ___, ...demands }: Node): boolean =>
  Object.keys(demands).length === 0

/** The schema with the properties of all alternatives. A property is required if every alternative requires it. */
const offer = (schema: Node, alternatives: ReadonlyArray<Node>): Node => {
  const known = Predicate.isObject(schema["properties"]) ? schema["properties"] : {}
  const offered = new Map<string, Map<string, unknown>>()
  const requiredBy = new Map<unknown, number>()
  for (const { properties, required } of alternatives) {
    for (const [name, property] of Predicate.isObject(properties) ? Object.entries(properties) : []) {
      if (Object.hasOwn(known, name)) continue
      const kinds = offered.get(name) ?? new Map<string, unknown>()
      offered.set(name, kinds.set(JSON.stringify(property), property))
    }
    for (const name of new Set(asArray(required))) requiredBy.set(name, (requiredBy.get(name) ?? 0) + 1)
  }
  const required = new Set(asArray(schema["required"]))
  for (const [name, count] of requiredBy) if (count === alternatives.length) required.add(name)
  const added = Array.from(offered, ([name, kinds]) => {
    const [first, ...others] = kinds.values()
    return [name, others.length === 0 ? first : { anyOf: [first, ...others] }] as const
  })
  return {
    ...schema,
    properties: Object.fromEntries([...Object.entries(known), ...added]),
    ...(required.size === 0 ? undefined : { required: [...required] })
  }
}

const asArray = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []
