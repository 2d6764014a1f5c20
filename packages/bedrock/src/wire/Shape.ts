/**
 * Checks that a value of the wire has the type the SDK declares for it.
 *
 * A shape takes parsed JSON and changes it in place: bytes are decoded, `null` members are removed. Unknown members are
 * kept. A member of a wrong type is a mismatch, except in data that accompanies an answer ({@link aside}): there it is
 * removed.
 *
 * Shapes recurse: their input must have the bounded depth of `Json.parse`.
 */
import type { ToolUseBlock } from "@aws-sdk/client-bedrock-runtime"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"

/**
 * Returns the value, the mismatch, or `undefined` when lenient mode drops the value. It never gets `null`, which on the
 * wire equals a missing member.
 */
export type Shape<A> = (value: unknown, lenient: boolean) => A | Mismatch | undefined

/** The shapes of all members the SDK declares, enforced by the compiler. */
export type Members<A> = {
  readonly [Name in Exclude<keyof A, "$unknown">]-?: Shape<Open<NonNullable<A[Name]>>>
}

/** Enumerations accept any text: the service has newer values than the SDK. */
type Open<A> = A extends string ? string : A extends ReadonlyArray<string> ? Array<string> : A

/** A value of a wrong type: its type, the expected one, and its path from the inside out. */
export class Mismatch {
  readonly path: Array<string | number> = []
  readonly found: string
  readonly expected: string

  constructor(found: string, expected: string) {
    this.found = found
    this.expected = expected
  }

  /** Prepends a path element: a member or an index. */
  inside(key: string | number): this {
    this.path.push(key)
    return this
  }

  /** A description that does not quote the value. */
  toString(): string {
    const path = this.path.reduceRight<string>((path, key) => {
      if (typeof key === "number") return `${path}[${key}]`
      // names of a record are chosen by the service
      return path === "" ? key.slice(0, 64) : `${path}.${key.slice(0, 64)}`
    }, "")
    const problem = `${this.found} instead of ${this.expected}`
    return path === "" ? problem : `\`${path}\` is ${problem}`
  }
}

/**
 * The value checked against its shape, `null` as an empty object; or a sentence that names the mismatch and its path.
 */
export const conform = <A>(shape: Shape<A>, value: unknown): Result.Result<A, string> => {
  const result = shape(value ?? {}, false)
  // values are dropped in lenient mode only
  return result instanceof Mismatch ? Result.fail(`${result}`) : Result.succeed(result as A)
}

/** Text. */
export const text: Shape<string> = (value, lenient) =>
  typeof value === "string" ? value : mismatch("text", value, lenient)

/** A number. `Infinity`, from a literal such as `1e999`, is refused. */
export const number: Shape<number> = (value, lenient) =>
  typeof value === "number" && Number.isFinite(value) ? value : mismatch("a number", value, lenient)

/** A count or an index. */
export const count: Shape<number> = (value, lenient) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : mismatch("a whole number from 0", value, lenient)

/** `true` or `false`. */
export const boolean: Shape<boolean> = (value, lenient) =>
  typeof value === "boolean" ? value : mismatch("a boolean", value, lenient)

/** Bytes, which JSON has in base64. */
export const bytes: Shape<Uint8Array> = (value, lenient) =>
  (typeof value === "string" ? fromBase64(value) : undefined) ?? mismatch("base64", value, lenient)

/** Any JSON. */
export const document: Shape<Json> = (value) => value as Json // what was parsed is nothing else

/** JSON, as the SDK types it. */
type Json = NonNullable<ToolUseBlock["input"]>

/** Accepts no value. */
export const nothing: Shape<never> = (value, lenient) => mismatch("nothing", value, lenient)

/** Data that accompanies an answer: values of wrong types are dropped. */
export const aside = <A>(shape: Shape<A>): Shape<A> => (value) => shape(value, true)

