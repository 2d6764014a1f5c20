/**
 * Reads JSON of unknown shape: every reader is total, and gives `undefined` for a value of another type.
 *
 * No schema: an event of a stream is read a thousand times in an answer, and what it lacks is not an error.
 */
import * as Predicate from "effect/Predicate"

/** An object of JSON. */
export type JsonObject = { readonly [key: string]: unknown }

/** The value, if it is an object and no array. */
export const object = (value: unknown): JsonObject | undefined => Predicate.isObject(value) ? value : undefined

/** A member, also of what is no object. */
export const member = (value: unknown, key: string): unknown => object(value)?.[key]

/** A member that is text. */
export const text = (value: unknown, key: string): string | undefined => {
  const found = member(value, key)
  return typeof found === "string" ? found : undefined
}

/** A member that is text, not empty, or a number, as its digits: ids of some servers are numbers. */
export const id = (value: unknown, key: string): string | undefined => {
  const found = member(value, key)
  return typeof found === "string" && found !== "" ? found : typeof found === "number" ? `${found}` : undefined
}

/** A member that is a finite number. */
export const number = (value: unknown, key: string): number | undefined => {
  const found = member(value, key)
  return typeof found === "number" && Number.isFinite(found) ? found : undefined
}

/** The items of a member that is an array; none otherwise. */
export const list = (value: unknown, key: string): ReadonlyArray<unknown> => {
  const found = member(value, key)
  return Array.isArray(found) ? found : []
}
