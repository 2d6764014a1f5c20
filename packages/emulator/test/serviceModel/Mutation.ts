/**
 * Requests that violate or just meet a constraint of the service model: each is a full one with a single change.
 *
 * A change follows from one constraint of the model at one place: a required member, the members of a union, an enumeration, a
 * length, a range, a pattern, a type.
 */
import * as Fs from "node:fs"

/** A shape of the distilled model. */
interface Shape {
  readonly type: "structure" | "list" | "map" | "string" | "blob" | "boolean" | "integer" | "float"
  readonly members?: Readonly<Record<string, string>>
  readonly required?: ReadonlyArray<string>
  readonly union?: boolean
  readonly document?: boolean
  readonly member?: string
  readonly key?: string
  readonly value?: string
  readonly enum?: ReadonlyArray<string>
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
}

const shapes: Readonly<Record<string, Shape>> = JSON.parse(
  Fs.readFileSync(new URL("bedrock-runtime.json", import.meta.url), "utf8")
)

type Path = ReadonlyArray<string | number>

/** One changed request: `constraint` is the one that is broken (`forbidden`) or just kept. */
export interface Mutation {
  readonly shape: string
  readonly constraint: string
  readonly path: Path
  readonly forbidden: boolean
  readonly body: unknown
}

/** The members of all shapes below one, such as `ContentBlock.text`. */
export const membersBelow = (root: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const visited = new Set<string>()
  const visit = (name: string | undefined) => {
    if (name === undefined || visited.has(name)) return
    visited.add(name)
    const { key, member, members = {}, value } = shapeOf(name)
    for (const [key, to] of Object.entries(members)) {
      found.add(`${name}.${key}`)
      visit(to)
    }
    for (const to of [key, member, value]) visit(to)
  }
  visit(root)
  return found
}

/** The paths of the members that a value has. */
export const membersOf = (root: string, body: unknown): ReadonlySet<string> =>
  new Set(
    [...sites(root, body)].flatMap(({ shape, value }) =>
      isObject(value) && shapeOf(shape).members !== undefined ? Object.keys(value).map((key) => `${shape}.${key}`) : []
    )
  )

/** All changed requests that follow from a full one. */
export function* mutations(root: string, body: unknown): Generator<Mutation> {
  const samples = new Map<string, unknown>()
  for (const { shape, value } of sites(root, body)) {
    if (isObject(value)) { for (const [key, member] of Object.entries(value)) samples.set(`${shape}.${key}`, member) }
  }
  for (const { path, shape, value } of sites(root, body)) {
    for (const { constraint, forbidden, to } of changes(shape, value, samples)) {
      // an identifier is changed everywhere, so that references stay valid
      const changed = !forbidden && constraint in namable && typeof value === "string" && typeof to === "string"
        ? replaced(body, value, to)
        : set(body, path, to)
      yield { shape, constraint, path, forbidden, body: changed }
    }
  }
}

/** The constraints of identifiers. */
const namable = { min: true, max: true }

interface Site {
  readonly shape: string
  readonly value: unknown
  readonly path: Path
}

function* sites(shape: string, value: unknown, path: Path = []): Generator<Site> {
  yield { shape, value, path }
  const { document, member, members = {}, value: ofMap } = shapeOf(shape)
  if (document === true) return
  if (Array.isArray(value) && member !== undefined) {
    for (const [index, item] of value.entries()) yield* sites(member, item, [...path, index])
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      const to = members[key] ?? ofMap
      if (to !== undefined) yield* sites(to, item, [...path, key])
    }
  }
}

interface Change {
  readonly constraint: string
  readonly forbidden: boolean
  readonly to: unknown
}

const forbid = (constraint: string, to: unknown): Change => ({ constraint, forbidden: true, to })

const allow = (constraint: string, to: unknown): Change => ({ constraint, forbidden: false, to })

function* changes(name: string, value: unknown, samples: ReadonlyMap<string, unknown>): Generator<Change> {
  const shape = shapeOf(name)
  if (shape.document === true) return
  yield forbid("type", wrongType[shape.type])
  if (shape.type === "structure" && isObject(value)) yield* inStructure(name, shape, value, samples)
  if (shape.type === "list" && Array.isArray(value)) yield* inList(shape, value)
  if (shape.type === "map" && isObject(value)) yield* inMap(shape, value)
  if ((shape.type === "string" || shape.type === "blob") && typeof value === "string") yield* inText(shape, value)
  if (shape.type === "integer" || shape.type === "float") yield* inNumber(shape)
}

