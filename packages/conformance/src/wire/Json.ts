/**
 * JSON as it stands in bytes: whole numbers beyond 2^53 are kept exact, as `bigint`.
 *
 * What is expected of the product is read by this, never by the product's own decoders.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** Any JSON value. */
export type Json = null | boolean | number | bigint | string | ReadonlyArray<Json> | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: Json
}

/** Reads a text; fails with what the parser says. */
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

/** Reads bytes as UTF-8. */
export const parseBytes = (bytes: Uint8Array): Result.Result<Json, string> => parse(decoder.decode(bytes))

/** Writes a value; whole numbers come out with all their digits. */
export const print = (value: Json): string => {
  if (typeof value === "bigint") return value.toString()
  if (isArray(value)) return `[${value.map(print).join(",")}]`
  if (isObject(value)) {
    return `{${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${print(item)}`).join(",")}}`
  }
  return JSON.stringify(value)
}

/** `Array.isArray` does not tell readonly lists from objects. */
export const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

/** An object, and no list. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !isArray(value)

/** A member of what may be no object; `null` counts as missing. */
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

/** A member that is a number a double can hold. */
export const number = (value: Json | undefined, ...path: ReadonlyArray<string>): number | undefined => {
  const found = member(value, ...path)
  return typeof found === "number" ? found : undefined
}

/** The value without members that are `null`, which say the same as missing ones. */
export const withoutNulls = (value: Json): Json => {
  if (isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => item === null ? [] : [[name, withoutNulls(item)]])
  )
}

/** Whether a whole number that a double cannot hold is anywhere inside. */
export const holdsLargeNumber = (value: Json): boolean => {
  if (typeof value === "bigint") return true
  if (isArray(value)) return value.some(holdsLargeNumber)
  return isObject(value) && Object.values(value).some(holdsLargeNumber)
}
