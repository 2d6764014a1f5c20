/**
 * References within a schema: `{ "$ref": "#/$defs/Address" }`. Only those into the schema itself can be resolved.
 */
import * as JsonPointer from "effect/JsonPointer"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Merge from "./Merge.ts"
import * as Subschemas from "./Subschemas.ts"
import * as Words from "./Words.ts"

/** A resolved schema. `changed`: whether any part was replaced by text. */
export interface Settled {
  readonly schema: JsonSchema.JsonSchema
  readonly changed: boolean
}

/** The target of a reference, which may be `true` or `false`; `undefined` where it cannot be resolved. */
export const find = (root: JsonSchema.JsonSchema, ref: string): JsonSchema.JsonSchema | boolean | undefined => {
  let node: unknown = root
  for (const key of JsonPointer.parseUriFragment(ref) ?? [undefined]) {
    const held: unknown = key !== undefined && Predicate.isObjectOrArray(node) && Object.hasOwn(node, key)
      ? (node as { readonly [key: string]: unknown })[key] // its own, as was just asked
      : undefined
    if (held === undefined) return undefined
    node = held
  }
  return Predicate.isObject(node) || Predicate.isBoolean(node) ? node : undefined
}

/** The path of a definition: `["$defs", "Address"]`; `undefined` for other references. */
export const definitionOf = (ref: string): readonly [container: string, name: string] | undefined => {
  const [container, name, ...deeper] = JsonPointer.parseUriFragment(ref) ?? []
  return (container === "$defs" || container === "definitions") && name !== undefined && deeper.length === 0
    ? [container, name]
    : undefined
}

/** The schema with text in place of unresolvable references, which no service could follow. */
export const settle = (root: JsonSchema.JsonSchema): Settled => {
  let changed = false
  const visit = (value: unknown): unknown => {
    if (!Predicate.isObject(value)) return value
    const node = Subschemas.map(value, visit)
    const { $ref, ...rest } = node
    if ($ref === undefined || Predicate.isString($ref) && find(root, $ref) !== undefined) return node
    changed = true
    return Words.add(rest, [`as described by ${Predicate.isString($ref) ? $ref : JSON.stringify($ref)}`])
  }
  const schema = visit(root) as JsonSchema.JsonSchema // an object becomes an object
  return changed ? { schema, changed } : { schema: root, changed }
}

/** The schema with a reference at its top resolved. */
export const openTop = (root: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const seen = new Set<unknown>()
  let top = root
  while (top["$ref"] !== undefined) {
    const { $ref, ...rest } = top
    const target = seen.has($ref) ? true : find(root, String($ref))
    seen.add($ref)
    if (target === false) return { ...rest, not: {} }
    top = Predicate.isObject(target) && target !== root ? Merge.refer(target, rest) : rest
  }
  return top
}

/** Bounds of a schema with inlined references: number of nodes, and depth of definitions. */
const mostNodes = 5_000

const deepest = 32

/**
 * A part of a schema with all definitions inlined. A recursive definition is cut, and its form is described. So is one
 * that would exceed the size bound.
 */
export const inline = (root: JsonSchema.JsonSchema, part: JsonSchema.JsonSchema): Settled => {
  let nodes = 0
  let changed = false
  const visit = (value: unknown, open: ReadonlyArray<string>): unknown => {
    if (!Predicate.isObject(value)) return value
    nodes++
    const { $defs: _, $ref, definitions: __, ...rest } = value
    const node = Subschemas.map(rest, (inner) => visit(inner, open))
    if (!Predicate.isString($ref)) return node
    const target = find(root, $ref) ?? true
    if (!Predicate.isObject(target)) return Object.keys(node).length === 0 ? target : node
    if (!open.includes($ref) && open.length < deepest && nodes < mostNodes) {
      return Merge.refer(visit(target, [...open, $ref]) as JsonSchema.JsonSchema, node) // an object becomes an object
    }
    changed = true
    return Merge.refer(cut(target, $ref), node)
  }
  const schema = visit(part, ["#", ""]) as JsonSchema.JsonSchema // an object becomes an object
  return { schema, changed }
}

/** What replaces a recursive definition within itself. */
const cut = ({ description, properties, type }: JsonSchema.JsonSchema, ref: string): JsonSchema.JsonSchema => {
  const name = definitionOf(ref)?.[1]
  const keys = Predicate.isObject(properties) ? Object.keys(properties) : []
  return Words.add(
    {
      ...(Predicate.isString(type) ? { type } : undefined),
      ...(description === undefined ? undefined : { description })
    },
    [
      `of the same form as ${name === undefined ? "what it stands in" : `the ${name} that it stands in`}` +
      (keys.length === 0 ? "" : `, with ${Words.list(keys.map((key) => JSON.stringify(key)), "and")}`)
    ]
  )
}
