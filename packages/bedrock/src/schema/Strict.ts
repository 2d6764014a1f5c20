/**
 * A JSON Schema in the subset that Bedrock enforces, or `undefined` where the subset cannot express it.
 *
 * Restrictions (lengths, ranges, patterns) move to descriptions: the model reads them there, and the decoder of the
 * answer checks them. Records, recursion and "anything" have no counterpart, and no restriction replaces them: a model
 * bound by it could not write what was requested. Source: the page on structured output in the user guide of Bedrock.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Merge from "./Merge.ts"
import * as References from "./References.ts"
import * as Words from "./Words.ts"

/** A schema of type `object` that the service accepts, except for its size: see `StrictLimits`. */
export const make = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema | undefined => {
  const { $defs: _, definitions: __, ...top } = schema
  const writer = makeWriter(schema)
  const written = writer.write(top)
  if (written?.["type"] !== "object") return undefined
  return { ...written, ...writer.definitions() }
}

type Node = JsonSchema.JsonSchema

type Written = Node | undefined

/** Bounds of a grammar, so that inlined definitions cannot grow without end. */
const mostNodes = 5_000

const mostLevels = 300

const makeWriter = (root: Node) => {
  const definitions = new Map<string, Map<string, Written>>()
  /** references being resolved: meeting one again is recursion */
  const open = new Set(["#", ""])
  let nodes = 0
  let level = 0

  const write = (node: unknown): Written => {
    if (++nodes > mostNodes || level > mostLevels || !Predicate.isObject(node)) return undefined
    level++
    const written = Object.keys(node).some((key) => unsupported.has(key)) ? undefined : writeNode(node)
    level--
    return written
  }

  const writeNode = (node: Node): Written => {
    const { $ref, allOf, anyOf, oneOf, type, ...rest } = node
    if ($ref !== undefined) return reference(String($ref), node)
    if (allOf !== undefined) return intersection(node, allOf)
    if (anyOf !== undefined || oneOf !== undefined) {
      // a combination of both, or of one with a structure, is more than a union
      return anyOf !== undefined && oneOf !== undefined || Object.keys(rest).some((key) => structural.has(key))
        ? undefined
        : choice(rest, asArray(anyOf ?? oneOf))
    }
    if (type === "object") return object(rest)
    if (type === "array") return array(rest)
    if (!Array.isArray(type) || "enum" in node || "const" in node) return scalar(rest, type)
    if (type.length < 2) return type.length === 0 ? undefined : writeNode({ ...node, type: type[0] })
    if (type.every(isScalarType)) return describe(node, { type }, [])
    const { default: _, description, title, ...each } = rest
    return choice({ description, title }, type.map((type) => ({ ...each, type })))
  }

  /** Definitions stay where they are; keywords beside a reference need an inlined copy. */
  const reference = (ref: string, node: Node): Written => {
    const { $ref: _, ...beside } = node
    const target = References.find(root, ref)
    if (!Predicate.isObject(target) || open.has(ref)) return undefined
    const definition = References.definitionOf(ref)
    if (definition === undefined || Object.keys(beside).length > 0) {
      open.add(ref)
      const written = write(Merge.refer(target, beside))
      open.delete(ref)
      return written
    }
    const [container, name] = definition
    const known = definitions.get(container) ?? new Map<string, Written>()
    definitions.set(container, known)
    if (!known.has(name)) {
      open.add(ref)
      known.set(name, write(target))
      open.delete(ref)
    }
    return known.get(name) && { $ref: ref }
  }

  const choice = (node: Node, members: ReadonlyArray<unknown>): Written => {
    const [first, ...others] = members
    if (Predicate.isObject(first) && others.length === 0) return write(withDescription(first, node))
    const anyOf = all(members)
    return anyOf && describe(node, { anyOf }, [])
  }

  /** A node with restrictions. Those that cannot be merged are described. */
  const intersection = (node: Node, members: unknown): Written => {
    let { allOf: _, ...merged } = node
    const told: Array<string> = []
    const followed: Array<string> = []
    for (const member of asArray(members)) {
      const restriction = follow(member, followed)
      if (restriction === undefined) return undefined
      const both = Merge.merge(merged, restriction)
      if (both !== undefined) merged = both
      else if (Object.keys(restriction).some((key) => structural.has(key))) return undefined
      else told.push(Words.join(restriction["description"], Words.of({ ...restriction, type: merged["type"] })) ?? "")
    }
    for (const ref of followed) open.add(ref)
    const written = write(merged)
    for (const ref of followed) open.delete(ref)
    return written && Words.add(written, told.filter((text) => text !== ""))
  }

  /** A schema, or the target of its reference. */
  const follow = (schema: unknown, followed: Array<string>): Node | undefined => {
    if (!Predicate.isObject(schema)) return undefined
    const { $ref, ...beside } = schema
    if ($ref === undefined) return schema
    const ref = String($ref)
    const target = open.has(ref) ? undefined : References.find(root, ref)
    followed.push(ref)
    return Predicate.isObject(target) && target["$ref"] === undefined ? Merge.merge(target, beside) : undefined
  }

  /** Objects list all their properties. */
  const object = (node: Node): Written => {
    const { additionalProperties, patternProperties, properties = {}, required = [] } = node
    if (
      Predicate.isObject(additionalProperties) || patternProperties !== undefined || !Predicate.isObject(properties)
    ) {
      return undefined
    }
    const names = Object.keys(properties)
    if (names.length === 0 && additionalProperties !== false) return undefined
    if (!Array.isArray(required) || required.some((name) => !Object.hasOwn(properties, name))) return undefined
    const written = names.length === 0 ? [] : all(Object.values(properties))
    return written && describe(
      node,
      {
        type: "object",
        properties: Object.fromEntries(written.map((property, index) => [names[index], property])),
        ...(node["required"] === undefined ? undefined : { required }),
        additionalProperties: false
      },
      ["properties", "required", "additionalProperties"]
    )
  }

  /** Array items have one schema: tuple items are a union. */
  const array = (node: Node): Written => {
    const { items, minItems, prefixItems = Array.isArray(items) ? items : undefined } = node
    const kinds = all([...asArray(prefixItems), ...(Predicate.isObject(items) ? [items] : [])])
    if (kinds === undefined) return undefined
    const different = kinds.length < 2
      ? kinds
      : [...new Map(kinds.map((kind) => [JSON.stringify(kind), kind])).values()]
    const isSaid = minItems === 0 || minItems === 1
    return describe(
      { ...node, prefixItems },
      {
        type: "array",
        items: different.length === 1 ? different[0] : { anyOf: different },
        ...(isSaid ? { minItems } : undefined)
      },
      different.length === 1 ? ["items", "prefixItems", ...(isSaid ? ["minItems"] : [])] : ["items"]
    )
  }

  /** The results for each, if all have one; `undefined` for an empty list. */
  const all = (members: ReadonlyArray<unknown>): Array<Node> | undefined => {
    const written: Array<Node> = []
    for (const member of members) {
      const one = write(member)
      if (one === undefined) return undefined
      written.push(one)
    }
    return written.length === 0 ? undefined : written
  }

  return {
    write,
    definitions: (): Node =>
      Object.fromEntries(
        Array.from(definitions, ([container, known]) => [container, Object.fromEntries(known)])
      )
  }
}

