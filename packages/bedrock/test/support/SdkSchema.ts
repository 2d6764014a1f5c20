/**
 * What the SDK's own schemas say of an output: a JSON with every member in it, and whether a value has the declared types.
 *
 * The schemas are arrays: `[3 structure | 4 union | -3 exception, …, names, members]`, `[1 list, …, item]`, `[2 map, …, key, value]`,
 * `[0, …, simple]`, numbers for simple types, functions for those declared later, and pairs of any of them with traits.
 */
import * as Predicate from "effect/Predicate"

/** A schema as the SDK exports it. */
export type SdkSchema = unknown

type Node =
  | { readonly kind: "structure" | "union"; readonly members: ReadonlyArray<readonly [string, SdkSchema]> }
  | { readonly kind: "list" | "map"; readonly item: SdkSchema }
  | { readonly kind: "text" | "number" | "boolean" | "bytes" | "json" }

const simple: Readonly<Record<number, Node>> = {
  0: { kind: "text" },
  1: { kind: "number" },
  2: { kind: "boolean" },
  15: { kind: "json" },
  21: { kind: "bytes" }
}

const normalize = (schema: SdkSchema): Node => {
  if (Predicate.isFunction(schema)) return normalize(schema())
  if (Predicate.isNumber(schema)) {
    const node = simple[schema]
    if (node !== undefined) return node
    return schema >= 128 ? { kind: "map", item: schema - 128 } : { kind: "list", item: schema - 64 }
  }
  if (!Array.isArray(schema)) throw new Error(`no schema: ${String(schema)}`)
  const [kind, , , , first, second] = schema
  if (schema.length === 2) return normalize(kind)
  switch (kind) {
    case 0:
      return normalize(first)
    case 1:
      return { kind: "list", item: first }
    case 2:
      return { kind: "map", item: second }
    case -3:
    case 3:
    case 4: {
      const names: ReadonlyArray<string> = first
      const members: ReadonlyArray<SdkSchema> = second
      return { kind: kind === 4 ? "union" : "structure", members: names.map((name, index) => [name, members[index]]) }
    }
    default:
      throw new Error(`no schema of a value: ${kind}`)
  }
}

/** JSON with every member of a schema: a list has an item for each alternative of a union in it. */
export const sample = (schema: SdkSchema): unknown => samples(schema)[0]

/** The members of a union, each with JSON of all its alternatives. */
export const alternatives = (schema: SdkSchema): ReadonlyArray<readonly [name: string, value: unknown]> => {
  const node = normalize(schema)
  return "members" in node
    ? node.members.flatMap(([name, member]) => samples(member).map((value) => [name, value] as const))
    : []
}

/** A decoded value as it is on the wire. */
export const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if (Array.isArray(value)) return value.map(toJson)
  if (!Predicate.isObject(value)) return value
  const fields = Object.entries(value).filter(([name, field]) => name !== "$metadata" && field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, toJson(field)]))
}

const samples = (schema: SdkSchema): ReadonlyArray<unknown> => {
  const node = normalize(schema)
  switch (node.kind) {
    case "text":
      return ["text"]
    case "number":
      return [7]
    case "boolean":
      return [true]
    case "bytes":
      return ["AQID"]
    case "json":
      return [{ a: [1, "b", null, { c: true }] }]
    case "list":
      return [samples(node.item)]
    case "map":
      return [{ one: samples(node.item)[0], two: samples(node.item)[0] }]
    case "structure": {
      // as many as the member with the most alternatives has
      const members = node.members.map(([name, member]) => [name, samples(member)] as const)
      const count = Math.max(1, ...members.map(([, values]) => values.length))
      return Array.from(
        { length: count },
        (_, index) => Object.fromEntries(members.map(([name, values]) => [name, values[index % values.length]]))
      )
    }
    case "union":
      return node.members.flatMap(([name, member]) => samples(member).map((value) => ({ [name]: value })))
  }
}

/** An input of a schema, of random members and values; `next` gives numbers from 0 to 1. */
export const random = (schema: SdkSchema, next: () => number, depth = 0): unknown => {
  const node = normalize(schema)
  const below = (count: number) => Math.floor(next() * count)
  const one = <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!
  const json = (depth: number): unknown =>
    one([
      () => one([null, true, false, 0, -1.5, 1e21, 2 ** 53, "", "\u2028", "a\"\\b"]),
      () => depth > 2 ? 1 : Array.from({ length: below(3) }, () => json(depth + 1)),
      () => depth > 2 ? "x" : { [one(["a", "é", "__proto__x"])]: json(depth + 1), u: undefined }
    ])()
  switch (node.kind) {
    case "text":
      return one(["", "text", "a b  c", "ünï/cödé", "\n\u0000\ud83d\ude00", "\ud800", "x".repeat(below(300))])
    case "number":
      return one([0, 1, -1, 0.1, 1e-7, 4096])
    case "boolean":
      return next() < 0.5
    case "bytes":
      return Uint8Array.from({ length: below(40) }, () => below(256))
    case "json":
      return json(0)
    case "list":
      return Array.from({ length: depth > 6 ? 0 : below(4) }, () => random(node.item, next, depth + 1))
    case "map":
      return Object.fromEntries(
        Array.from({ length: below(3) }, (_, index) => [`k${index} é`, random(node.item, next, depth + 1)])
      )
    case "structure":
      return Object.fromEntries(
        node.members.filter(() => next() < 0.6).map(([name, member]) => [name, random(member, next, depth + 1)])
      )
    case "union": {
      const [name, member] = one(node.members)
      return { [name]: random(member, next, depth + 1) }
    }
  }
}

/** Where a decoded value has another type than the schema says; members that are missing are no problem. */
export const problems = (schema: SdkSchema, value: unknown, path = ""): ReadonlyArray<string> => {
  const node = normalize(schema)
  const wrong = [`${path}: ${String(value)} is no ${node.kind}`]
  switch (node.kind) {
    case "text":
      return typeof value === "string" ? [] : wrong
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? [] : wrong
    case "boolean":
      return typeof value === "boolean" ? [] : wrong
    case "bytes":
      return value instanceof Uint8Array && Object.getPrototypeOf(value) === Uint8Array.prototype ? [] : wrong
    case "json":
      return JSON.stringify(value) === undefined ? wrong : []
    case "list":
      return Array.isArray(value)
        ? value.flatMap((item, index) => problems(node.item, item, `${path}[${index}]`))
        : wrong
    case "map":
      return Predicate.isObject(value)
        ? Object.entries(value).flatMap(([name, item]) => problems(node.item, item, `${path}.${name}`))
        : wrong
    case "structure":
    case "union": {
      if (!Predicate.isObject(value)) return wrong
      const given = node.members.filter(([name]) => Object.hasOwn(value, name) && value[name] !== undefined)
      const several = node.kind === "union" && given.length + (Object.hasOwn(value, "$unknown") ? 1 : 0) > 1
      return [
        ...(several ? [`${path}: ${given.length} members of a union`] : []),
        ...given.flatMap(([name, member]) => problems(member, value[name], `${path}.${name}`))
      ]
    }
  }
}
