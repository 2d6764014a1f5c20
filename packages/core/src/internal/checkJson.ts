/**
 * Plain copies of JSON: what tools take and give, JSON Schemas, options that only one provider understands.
 *
 * Read as `JSON.stringify` reads: `toJSON` counts, and a property that is `undefined` is left out. What that would lose
 * (functions, symbols, the entries of a `Map`) or change (`NaN`) is refused where it stands, unless it is wanted as it is
 * written. What holds itself and what throws is refused in any case.
 */
import * as Predicate from "effect/Predicate"
import { type Cursor, isRecord, refuse, type Refused, refused, refuseKind } from "./checkCursor.ts"

/**
 * - `bytes`, `bigint`: whether these stay what they are; JSON has neither.
 * - `written`: whether to take what `JSON.stringify` writes of what JSON has not: `null` for `NaN`, nothing for a function.
 * - `others`: whether all else that JSON has not, such as functions and instances of classes, stays what it is.
 */
export interface Options {
  readonly bytes?: boolean | undefined
  readonly bigint?: boolean | undefined
  readonly written?: boolean | undefined
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

interface OwnForm {
  readonly toJSON: (key: string) => unknown
}

/** Dates have one, and a program may have taught it to its bigints. */
const hasOwnForm = (given: unknown): given is OwnForm =>
  Predicate.hasProperty(Object(given), "toJSON") && typeof Object(given).toJSON === "function"

/** The copy of a value; `undefined` stays what it is. */
export const copy = <A>(given: A, at: Cursor, options: Options): A | Refused => {
  const ancestors: Array<object> = []
  const start = at.path.length
  let left = mostValues

  const within = (given: unknown): unknown => {
    switch (typeof given) {
      case "string":
      case "boolean":
      case "undefined":
        return given
      case "number":
        return Number.isFinite(given) || options.others === true
          ? given
          : options.written === true
          ? null
          : refuse(at, `JSON has no ${given}`, "Use null, or say it in words")
      case "bigint":
        return options.bigint === true || options.others === true
          ? given
          : withinBigint(hasOwnForm(given) ? ownForm(given) : given)
      case "object":
        return given === null ? null : withinObject(given)
      case "function":
        // A revoked proxy throws here, and not where it is looked at later.
        return options.others === true && !Array.isArray(given) ? given : unsaid(given)
      default:
        return options.others === true ? given : unsaid(given)
    }
  }

  const unsaid = (given: unknown): unknown => options.written === true ? undefined : refuseKind(at, given, "Give JSON")

  /** What a value says it is; `toJSON` is told where it stands. */
  const ownForm = (given: OwnForm): unknown => given.toJSON(String(at.path.at(-1) ?? ""))

  const withinBigint = (given: unknown): unknown =>
    typeof given === "bigint" ? refuse(at, "JSON has no bigint", "Give it as text") : within(given)

  const withinObject = (given: object, isOwnForm = false): unknown => {
    if (given instanceof Uint8Array && given.byteLength >= 0) {
      return options.bytes === true || options.others === true
        ? given
        : refuse(at, "JSON has no bytes", "Give them as base64")
    }
    if (ancestors.includes(given)) return refuse(at, "it holds itself", "Break the cycle")
    if (ancestors.length >= deepest) return refuseWhole(`it is nested deeper than ${deepest} levels`)
    ancestors.push(given)
    const settled = withinParts(given, isOwnForm)
    ancestors.pop()
    return settled
  }

  /** The way down there says nothing more. */
  const refuseWhole = (problem: string): Refused => {
    at.path.length = start
    return refuse(at, problem, "Give plain JSON")
  }

  const withinParts = (given: object, isOwnForm: boolean): unknown => {
    if (Array.isArray(given)) return withinArray(given)
    if (options.others === true) return isPlain(given) ? withinRecord(given) : given
    if (!isOwnForm && hasOwnForm(given)) {
      const form = ownForm(given)
      if (form !== given) return typeof form === "object" && form !== null ? withinObject(form, true) : within(form)
    }
    if (given instanceof Number || given instanceof String || given instanceof Boolean) return within(given.valueOf())
    return isRecord(given) && (options.written === true || Object.prototype.toString.call(given) === "[object Object]")
      ? withinRecord(given)
      : refuseKind(at, given, "Give plain JSON")
  }

  const descend = (holder: { readonly [key: number]: unknown }, key: string | number): unknown => {
    at.path.push(key)
    const settled = --left < 0
      ? refuse(at, `there are more than ${mostValues} values`, "Give less")
      : within(holder[key as number]) // the holder of a text key is a record
    if (settled !== refused) at.path.pop()
    return settled
  }

  const withinArray = (given: ReadonlyArray<unknown>): unknown => {
    const { length } = given
    if (length > left) return refuse(at, `it has ${length} items`, `Use at most ${mostValues}`)
    const items: Array<unknown> = []
    for (let index = 0; index < length; index++) {
      const settled = descend(given, index)
      if (settled === refused) return refused
      items.push(settled ?? null)
    }
    return items
  }

  const withinRecord = (given: Readonly<Record<string, unknown>>): unknown => {
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(given)) {
      const settled = descend(given, key)
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
