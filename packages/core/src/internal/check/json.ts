/**
 * Plain copies of JSON: arguments and results of tools, JSON Schemas, options of providers.
 *
 * Values are read as `JSON.stringify` reads them: `toJSON` applies, and properties that are `undefined` are left out.
 * What that would lose (functions, symbols, the entries of a `Map`) or change (`NaN`) is refused, unless options say
 * otherwise. Cycles are always refused.
 */
import * as Predicate from "effect/Predicate"
import { type Cursor, part, refuse, type Refused, refused, refuseKind } from "./cursor.ts"

/**
 * - `bytes`, `bigint`: whether these are kept.
 * - `written`: whether other values become what `JSON.stringify` writes: `null` for `NaN`, nothing for a function.
 * - `others`: whether all other values, such as functions and class instances, are kept.
 */
export interface Options {
  readonly bytes?: boolean | undefined
  readonly bigint?: boolean | undefined
  readonly written?: boolean | undefined
  readonly others?: boolean | undefined
}

/** Deeper than any JSON Schema, and safe for the stack. */
const deepest = 500

/** More values than the largest body of a request holds. */
const mostValues = 1_000_000

export const isPlain = (given: unknown): given is Readonly<Record<string, unknown>> =>
  Predicate.isObject(given) && (Object.getPrototypeOf(given) ?? Object.prototype) === Object.prototype

/** The copy of a value; `undefined` stays what it is. */
export const copy = <A>(given: A, at: Cursor, options: Options): A | Refused =>
  // A copy of JSON has the type of the original.
  within(given, {
    at,
    options,
    start: at.path.length,
    ancestors: [],
    left: mostValues,
    copies: new Map(),
    bottom: 0,
    ownForms: 0
  }) as A | Refused

/**
 * A copy in progress.
 *
 * - `start`: the depth of its root in a path; `ancestors`: the enclosing objects; `bottom`: how many there were at most.
 * - `left`: how many more values are allowed; `ownForms`: how often `toJSON` was called.
 * - `copies`: of objects that hold many values. One that is in several places is copied once and counted in each: a few
 *   objects can stand for more values than any machine can copy.
 */
interface Walk {
  readonly at: Cursor
  readonly options: Options
  readonly start: number
  readonly ancestors: Array<object>
  readonly copies: Map<object, { readonly copy: unknown; readonly values: number; readonly levels: number }>
  bottom: number
  left: number
  ownForms: number
}

/** Less is copied again. */
const manyValues = 16

const within = (given: unknown, walk: Walk): unknown => {
  const { at, options: { bigint, others, written } } = walk
  switch (typeof given) {
    case "string":
    case "boolean":
    case "undefined":
      return given
    case "number":
      if (Number.isFinite(given) || others === true) return given
      return written === true ? null : refuse(at, `JSON has no ${given}`, "Use null or text")
    case "bigint": {
      if (bigint === true || others === true) return given
      const form = ownForm(given, walk)
      return typeof form === "bigint" ? refuse(at, "JSON has no bigint", "Give it as text") : within(form, walk)
    }
    case "object":
      return given === null ? null : withinObject(given, walk)
    default:
      // `isArray` throws for a revoked proxy, here and not later.
      if (others === true && !Array.isArray(given)) return given
      return written === true ? undefined : refuseKind(at, given, "Give JSON")
  }
}

/**
 * What `toJSON` returns, where there is one: dates have it, and a program may add it to `BigInt.prototype`. It receives the
 * key of the value, so that what it returns in one place says nothing about others.
 */
const ownForm = (given: object | bigint, walk: Walk): unknown => {
  const { toJSON }: { readonly toJSON?: unknown } = Object(given)
  if (typeof toJSON !== "function") return given
  walk.ownForms++
  return Reflect.apply(toJSON, given, [String(walk.at.path.at(-1) ?? "")])
}

const withinObject = (given: object, walk: Walk, isOwnForm = false): unknown => {
  const { ancestors, at, options } = walk
  if (given instanceof Uint8Array && given.byteLength >= 0) {
    return options.bytes === true || options.others === true
      ? given
      : refuse(at, "JSON has no bytes", "Give them as base64")
  }
  if (ancestors.includes(given)) return refuse(at, "it contains itself", "Break the cycle")
  if (ancestors.length >= deepest) {
    // Such a long path helps no reader.
    at.path.length = walk.start
    return refuse(at, `it is nested deeper than ${deepest} levels`, "Give plain JSON")
  }
  const known = walk.copies.get(given)
  if (known !== undefined && ancestors.length + known.levels <= deepest) {
    walk.bottom = Math.max(walk.bottom, ancestors.length + known.levels)
    walk.left -= known.values
    return walk.left < 0 ? tooMany(at) : known.copy
  }
  ancestors.push(given)
  const { bottom, left, ownForms } = walk
  walk.bottom = ancestors.length
  const settled = Array.isArray(given) ? withinArray(given, walk) : withinOther(given, walk, isOwnForm)
  ancestors.pop()
  const values = left - walk.left
  if (values >= manyValues && settled !== refused && walk.ownForms === ownForms) {
    walk.copies.set(given, { copy: settled, values, levels: walk.bottom - ancestors.length })
  }
  walk.bottom = Math.max(bottom, walk.bottom)
  return settled
}

const tooMany = (at: Cursor): Refused => refuse(at, `there are more than ${mostValues} values`, "Give less")

const withinOther = (given: object, walk: Walk, isOwnForm: boolean): unknown => {
  const { at, options } = walk
  if (options.others === true) return isPlain(given) ? withinRecord(given, walk) : given
  const form = isOwnForm ? given : ownForm(given, walk)
  if (form !== given) {
    return typeof form === "object" && form !== null
      ? withinObject(form, walk, true)
      : within(form, walk)
  }
  if (given instanceof Number || given instanceof String || given instanceof Boolean) {
    return within(given.valueOf(), walk)
  }
  const isRecord = isPlain(given) || options.written === true ||
    Object.prototype.toString.call(given) === "[object Object]"
  return isRecord && Predicate.isObject(given) ? withinRecord(given, walk) : refuseKind(at, given, "Give plain JSON")
}

const descend = (holder: object, key: string | number, walk: Walk): unknown =>
  part<unknown>((value, at) => --walk.left < 0 ? tooMany(at) : within(value, walk), holder, key, walk.at)

const withinArray = (given: ReadonlyArray<unknown>, walk: Walk): unknown => {
  const { length } = given
  if (length > walk.left) return refuse(walk.at, `it has ${length} items`, `Use at most ${mostValues}`)
  const items: Array<unknown> = []
  for (let index = 0; index < length; index++) {
    const settled = descend(given, index, walk)
    if (settled === refused) return refused
    items.push(settled ?? null)
  }
  return items
}

const withinRecord = (given: Readonly<Record<string, unknown>>, walk: Walk): unknown => {
  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(given)) {
    const settled = descend(given, key, walk)
    if (settled === refused) return refused
    if (settled === undefined && walk.options.others !== true) continue
    // Assignment would change the prototype.
    if (key === "__proto__") {
      Object.defineProperty(fields, key, { value: settled, enumerable: true, configurable: true, writable: true })
    } else fields[key] = settled
  }
  return fields
}
