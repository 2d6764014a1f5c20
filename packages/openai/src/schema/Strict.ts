/**
 * A JSON Schema in the dialect that OpenAI enforces (`strict`), and the way back; or `undefined` where there is none.
 *
 * The dialect wants every member of an object. One that may be missing becomes nullable, and its `null` is taken out of the
 * answer again. What the dialect cannot express is not approximated: records, open objects, tuples, "anything", and members whose
 * `null` would mean two things: one that may be missing, too. Restrictions it does not know move to descriptions, since the decoder of the answer checks them.
 * https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Shape from "./Shape.ts"

/** The schema, and what to take out of an answer. */
export interface Strict {
  readonly schema: JsonSchema.JsonSchema
  readonly shape: Shape.Shape
}

type Node = JsonSchema.JsonSchema

const mostLevels = 10

const mostMembers = 5000

const mostChoices = 1000

/** The schema of an object in the dialect. */
export const make = (schema: JsonSchema.JsonSchema): Strict | undefined => {
  const root = schema
  const shape = Shape.empty()
  const shapes = new Map<string, Shape.Shape>()
  const definitions = new Map<string, Node | undefined>()
  let members = 0
  let choices = 0

  const write = (node: unknown, into: Shape.Shape, level: number): Node | undefined => {
    if (!Predicate.isObject(node) || level > mostLevels) return undefined
    const keys = Object.keys(node)
    if (keys.some((key) => unsupported.has(key))) return undefined
    const { $ref, allOf, anyOf, oneOf, type } = node as Node
    if ($ref !== undefined) {
      return keys.every((key) => key === "$ref" || annotations.has(key)) ? refer($ref, into) : undefined
    }
    if (allOf !== undefined) return restricted(node as Node, allOf, into, level)
    if (anyOf !== undefined || oneOf !== undefined) {
      const isUnion = (anyOf === undefined || oneOf === undefined) &&
        keys.every((key) => key === "anyOf" || key === "oneOf" || annotations.has(key))
      const written = isUnion ? all(anyOf ?? oneOf, into, level) : undefined
      return written && described(node as Node, { anyOf: written }, [])
    }
    if (type === "object") return object(node as Node, into, level)
    if (type === "array") return list(node as Node, into, level)
    if (Array.isArray(type) && type.some((each) => each === "object" || each === "array")) {
      const { description, title, ...rest } = node as Node
      const written = all(type.map((each) => each === "null" ? { type: each } : { ...rest, type: each }), into, level)
      return written && described({ description, title }, { anyOf: written }, [])
    }
    return scalar(node as Node)
  }

  const all = (nodes: unknown, into: Shape.Shape, level: number): ReadonlyArray<Node> | undefined => {
    if (!Array.isArray(nodes) || nodes.length === 0) return undefined
    const written: Array<Node> = []
    for (const node of nodes) {
      const shape = Shape.empty()
      const one = write(node, shape, level)
      if (one === undefined) return undefined
      into.alternatives.push(shape)
      written.push(one)
    }
    return written
  }

  /** References stay, and so do definitions. */
  const refer = ($ref: unknown, into: Shape.Shape): Node | undefined => {
    if ($ref === "#") {
      into.alternatives.push(shape)
      return { $ref }
    }
    const [, name] = /^#\/(?:\$defs|definitions)\/([^/~%]+)$/.exec(String($ref)) ?? []
    const target = name === undefined ? undefined : definitionOf(root, name)
    if (name === undefined || target === undefined) return undefined
    const own = shapes.get(name) ?? Shape.empty()
    into.alternatives.push(own)
    if (!definitions.has(name)) {
      shapes.set(name, own)
      definitions.set(name, {})
      definitions.set(name, write(target, own, 1))
    }
    return definitions.get(name) && { $ref: `#/$defs/${name}` }
  }

  const object = (node: Node, into: Shape.Shape, level: number): Node | undefined => {
    const { additionalProperties, properties = {}, required = [] } = node
    if (!Predicate.isObject(properties) || !Array.isArray(required)) return undefined
    const names = Object.keys(properties)
    const isClosed = additionalProperties === false || additionalProperties === undefined && names.length > 0
    if (!isClosed || required.some((name) => !Object.hasOwn(properties, name))) return undefined
    members += names.length
    if (members > mostMembers) return undefined
    const written: Array<readonly [string, Node]> = []
    for (const name of names) {
      const property: unknown = properties[name]
      const shape = Shape.empty()
      const one = write(property, shape, level + 1)
      if (one === undefined) return undefined
      const isNullable = acceptsNull(property, root)
      const isErased = !required.includes(name)
      if (isNullable && isErased) return undefined
      into.members.set(name, { erased: isErased, kept: isNullable, shape })
      written.push([name, isErased ? nullable(one) : one])
    }
    return described(
      node,
      { type: "object", properties: Object.fromEntries(written), required: names, additionalProperties: false },
      ["properties", "required", "additionalProperties"]
    )
  }

  const list = (node: Node, into: Shape.Shape, level: number): Node | undefined => {
    const { items, prefixItems } = node
    if (prefixItems !== undefined || !Predicate.isObject(items) || Array.isArray(items)) return undefined
    const shape = Shape.empty()
    const written = write(items, shape, level + 1)
    into.items.push(shape)
    return written && described(node, { type: "array", items: written }, ["items"])
  }

  const scalar = (node: Node): Node | undefined => {
    const { const: constant, enum: given, type } = node
    const values = Array.isArray(given) ? given : "const" in node ? [constant] : []
    choices += values.length
    if (choices > mostChoices || values.some((value) => typeof value === "object" && value !== null)) return undefined
    if (values.length === 0 && !isScalarType(type)) return undefined
    const kept = Object.fromEntries(["type", "enum", "const"].flatMap((key) => key in node ? [[key, node[key]]] : []))
    return described(node, kept, ["enum", "const"])
  }

  /** Members of `allOf` that only restrict are merged. */
  const restricted = (node: Node, allOf: unknown, into: Shape.Shape, level: number): Node | undefined => {
    let { allOf: _, ...merged } = node
    for (const member of Array.isArray(allOf) ? allOf as ReadonlyArray<unknown> : [undefined]) {
      if (!Predicate.isObject(member)) return undefined
      const isSame = Object.keys(member).every((key) => !(key in merged) || key === "description" || key === "type")
      if (!isSame || Object.keys(member).some((key) => structural.has(key) && key in merged)) return undefined
      merged = { ...member, ...merged }
    }
    return write(merged, into, level)
  }

  const written = write(top(root), shape, 1)
  const isWritten = written?.["type"] === "object" && [...definitions.values()].every((each) => each !== undefined)
  if (!isWritten || !Shape.isClear(shape)) return undefined
  return {
    schema: definitions.size === 0 ? written : { ...written, $defs: Object.fromEntries(definitions) },
    shape
  }
}

