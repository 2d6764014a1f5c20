/**
 * Any JavaScript value, read as the JSON schema of an object: of a tool's arguments, of an answer.
 *
 * What comes out is plain JSON of bounded size and depth, its texts are well-formed, its references lead somewhere and
 * its top is an object. What cannot be read so is a problem with the path to it.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as References from "./References.ts"

/** What is wrong with one field. */
export interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** A schema of an object. `told`: whether something that cannot be looked up was put into words. */
export interface Read {
  readonly schema: JsonSchema.JsonSchema
  readonly told: boolean
}

/** Reads a schema. `true`, `{}` and nothing at all are the schema of any object; so is one that names no type. */
export const read = (value: unknown, field: string): Result.Result<Read, Problem> =>
  Result.flatMap(copy(value, field), ({ hasReferences, json }) => {
    const written = json === true || json === null ? {} : json
    if (!Predicate.isObject(written)) {
      return Result.fail({ field, problem: `${kindOf(json)} is no JSON schema of an object`, remedy })
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
        problem: `${JSON.stringify(type)} is not "object", which is all that a model can be asked for`,
        remedy: "Ask for an object, with the value in one of its properties"
      })
  })

const isList = (value: unknown): boolean => Array.isArray(value)

/** Keywords whose values are looked into. */
const shapes: ReadonlyArray<readonly [keyword: string, hasShape: (value: unknown) => boolean, shape: string]> = [
  ["properties", Predicate.isObject, "an object of schemas"],
  ["required", (value) => Array.isArray(value) && value.every(Predicate.isString), "a list of names"],
  ["allOf", isList, "a list of schemas"],
  ["anyOf", isList, "a list of schemas"],
  ["oneOf", isList, "a list of schemas"]
]

const remedy = "Use a JSON schema of type \"object\""

const kindOf = (json: unknown): string => Array.isArray(json) ? "a list" : JSON.stringify(json) ?? "nothing"

/** No schema that people write is larger, no model reads one that is. */
const mostValues = 50_000

const mostLevels = 256

/** Where a value stands: its key, and where what holds it stands. */
interface Place {
  readonly key: string | number
  readonly within: Place | undefined
  readonly level: number
}

interface Copy {
  readonly json: unknown
  readonly hasReferences: boolean
}

/** A copy in plain JSON. It is safe against whatever the value does when it is looked at. */
const copy = (value: unknown, field: string): Result.Result<Copy, Problem> => {
  const open = new Set<object>()
  let values = 0
  let hasReferences = false
  let looksAt: Place | undefined
  let found: Problem | undefined

  const refuse = (place: Place | undefined, problem: string): undefined => {
    found ??= { field: field + pathOf(place), problem, remedy: "Use plain JSON" }
  }

  const one = (value: unknown, place: Place | undefined): unknown => {
    if (found !== undefined) return undefined
    looksAt = place
    values++
    if (values > mostValues) return refuse(undefined, `it holds more than ${mostValues} values`)
    if (value === null || typeof value === "boolean") return value
    if (typeof value === "string") return wellFormed(value)
    if (typeof value === "number" && Number.isFinite(value)) return value
    if (typeof value !== "object") return refuse(place, `a schema cannot hold ${nameOf(value)}`)
    if (open.has(value)) return refuse(place, "it contains itself")
    const level = (place?.level ?? 0) + 1
    if (level > mostLevels) return refuse(undefined, `it is nested more than ${mostLevels} levels deep`)
    open.add(value)
    const copied = Array.isArray(value) ? items(value, place, level) : members(value, place, level)
    open.delete(value)
    return copied
  }

  const items = (value: ReadonlyArray<unknown>, place: Place | undefined, level: number): unknown =>
    value.length > mostValues
      ? refuse(place, `it has more than ${mostValues} items`)
      : Array.from(value, (item, key) => one(item, { key, within: place, level }))

  const members = (value: object, place: Place | undefined, level: number): unknown => {
    const tag = Object.prototype.toString.call(value)
    if (tag !== "[object Object]") return refuse(place, `a schema cannot hold a ${tag.slice(8, -1)}`)
    const copied: Array<readonly [string, unknown]> = []
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue
      hasReferences ||= key === "$ref"
      copied.push([wellFormed(key), one(member, { key, within: place, level })])
    }
    return Object.fromEntries(copied)
  }

  const copied = Result.try(() => value === undefined ? null : one(value, undefined))
  if (Result.isFailure(copied)) refuse(looksAt, "looking at it throws an error")
  return found === undefined
    ? Result.succeed({ json: Result.getOrUndefined(copied), hasReferences })
    : Result.fail(found)
}

const nameOf = (value: unknown): string =>
  value === undefined ? "undefined" : typeof value === "number" ? String(value) : `a ${typeof value}`

const pathOf = (place: Place | undefined): string => {
  const keys: Array<string> = []
  for (let at = place; at !== undefined; at = at.within) {
    keys.push(
      typeof at.key === "number"
        ? `[${at.key}]`
        : /^[A-Za-z_$][\w$]*$/.test(at.key)
        ? `.${at.key}`
        : `[${JSON.stringify(at.key)}]`
    )
  }
  return keys.reverse().join("")
}

/** The text with a replacement character for each half of a surrogate pair, which the service refuses. */
export const wellFormed = (text: string): string =>
  /[\ud800-\udfff]/.test(text) ? text.replace(/\p{Surrogate}/gu, "\uFFFD") : text
