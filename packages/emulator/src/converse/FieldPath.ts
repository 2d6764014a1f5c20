/**
 * JSON Pointers (RFC 6901) into the additional fields of a model's answer.
 */
import { isObject } from "./rule/Finding.ts"

/** The selected fields in their places; pointers without a target are ignored. `undefined` when none has one. */
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
