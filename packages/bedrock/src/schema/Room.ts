/**
 * The remaining limits of strict schemas in one request: strict tools and the response format together.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type { StrictLimits } from "../catalog/Capabilities.ts"
import * as References from "./References.ts"

/** The remaining limits; see {@link make}. */
export interface Room {
  readonly takes: (schema: JsonSchema.JsonSchema, as: "tool" | "answer") => boolean
}

/** Anthropic's documented limits for Claude. They are the default for other models: little is lost beyond them. */
const limits = { tools: 20, optional: 24, unions: 16 }

/** Accepts strict schemas, first come, first served, while the limits allow it. A refused one uses nothing. */
export const make = (
  { optional = limits.optional, tools = limits.tools, unions = limits.unions }: StrictLimits = {}
): Room => {
  const left = { tools, optional, unions }
  return {
    takes: (schema, as) => {
      const size = measure(schema)
      const count = as === "tool" ? 1 : 0
      if (count > left.tools || size.optional > left.optional || size.unions > left.unions) return false
      left.tools -= count
      left.optional -= size.optional
      left.unions -= size.unions
      return true
    }
  }
}

interface Size {
  readonly optional: number
  readonly unions: number
}

/** A definition counts at each use. */
const measure = (root: JsonSchema.JsonSchema): Size => {
  const known = new Map<string, Size>()
  const ofReference = (ref: string): Size => {
    const size = known.get(ref) ?? of(References.find(root, ref))
    known.set(ref, size)
    return size
  }
  const of = (node: unknown): Size => {
    if (!Predicate.isObject(node)) return nothing
    const { $ref, anyOf, items, properties, required, type } = node
    if (Predicate.isString($ref)) return ofReference($ref)
    const members = Array.isArray(anyOf) ? anyOf : []
    const fields = Predicate.isObject(properties) ? properties : {}
    const isUnion = members.length > 1 || Array.isArray(type) && type.length > 1
    const sizes = [...members, items, ...Object.values(fields)].map(of)
    return {
      optional: sum(sizes.map(({ optional }) => optional)) +
        Object.keys(fields).length - (Array.isArray(required) ? required.length : 0),
      unions: sum(sizes.map(({ unions }) => unions)) + (isUnion ? 1 : 0)
    }
  }
  return of(root)
}

const nothing: Size = { optional: 0, unions: 0 }

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)