const scalar = (node: Node, type: unknown): Written => {
  const { enum: choices, format } = node
  const isConstant = "const" in node
  const values = [...asArray(choices), ...(isConstant ? [node["const"]] : [])]
  if (values.length === 0 ? choices !== undefined || !isScalarType(type) : !values.every(isScalar)) return undefined
  const isSaid = type === "string" && Predicate.isString(format) && formats.has(format)
  return describe(
    node,
    {
      ...(isScalarType(type) ? { type } : undefined),
      ...(Array.isArray(choices) ? { enum: choices } : undefined),
      ...(isConstant ? { const: node["const"] } : undefined),
      ...(isSaid ? { format } : undefined)
    },
    ["enum", "const", ...(isSaid ? ["format"] : [])]
  )
}

/** The written node, described with the node's annotations and with all keywords that are not in `said`. */
const describe = (node: Node, written: Node, said: ReadonlyArray<string>): Node => {
  const { default: preset, title } = node
  const text = Words.join(node["description"], Words.of({ type: written["type"], ...node }, said))
  return {
    ...written,
    ...(Predicate.isString(title) ? { title } : undefined),
    ...(text === undefined ? undefined : { description: text }),
    ...(preset === undefined ? undefined : { default: preset })
  }
}

const withDescription = (node: Node, { description, title }: Node): Node => ({
  ...node,
  ...(description === undefined ? undefined : { description }),
  ...(title === undefined ? undefined : { title })
})

const asArray = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

const isScalarType = (type: unknown): boolean =>
  type === "string" || type === "number" || type === "integer" || type === "boolean" || type === "null"

const formats: ReadonlySet<string> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid"
])

/** Keywords the subset cannot express. */
const unsupported: ReadonlySet<string> = new Set([
  "$dynamicRef",
  "$recursiveRef",
  "not",
  "if",
  "then",
  "else",
  "dependentSchemas",
  "dependencies"
])

/** Keywords that make a node more than a restriction of another. */
const structural: ReadonlySet<string> = new Set([
  ...unsupported,
  "$ref",
  "type",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "items",
  "prefixItems",
  "anyOf",
  "oneOf",
  "allOf",
  "enum",
  "const"
])