const wrongType: Readonly<Record<Shape["type"], unknown>> = {
  structure: [],
  list: {},
  map: "text",
  string: 7,
  blob: 7,
  boolean: "text",
  integer: 0.5,
  float: "text"
}

function* inStructure(
  name: string,
  { members = {}, required = [], union }: Shape,
  value: Readonly<Record<string, unknown>>,
  samples: ReadonlyMap<string, unknown>
): Generator<Change> {
  for (const key of required) {
    const { [key]: _, ...rest } = value
    yield forbid(`required ${key}`, rest)
    yield forbid(`null for required ${key}`, { ...value, [key]: null })
  }
  if (union !== true) return
  yield forbid("no member of a union", {})
  yield forbid("an unknown member of a union", { riddle: {} })
  const other = Object.keys(members).find((key) => !(key in value) && samples.has(`${name}.${key}`))
  if (other !== undefined) {
    yield forbid("two members of a union", { ...value, [other]: samples.get(`${name}.${other}`) })
  }
}

function* inList({ max, min = 0 }: Shape, value: ReadonlyArray<unknown>): Generator<Change> {
  const last = value.at(-1)
  if (min > 0) yield forbid("min", value.slice(0, min - 1))
  if (max === undefined) return
  yield forbid("max", [...value, ...Array.from({ length: max + 1 - value.length }, () => last)])
  yield allow("max", [...value, ...Array.from({ length: max - value.length }, () => last)])
}

function* inMap({ key, max, min = 0 }: Shape, value: Readonly<Record<string, unknown>>): Generator<Change> {
  const [first] = Object.values(value)
  const entries = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, first]))
  if (min > 0) yield forbid("min", {})
  if (max !== undefined) {
    yield forbid("max", entries(max + 1))
    yield allow("max", entries(max))
  }
  for (const { constraint, forbidden, to } of key === undefined ? [] : inText(shapeOf(key), "key")) {
    if (typeof to === "string") yield { constraint: `${constraint} of a key`, forbidden, to: { [to]: first } }
  }
}

function* inText(shape: Shape, value: string): Generator<Change> {
  const { enum: values, max, min = 0, pattern, type } = shape
  if (type === "blob") {
    if (min > 0) yield forbid("min", "")
    yield forbid("base64", "not base64!")
    return
  }
  if (values !== undefined) {
    yield forbid("enum", "riddle")
    for (const one of values) yield allow(`enum ${one}`, one)
    return
  }
  const matches = (text: string) => pattern === undefined || new RegExp(`^(?:${pattern})$`).test(text)
  // a text that is valid in another format after the change is left out
  const ofLength = (length: number) => value.slice(0, length).padEnd(length, value.at(-1))
  if (min > 0) yield forbid("min", value.slice(0, min - 1))
  if (min > 0 && matches(ofLength(min))) yield allow("min", ofLength(min))
  if (max !== undefined) yield forbid("max", ofLength(max + 1))
  if (max !== undefined && matches(ofLength(max))) yield allow("max", ofLength(max))
  if (pattern !== undefined) {
    for (const odd of ["\u0000", "é", "{}"]) {
      if (!matches(odd)) yield forbid("pattern", odd)
    }
  }
}

function* inNumber({ max, min, type }: Shape): Generator<Change> {
  const step = type === "integer" ? 1 : 0.01
  if (min !== undefined) {
    yield forbid("min", min - step)
    yield allow("min", min)
  }
  if (max !== undefined) {
    yield forbid("max", max + step)
    yield allow("max", max)
  }
}

const shapeOf = (name: string): Shape => {
  const shape = shapes[name]
  if (shape === undefined) throw new Error(`The distilled model has no shape ${name}`)
  return shape
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const set = (body: unknown, [key, ...rest]: Path, to: unknown): unknown => {
  if (key === undefined) return to
  if (Array.isArray(body)) return body.map((item: unknown, index) => index === key ? set(item, rest, to) : item)
  return isObject(body) ? { ...body, [key]: set(body[key], rest, to) } : body
}

const replaced = (body: unknown, from: string, to: string): unknown => {
  if (body === from) return to
  if (Array.isArray(body)) return body.map((item: unknown) => replaced(item, from, to))
  return isObject(body)
    ? Object.fromEntries(Object.entries(body).map(([key, value]) => [key, replaced(value, from, to)]))
    : body
}
