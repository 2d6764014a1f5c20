/**
 * Exact JSON: integers beyond 2^53 are parsed as `bigint`.
 *
 * Expected values are parsed by this module, not by the product's decoders.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** Any JSON value. */
export type Json = null | boolean | number | bigint | string | ReadonlyArray<Json> | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: Json
}

/** Parses a text; fails with the parser's message. */
export const parse = (text: string): Result.Result<Json, string> =>
  Result.try({
    try: (): Json => JSON.parse(text, exact),
    catch: (error) => Predicate.isError(error) ? error.message : "not JSON"
  })

const exact = (_name: string, value: unknown, context?: { readonly source?: string }): unknown => {
  const source = context?.source ?? ""
  return typeof value === "number" && !Number.isSafeInteger(value) && wholeNumber.test(source) ? BigInt(source) : value
}

const wholeNumber = /^-?\d{1,4096}$/

const decoder = new TextDecoder()

/** Parses bytes as UTF-8. */
export const parseBytes = (bytes: Uint8Array): Result.Result<Json, string> => parse(decoder.decode(bytes))

/** Prints a value; integers keep all their digits. */
export const print = (value: Json): string => {
  if (typeof value === "bigint") return value.toString()
  if (isArray(value)) return `[${value.map(print).join(",")}]`
  if (isObject(value)) {
    return `{${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${print(item)}`).join(",")}}`
  }
  return JSON.stringify(value)
}

/** `Array.isArray` does not narrow readonly arrays. */
export const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

/** An object that is not an array. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !isArray(value)

/** A member of a value that may not be an object; `null` counts as missing. */
export const member = (value: Json | undefined, ...path: ReadonlyArray<string>): Json | undefined => {
  let found: Json | undefined = value
  for (const name of path) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
  return found ?? undefined
}

/** A member that is an object. */
export const object = (value: Json | undefined, ...path: ReadonlyArray<string>): JsonObject | undefined => {
  const found = member(value, ...path)
  return isObject(found) ? found : undefined
}

/** The members of this name that are objects. */
export const objects = (values: ReadonlyArray<Json>, ...path: ReadonlyArray<string>): ReadonlyArray<JsonObject> =>
  values.map((value) => object(value, ...path)).filter((found) => found !== undefined)

/** A member that is a list; an empty one where there is none. */
export const list = (value: Json | undefined, ...path: ReadonlyArray<string>): ReadonlyArray<Json> => {
  const found = member(value, ...path)
  return isArray(found) ? found : []
}

/** A member that is a text. */
export const text = (value: Json | undefined, ...path: ReadonlyArray<string>): string | undefined => {
  const found = member(value, ...path)
  return typeof found === "string" ? found : undefined
}

/** A member that is a number within the range of a double. */
export const number = (value: Json | undefined, ...path: ReadonlyArray<string>): number | undefined => {
  const found = member(value, ...path)
  return typeof found === "number" ? found : undefined
}

/** The value without `null` members, which equal missing ones. */
export const withoutNulls = (value: Json): Json => {
  if (isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => item === null ? [] : [[name, withoutNulls(item)]])
  )
}

/** Whether it contains an integer beyond the range of a double. */
export const holdsLargeNumber = (value: Json): boolean => {
  if (typeof value === "bigint") return true
  if (isArray(value)) return value.some(holdsLargeNumber)
  return isObject(value) && Object.values(value).some(holdsLargeNumber)
}
