/**
 * What a value of the wire has to be, so that it has the type the SDK declares for it.
 *
 * A shape takes JSON as it was parsed and changes it in place: bytes are decoded, what stands for nothing is removed.
 * Members nobody knows stay. A member of a wrong type is a mismatch, except in what only accompanies an answer
 * ({@link aside}): there it is removed.
 *
 * Shapes recurse: give them what `Json.parse` has bounded the depth of.
 */
import type { ToolUseBlock } from "@aws-sdk/client-bedrock-runtime"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"

/**
 * Gives the value, the mismatch, or `undefined` when a lenient look leaves the value out. `null` never comes here: on the
 * wire it is the same as a missing member.
 */
export type Shape<A> = (value: unknown, lenient: boolean) => A | Mismatch | undefined

/** The shapes of the members the SDK declares: all of them, or it does not compile. */
export type Members<A> = {
  readonly [Name in Exclude<keyof A, "$unknown">]-?: Shape<Open<NonNullable<A[Name]>>>
}

/** Words of an enumeration are any text: the service has newer ones than the SDK. */
type Open<A> = A extends string ? string : A extends ReadonlyArray<string> ? Array<string> : A

/** A value of a wrong type: what it is, what it should be, and its path from the inside out. */
export class Mismatch {
  readonly path: Array<string | number> = []
  readonly found: string
  readonly expected: string

  constructor(found: string, expected: string) {
    this.found = found
    this.expected = expected
  }

  /** Adds what it stands in: a member or an index. */
  inside(key: string | number): this {
    this.path.push(key)
    return this
  }

  /** A phrase, without anything of the value. */
  toString(): string {
    const path = this.path.reduceRight<string>((path, key) => {
      if (typeof key === "number") return `${path}[${key}]`
      // names of a record are the service's choice
      return path === "" ? key.slice(0, 64) : `${path}.${key.slice(0, 64)}`
    }, "")
    const problem = `${this.found} instead of ${this.expected}`
    return path === "" ? problem : `\`${path}\` is ${problem}`
  }
}

/** The value in its shape, `null` being an empty object; or a sentence that names what does not fit, and where. */
export const conform = <A>(shape: Shape<A>, value: unknown): Result.Result<A, string> => {
  const result = shape(value ?? {}, false)
  // nothing is left out unless the look is lenient
  return result instanceof Mismatch ? Result.fail(`${result}`) : Result.succeed(result as A)
}

/** Text. */
export const text: Shape<string> = (value, lenient) =>
  typeof value === "string" ? value : mismatch("text", value, lenient)

/** A number. `Infinity` is none: JSON cannot say it. */
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

/** No value fits. */
export const nothing: Shape<never> = (value, lenient) => mismatch("nothing", value, lenient)

/** What accompanies an answer: wrong types in it, or instead of it, are left out. */
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

/** An object whose members, under any names, have one shape. */
export const record = <A>(member: Shape<A>): Shape<Record<string, A>> => (value, lenient) =>
  Predicate.isObject(value)
    ? conformMembers<Record<string, A>>(value, () => member, lenient)
    : mismatch("an object", value, lenient)

/** An object with these members, and whatever others. */
export const structure = <A extends object>(members: Members<A>): Shape<A> => {
  const shapeOf = lookup(members)
  return (value, lenient) =>
    Predicate.isObject(value) ? conformMembers<A>(value, shapeOf, lenient) : mismatch("an object", value, lenient)
}

/**
 * One of these members. One that nobody knows stands under `$unknown`, with its name, as the SDK has it and sends it
 * back; an empty union has none.
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

/** In place; `A` is what its members conform to. */
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
  return value as A // each member it declares has been looked at
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

/** Padded or not. Node skips what is not base64, so that there are fewer bytes than the characters stand for. */
const fromBase64 = (text: string): Uint8Array | undefined => {
  const decoded = Buffer.from(text, "base64")
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  if (decoded.length !== Math.floor((text.length - padding) * 3 / 4) || (text.length - padding) % 4 === 1) {
    return undefined
  }
  // What is small lies in memory that Node shares with others.
  return decoded.length === decoded.buffer.byteLength
    ? new Uint8Array(decoded.buffer)
    : new Uint8Array(decoded)
}
