/**
 * Differences between expected and actual values, with their paths.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Json from "./wire/Json.ts"

/**
 * - `missing`, `unexpected`, `different`: a member, or its value.
 * - `refused`: a typed error where an answer was expected; `accepted`: the reverse.
 * - `defect`: the fiber died, or timed out.
 * - `unsupported`: the API has no counterpart for the value at the path.
 */
export type Problem = "missing" | "unexpected" | "different" | "refused" | "accepted" | "defect" | "unsupported"

/** One difference; `path` such as `messages[2].content[0].text`. */
export interface Difference {
  readonly path: string
  readonly problem: Problem
  readonly expected?: unknown
  readonly actual?: unknown
}

/** Any of several forms is correct; the first is reported. */
export class OneOf {
  readonly forms: ReadonlyArray<unknown>
  constructor(...forms: ReadonlyArray<unknown>) {
    this.forms = forms
  }
}

/**
 * - `exact`: JSON against JSON.
 * - `at least`: a value of the product, whose objects may have more members, and which must not contain a `bigint`: it
 *   is not JSON.
 */
export type Mode = "exact" | "at least"

/**
 * Compares values; `undefined` stands for a member that must be missing.
 *
 * An integer beyond the range of a double may be kept as its text, or as that of the JSON around it.
 */
export const compare = (expected: unknown, actual: unknown, mode: Mode, path = ""): ReadonlyArray<Difference> => {
  if (expected instanceof OneOf) {
    const found = expected.forms.map((form) => compare(form, actual, mode, path))
    return found.find((differences) => differences.length === 0) ?? found[0] ?? []
  }
  if (expected === undefined) return actual === undefined ? [] : [{ path, problem: "unexpected", actual }]
  if (actual === undefined) return [{ path, problem: "missing", expected }]
  if (typeof actual === "bigint" ? mode === "exact" && expected === actual : isSame(expected, actual)) return []
  if (typeof actual === "string" && typeof expected === "object" && expected !== null && isText(expected, actual)) {
    return []
  }
  if (Array.isArray(expected) && Array.isArray(actual)) return compareLists(expected, actual, mode, path)
  if (isPlain(expected) && isPlain(actual)) return compareObjects(expected, actual, mode, path)
  return [{ path, problem: "different", expected, actual }]
}

const isSame = (expected: unknown, actual: unknown): boolean => {
  if (Object.is(expected, actual) || expected === actual) return true
  if (typeof expected === "bigint") return typeof actual === "string" && actual === expected.toString()
  return expected instanceof Uint8Array && actual instanceof Uint8Array && Buffer.compare(expected, actual) === 0
}

const isText = (expected: object, actual: string): boolean =>
  Json.holdsLargeNumber(expected as Json.Json) && // expected values are read from JSON
  Result.match(Json.parse(actual), {
    onFailure: () => false,
    onSuccess: (json) => compare(expected, json, "exact").length === 0
  })

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !(value instanceof Uint8Array)

const compareLists = (
  expected: ReadonlyArray<unknown>,
  actual: ReadonlyArray<unknown>,
  mode: Mode,
  path: string
): ReadonlyArray<Difference> =>
  Array.from(
    { length: Math.max(expected.length, actual.length) },
    (_, index) => compare(expected[index], actual[index], mode, `${path}[${index}]`)
  ).flat()

const compareObjects = (
  expected: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
  mode: Mode,
  path: string
): ReadonlyArray<Difference> => {
  const names = mode === "exact" ? new Set([...Object.keys(expected), ...Object.keys(actual)]) : Object.keys(expected)
  return [...names].flatMap((name) =>
    compare(own(expected, name), own(actual, name), mode, path === "" ? name : `${path}.${name}`)
  )
}

const own = (value: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(value, name) ? value[name] : undefined
