/**
 * The local references of a JSON Schema, resolved: definitions are inlined, and only recursive ones stay in `$defs`; all of
 * them do where the inlined schema would be very large. Providers refuse references, or read few forms of them.
 */
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"

export interface Problem {
  readonly problem: string
  readonly remedy: string
}

/** A schema that is an object, not `true` or `false`. */
export type Node = Readonly<Record<string, unknown>>

/** The schema, plain data of finite depth, in the form of draft 2020-12. `strict`: objects have no other properties. */
export const resolve = (root: Node, strict: boolean): Result.Result<Node, Problem> => {
  let kept: ReadonlyMap<string, string> = new Map()
  for (;;) {
    const tried = Result.try(() => walked(root, kept, strict))
    if (Result.isFailure(tried)) return Result.fail(tooDeep)
    const walk = tried.success
    if (walk.problem !== undefined) return Result.fail(walk.problem)
    if (walk.missed.size > 0) {
      kept = named(new Set([...kept.keys(), ...walk.missed]))
      continue
    }
    const definitions = Object.fromEntries(walk.definitions)
    return Result.succeed(walk.definitions.size === 0 ? walk.schema : { ...walk.schema, $defs: definitions })
  }
}

// The stack is finite.
const tooDeep: Problem = { problem: "it is nested too deep", remedy: "Use definitions that refer to each other" }

/** Nodes of a schema that is very large. */
const mostNodes = 3_000

/** Definitions that are inlined within each other. */
const deepest = 20

/** `kept`: the names of definitions that stay, by reference; `missed`: references that have to be kept, too. */
const walked = (root: Node, kept: ReadonlyMap<string, string>, strict: boolean) => {
  const definitions = new Map<string, unknown>()
  const missed = new Set<string>()
  const refs = refsOf(root)
  const waiting: Array<() => void> = [] // definitions in a queue, not within each other: the stack is finite
  let nodes = 0
  let isLarge = false
  let problem: Problem | undefined

  const schema = (given: unknown, within: ReadonlyArray<string>): unknown => {
    if (!isObject(given) || problem !== undefined) return given
    const node: Node = given as Node
    if (++nodes > mostNodes && kept.size === 0) isLarge = refs.size > 0
    if (isLarge) return node
    const own = Object.fromEntries(
      Object.entries(node).filter(([key]) => !dropped.has(key)).map(([key, value]) => [key, member(key, value, within)])
    )
    const shaped = closed(tuple(nullable(own)), strict)
    return typeof node["$ref"] === "string" ? referred(node["$ref"], shaped, within) : shaped
  }

  const member = (key: string, value: unknown, within: ReadonlyArray<string>): unknown => {
    if (data.has(key)) return value
    if (maps.has(key) && isObject(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, schema(inner, within)]))
    }
    return Array.isArray(value) ? value.map((item) => schema(item, within)) : schema(value, within)
  }

  const referred = (ref: string, siblings: Node, within: ReadonlyArray<string>): unknown => {
    const target = follow(root, ref)
    if (target === undefined) {
      problem = {
        problem: "it has a reference that leads nowhere in the schema, or only to itself",
        remedy: "Use local references such as `#/$defs/name`, and include what they name"
      }
      return siblings
    }
    const name = kept.get(ref)
    if (name !== undefined) {
      if (!definitions.has(name)) {
        definitions.set(name, true)
        waiting.push(() => definitions.set(name, schema(target, [ref])))
      }
      return { ...siblings, $ref: `#/$defs/${name}` }
    }
    if (within.includes(ref)) {
      within.slice(within.indexOf(ref)).forEach((inner) => missed.add(inner))
      return siblings
    }
    if (within.length > deepest) {
      isLarge = true
      return siblings
    }
    return joined(schema(target, [...within, ref]), siblings)
  }

  const inlined = schema(root, ["#"])
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next()
  // An object stays one.
  return { schema: inlined as Node, definitions, problem, missed: isLarge ? refs : missed }
}

/** Keywords that no model needs once references are resolved. */
const dropped: ReadonlySet<string> = new Set(["$ref", "$defs", "definitions", "$schema", "$id", "$anchor", "$comment"])

/** Keywords with values that are no schemas. */
const data: ReadonlySet<string> = new Set(["enum", "const", "default", "examples", "required", "type"])

/** Keywords with schemas by names, which may be those of keywords. */
const maps: ReadonlySet<string> = new Set(["properties", "patternProperties", "dependentSchemas"])

/** The target of a local reference, past those that are nothing but references. */
const follow = (root: Node, ref: string): unknown => {
  const seen = new Set<string>()
  for (let next = ref;;) {
    if (seen.has(next)) return undefined
    seen.add(next)
    const target = lookup(root, next)
    if (!isObject(target)) return target
    const { $ref, ...others }: Node = target as Node
    if (typeof $ref !== "string" || Object.keys(others).length > 0) return target
    next = $ref
  }
}

/** What a JSON pointer names. */
const lookup = (root: Node, ref: string): unknown => {
  if (ref === "#") return root
  if (!ref.startsWith("#/")) return undefined
  const decoded = Result.getOrElse(Result.try(() => decodeURIComponent(ref.slice(2))), () => ref.slice(2))
  let found: unknown = root
  for (const part of decoded.split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~")
    if ((!isObject(found) && !Array.isArray(found)) || !Object.hasOwn(found, key)) return undefined
    found = (found as Node)[key]
  }
  return typeof found === "boolean" || isObject(found) ? found : undefined
}

/** A definition with the keywords beside its reference, which hold, too. */
const joined = (target: unknown, siblings: Node): unknown => {
  if (!isObject(target) || Object.keys(siblings).length === 0) return target
  const clashes = Object.keys(siblings).some((key) => !notes.has(key) && Object.hasOwn(target, key))
  return clashes ? { ...siblings, allOf: [...listOf(siblings["allOf"]), target] } : { ...target, ...siblings }
}

const notes: ReadonlySet<string> = new Set(["title", "description", "default", "examples", "deprecated"])

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** An `enum` adds nothing to `null`, and providers refuse it there. */
const nullable = (node: Node): Node => {
  if (node["type"] !== "null") return node
  const { const: _, enum: __, ...rest } = node
  return rest
}

/** The tuple of draft 07 as that of draft 2020-12. */
const tuple = (node: Node): Node => {
  const { additionalItems, items, ...rest } = node
  return Array.isArray(items)
    ? { ...rest, prefixItems: items, ...(additionalItems !== undefined && { items: additionalItems }) }
    : node
}

const closed = (node: Node, strict: boolean): Node =>
  strict && isObject(node["properties"]) && node["additionalProperties"] === undefined
    ? { ...node, additionalProperties: false }
    : node

/** Each reference in a schema. */
const refsOf = (value: unknown, refs = new Set<string>()): Set<string> => {
  if (Array.isArray(value)) { for (const item of value) refsOf(item, refs) }
  else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === "$ref" && typeof item === "string") refs.add(item)
      else refsOf(item, refs)
    }
  }
  return refs
}

/** A unique name for each reference: its last part, of letters that every provider takes. */
const named = (refs: ReadonlySet<string>): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  const used = new Set<string>()
  for (const ref of refs) {
    const stem = ref.split("/").at(-1)?.replace(/[^a-zA-Z0-9_]+/g, "_").replace(/^_*$/, "root") ?? "root"
    let name = stem
    for (let count = 2; used.has(name); count++) name = `${stem}_${count}`
    used.add(name)
    names.set(ref, name)
  }
  return names
}
