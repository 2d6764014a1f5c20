/**
 * Plain copies of JSON: what tools take and give, JSON Schemas, options that only one provider understands.
 *
 * Read as `JSON.stringify` reads: `toJSON` counts, and a property that is `undefined` is left out. What that would lose
 * (functions, symbols, the entries of a `Map`) or change (`NaN`) is refused where it stands, and so is what holds itself.
 */
import { type Cursor, isRecord, refuse, type Refused, refused, refuseKind } from "./checkCursor.ts"

/**
 * - `bytes`, `bigint`: whether these stay what they are; JSON has neither.
 * - `others`: whether all else that JSON has not, such as functions and instances of classes, stays what it is.
 */
export interface Options {
  readonly bytes?: boolean | undefined
  readonly bigint?: boolean | undefined
  readonly others?: boolean | undefined
}

/** Deeper than any JSON Schema, and far from the end of the stack. */
const deepest = 500

/** More values than the largest body of a request holds. */
const mostValues = 1_000_000

const isPlain = (given: object): given is Readonly<Record<string, unknown>> => {
  const prototype = Object.getPrototypeOf(given)
  return prototype === Object.prototype || prototype === null
}

/** The copy of a value; `undefined` stays what it is. */
export const copy = <A>(given: A, at: Cursor, options: Options): A | Refused => {
  const ancestors: Array<object> = []
  const depths: Array<number> = []
  let left = mostValues

  const within = (given: unknown): unknown => {
    switch (typeof given) {
      case "string":
      case "boolean":
      case "undefined":
        return given
      case "number":
        return Number.isFinite(given) || options.others === true
          ? given :
          refuse(at, `JSON has no ${given}`, "Use null, or say it in words")
      case "bigint":
        return options.bigint === true || options.others === true
          ? given
          : refuse(at, "JSON has no bigint", "Give it as text")
      case "object":
        return given === null ? null : withinObject(given)
      case "function":
        // A revoked proxy throws here, and not where it is looked at later.
        return options.others === true && !Array.isArray(given) ? given : refuseKind(at, given, "Give JSON")
      default:
        return options.others === true ? given : refuseKind(at, given, "Give JSON")
    }
  }

  const withinObject = (given: object): unknown => {
    if (given instanceof Uint8Array && given.byteLength >= 0) {
      return options.bytes === true || options.others === true
        ? given
        : refuse(at, "JSON has no bytes", "Give them as base64")
    }
    const held = ancestors.indexOf(given)
    if (held >= 0) return refuseWhole(held, "it holds itself")
    if (ancestors.length >= deepest) return refuseWhole(0, `it is nested deeper than ${deepest} levels`)
    ancestors.push(given)
    depths.push(at.path.length)
    const settled = withinParts(given)
    ancestors.pop()
    depths.pop()
    return settled
  }

  /** The way down there says nothing more. */
  const refuseWhole = (ancestor: number, problem: string): Refused => {
    at.path.length = depths[ancestor] ?? at.path.length
    return refuse(at, problem, "Give plain JSON")
  }

  const withinParts = (given: object): unknown => {
    if (Array.isArray(given)) return withinArray(given)
    if (options.others === true) return isPlain(given) ? withinRecord(given) : given
    if ("toJSON" in given && typeof given.toJSON === "function") return descend("toJSON", given.toJSON(""))
    return isRecord(given) && Object.prototype.toString.call(given) === "[object Object]"
      ? withinRecord(given)
      : refuseKind(at, given, "Give plain JSON")
  }

  const descend = (key: string | number, given: unknown): unknown => {
    at.path.push(key)
    const settled = --left < 0
      ? refuse(at, `there are more than ${mostValues} values`, "Give less")
      : within(given)
    if (settled !== refused) at.path.pop()
    return settled
  }

  const withinArray = (given: ReadonlyArray<unknown>): unknown => {
    const { length } = given
    if (length > left) return refuse(at, `it has ${length} items`, `Use at most ${mostValues}`)
    const items: Array<unknown> = []
    for (let index = 0; index < length; index++) {
      const settled = descend(index, given[index])
      if (settled === refused) return refused
      items.push(settled ?? null)
    }
    return items
  }

  const withinRecord = (given: Readonly<Record<string, unknown>>): unknown => {
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(given)) {
      const settled = descend(key, given[key])
      if (settled === refused) return refused
      if (settled === undefined && options.others !== true) continue
      // As JSON.parse does it: assignment would change the prototype.
      if (key === "__proto__") {
        Object.defineProperty(fields, key, { value: settled, enumerable: true, configurable: true, writable: true })
      } else fields[key] = settled
    }
    return fields
  }

  // What was copied field by field is of the type of the original, as far as JSON can say it.
  return within(given) as A | Refused
}
