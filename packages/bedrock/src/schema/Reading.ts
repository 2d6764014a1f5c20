/**
 * Reads any JavaScript value as the JSON schema of an object: of a tool's arguments or of an answer.
 *
 * The result is plain JSON of bounded size and depth, with well-formed text, resolvable references, and an object at
 * the top. Any other value is a problem with its path.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as References from "./References.ts"

/** A problem with one field. */
export interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** A schema of an object. `told`: whether an unresolvable reference was replaced by text. */
export interface Read {
  readonly schema: JsonSchema.JsonSchema
  readonly told: boolean
}

/** Reads a schema. `true`, `{}` and `undefined` are the schema of any object; so is one without a type. */
export const read = (value: unknown, field: string): Result.Result<Read, Problem> =>
  Result.flatMap(copy(value, field), ({ hasReferences, json }) => {
    const written = json === true || json === null ? {} : json
    if (!Predicate.isObject(written)) {
      return Result.fail({ field, problem: `${kindOf(json)} is not a JSON schema of an object`, remedy })
    }
    const { changed, schema } = hasReferences ? References.settle(written) : { changed: false, schema: written }
    const top = References.openTop(schema)
    const { type } = top
    const malformed = shapes.find(([keyword, hasShape]) => top[keyword] !== undefined && !hasShape(top[keyword]))
    if (malformed !== undefined) {
      const [keyword, , shape] = malformed
      return Result.fail({ field: `${field}.${keyword}`, problem: `it is not ${shape}`, remedy: "Use JSON Schema" })
    }
    if (type === "object") return Result.succeed({ schema: top, told: changed })
    if (type === undefined) {
      return Result.succeed({ schema: { type: "object", properties: {}, ...top }, told: changed })
    }
    return Array.isArray(type) && type.includes("object")
      ? Result.succeed({ schema: { ...top, type: "object" }, told: changed })
      : Result.fail({
        field: `${field}.type`,
        problem: `${JSON.stringify(type)} is not "object", the only type a model can answer with`,
        remedy: "Ask for an object, with the value in one of its properties"
      })
  })

const isList = (value: unknown): boolean => Array.isArray(value)

/** Keywords whose values are visited. */
const shapes: ReadonlyArray<readonly [keyword: string, hasShape: (value: unknown) => boolean, shape: string]> = [
  ["properties", Predicate.isObject, "an object of schemas"],
  ["required", (value) => Array.isArray(value) && value.every(Predicate.isString), "a list of names"],
  ["allOf", isList, "a list of schemas"],
  ["anyOf", isList, "a list of schemas"],
  ["oneOf", isList, "a list of schemas"]
]

const remedy = "Use a JSON schema of type \"object\""

const kindOf = (json: unknown): string => Array.isArray(json) ? "a list" : JSON.stringify(json) ?? "nothing"

/** Above any schema in use, and above what a model accepts. */
const mostValues = 50_000

const mostLevels = 256

interface Copy {
  readonly json: unknown
  readonly hasReferences: boolean
}

type Path = ReadonlyArray<string | number>

/** A copy in plain JSON. Safe against getters and proxies. */
const copy = (value: unknown, field: string): Result.Result<Copy, Problem> => {
  const open = new Set<object>()
  const path: Array<string | number> = []
  let values = 0
  let hasReferences = false
  let found: Problem | undefined

  const refuse = (place: Path, problem: string): undefined => {
    found ??= { field: field + pathOf(place), problem, remedy: "Use plain JSON" }
  }

  const at = (key: string | number, value: unknown): unknown => {
    path.push(key)
    const copied = one(value)
    path.pop()
    return copied
  }

  const one = (value: unknown): unknown => {
    if (found !== undefined) return undefined
    values++
    if (values > mostValues) return refuse([], `it holds more than ${mostValues} values`)
    if (value === null || typeof value === "boolean") return value
    if (typeof value === "string") return wellFormed(value)
    if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value // JSON knows one zero
    if (typeof value !== "object") return refuse(path, `a schema cannot hold ${nameOf(value)}`)
    if (open.has(value)) return refuse(path, "it contains itself")
    if (path.length >= mostLevels) return refuse([], `it is nested more than ${mostLevels} levels deep`)
    open.add(value)
    const copied = Array.isArray(value) ? items(value) : members(value)
    open.delete(value)
    return copied
  }

  const items = (value: ReadonlyArray<unknown>): unknown => {
    if (value.length > mostValues) return refuse(path, `it has more than ${mostValues} items`)
    const copied: Array<unknown> = []
    for (let index = 0; index < value.length; index++) copied.push(at(index, value[index]))
    return copied
  }

  const members = (value: object): unknown => {
    if (!isPlain(value)) return refuse(path, `a schema cannot hold a ${tagOf(value)}`)
    const copied: { [key: string]: unknown } = {}
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue
      hasReferences ||= key === "$ref"
      const copy = at(key, member)
      // an ordinary assignment of `__proto__` would change the prototype
      if (key === "__proto__") Object.defineProperty(copied, key, { ...ordinary, value: copy })
      else copied[wellFormed(key)] = copy
    }
    return copied
  }

  const copied = Result.try(() => value === undefined ? null : one(value))
  if (Result.isFailure(copied)) refuse(path, "reading it throws an error")
  return found === undefined
    ? Result.succeed({ json: Result.getOrUndefined(copied), hasReferences })
    : Result.fail(found)
}

const ordinary = { configurable: true, enumerable: true, writable: true }

/** Also true for objects of another realm. */
const isPlain = (value: object): boolean =>
  Object.getPrototypeOf(value) === Object.prototype || tagOf(value) === "Object"

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

const nameOf = (value: unknown): string =>
  value === undefined ? "undefined" : typeof value === "number" ? String(value) : `a ${typeof value}`

const pathOf = (path: Path): string =>
  path.map((key) =>
    typeof key === "number"
      ? `[${key}]`
      : /^[A-Za-z_$][\w$]*$/.test(key)
      ? `.${key}`
      : `[${JSON.stringify(key)}]`
  ).join("")

/** The text with a replacement character for each lone surrogate, which the service refuses. */
export const wellFormed = (text: string): string =>
  /[\ud800-\udfff]/.test(text) ? text.replace(/\p{Surrogate}/gu, "\uFFFD") : text