/** An array of one shape. */
export const list = <A>(item: Shape<A>): Shape<Array<A>> => (value, lenient) => {
  if (!Array.isArray(value)) return mismatch("a list", value, lenient)
  let kept = 0
  for (let index = 0; index < value.length; index++) {
    if (value[index] === null) continue
    const result = item(value[index], lenient)
    if (result instanceof Mismatch) return result.inside(index)
    if (result !== undefined) value[kept++] = result
  }
  value.length = kept
  return value
}

/** An object of members with arbitrary names and one shape. */
export const record = <A>(member: Shape<A>): Shape<Record<string, A>> => (value, lenient) =>
  Predicate.isObject(value)
    ? conformMembers<Record<string, A>>(value, () => member, lenient)
    : mismatch("an object", value, lenient)

/** An object with these members, and any others. */
export const structure = <A extends object>(members: Members<A>): Shape<A> => {
  const shapeOf = lookup(members)
  return (value, lenient) =>
    Predicate.isObject(value) ? conformMembers<A>(value, shapeOf, lenient) : mismatch("an object", value, lenient)
}

/**
 * One of these members. An unknown one is kept under `$unknown`, with its name, as the SDK represents and sends it; an
 * empty union stays empty.
 */
export const union = <A extends object>(members: Members<A>): Shape<A> => {
  const shapeOf = lookup(members)
  return (value, lenient) => {
    if (!Predicate.isObject(value)) return mismatch("an object", value, lenient)
    const result = conformMembers<A>(value, shapeOf, lenient)
    return result instanceof Mismatch ? result : oneOf(result, value, shapeOf, lenient)
  }
}

type Lookup = (name: string) => Shape<unknown> | undefined

const lookup = <A>(members: Members<A>): Lookup => {
  const shapes = new Map<string, Shape<unknown>>(Object.entries(members))
  return (name) => shapes.get(name)
}

/** In place; `A` is the type its members conform to. */
const conformMembers = <A>(value: Record<string, unknown>, shapeOf: Lookup, lenient: boolean): A | Mismatch => {
  for (const name of Object.keys(value)) {
    const given = value[name]
    const shape = shapeOf(name)
    if (shape === undefined) continue
    const result = given === null ? undefined : shape(given, lenient)
    if (result instanceof Mismatch) return result.inside(name)
    if (result === undefined) delete value[name]
    else if (result !== given) value[name] = result
  }
  return value as A // each declared member has been checked
}

const oneOf = <A>(
  union: A,
  value: Record<string, unknown>,
  shapeOf: Lookup,
  lenient: boolean
): A | Mismatch | undefined => {
  const names = Object.keys(value)
  const [known, ...others] = names.filter((name) => shapeOf(name) !== undefined)
  if (known === undefined) {
    const unknown = names.find((name) => name !== "__type")
    if (unknown === undefined) return union
    const content = value[unknown]
    delete value[unknown]
    value["$unknown"] = [unknown, content]
    return union
  }
  delete value["$unknown"]
  if (others.length > 0 && !lenient) {
    return new Mismatch(`\`${[known, ...others].join("`, `")}\` together`, "one of them")
  }
  for (const name of others) delete value[name]
  return union
}

const mismatch = (expected: string, value: unknown, lenient: boolean): Mismatch | undefined =>
  lenient ? undefined : new Mismatch(nameOf(value), expected)

const nameOf = (value: unknown): string => {
  if (Array.isArray(value)) return "a list"
  switch (typeof value) {
    case "string":
      return "text"
    case "object":
      return "an object"
    default:
      return `a ${typeof value}`
  }
}

/** Padded or not. Node skips invalid characters, which the decoded length reveals. */
const fromBase64 = (text: string): Uint8Array | undefined => {
  const decoded = Buffer.from(text, "base64")
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  if (decoded.length !== Math.floor((text.length - padding) * 3 / 4) || (text.length - padding) % 4 === 1) {
    return undefined
  }
  // Small buffers use memory that Node shares with others.
  return decoded.length === decoded.buffer.byteLength
    ? new Uint8Array(decoded.buffer)
    : new Uint8Array(decoded)
}
