/**
 * JSON Pointers (RFC 6901) into what a model answered beyond the fields of Converse.
 */
import { isObject } from "./rule/Finding.ts"

/** The pointed-at fields in their places; pointers that lead nowhere are ignored. `undefined` when none leads anywhere. */
export const select = (fields: unknown, pointers: ReadonlyArray<string>): unknown => {
  let selected: unknown
  for (const pointer of pointers) {
    const path = pointer.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
    selected = merge(selected, pick(fields, path))
  }
  return selected
}

const pick = (value: unknown, [key, ...rest]: ReadonlyArray<string>): unknown => {
  if (key === undefined) return value
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
  const picked = pick(value[key], rest)
  return picked === undefined ? undefined : { [key]: picked }
}

const merge = (one: unknown, other: unknown): unknown => {
  if (!isObject(one) || !isObject(other)) return other ?? one
  const merged: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) merged[key] = merge(one[key], value)
  return merged
}