/** Without what is written elsewhere. */
const top = ({ $defs: _, definitions: __, ...rest }: Node): Node => rest

const definitionOf = (root: Node, name: string): unknown =>
  [root["$defs"], root["definitions"]].map((all) =>
    Predicate.isObject(all) && Object.hasOwn(all, name) ? all[name] : undefined
  )
    .find((found) => found !== undefined)

const nullable = (node: Node): Node =>
  typeof node["type"] === "string" && isScalarType(node["type"]) && !("enum" in node) && !("const" in node)
    ? { ...node, type: [node["type"], "null"] }
    : { anyOf: [node, { type: "null" }] }

const acceptsNull = (node: unknown, root: Node, level = 0): boolean => {
  if (!Predicate.isObject(node) || level > mostLevels) return false
  const { $ref, anyOf, const: constant, enum: values, oneOf, type } = node as Node
  if (typeof $ref === "string") {
    return acceptsNull(definitionOf(root, $ref.slice($ref.lastIndexOf("/") + 1)), root, level + 1)
  }
  const members = anyOf ?? oneOf
  if (Array.isArray(members)) return members.some((member) => acceptsNull(member, root, level + 1))
  if (Array.isArray(values)) return values.includes(null)
  return type === "null" || Array.isArray(type) && type.includes("null") || "const" in node && constant === null
}

/** The written node with its annotations; restrictions that the dialect does not know are told in the description. */
const described = (node: Node, written: Node, said: ReadonlyArray<string>): Node => {
  const kept: Record<string, unknown> = {}
  const told: Array<string> = typeof node["description"] === "string" ? [node["description"]] : []
  for (const [key, value] of Object.entries(node)) {
    if (value === undefined || said.includes(key) || key in written || annotations.has(key) || silent.has(key)) continue
    if (restrictions.has(key) || key === "format" && formats.has(String(value))) kept[key] = value
    else told.push(`${key}: ${JSON.stringify(value)}`)
  }
  return {
    ...written,
    ...kept,
    ...(typeof node["title"] === "string" ? { title: node["title"] } : undefined),
    ...(told.length === 0 ? undefined : { description: told.join("\n") })
  }
}

const isScalarType = (type: unknown): boolean =>
  Array.isArray(type)
    ? type.length > 0 && type.every(isScalarType)
    : type === "string" || type === "number" || type === "integer" || type === "boolean" || type === "null"

const annotations: ReadonlySet<string> = new Set([
  "description",
  "title",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "$comment",
  "$schema",
  "$id"
])

const silent: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "$defs", "definitions"])

const restrictions: ReadonlySet<string> = new Set([
  "pattern",
  "multipleOf",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minItems",
  "maxItems"
])

const formats: ReadonlySet<string> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid"
])

const structural: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "items",
  "enum",
  "const",
  "$ref",
  "anyOf",
  "oneOf"
])

/** Keywords that the dialect does not have, and that no description replaces. */
const unsupported: ReadonlySet<string> = new Set([
  "not",
  "if",
  "then",
  "else",
  "dependentSchemas",
  "dependentRequired",
  "dependencies",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
  "$dynamicRef",
  "$recursiveRef"
])
