/**
 * Values without a schema: arguments and results of tools, data of providers.
 *
 * Their JSON form is that of `JSON.stringify`, with bytes as base64 under a reserved key; functions and cycles are errors. An
 * object that has a reserved key of its own is wrapped: a model may write one.
 */
import * as Base64 from "effect/encoding/Base64"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** The JSON form of values of type `T`: an annotation for `Schema.declare`. */
export const toCodecJson = <T>() => () =>
  Schema.link<T>()(
    Schema.Json,
    SchemaTransformation.transform<T, Schema.Json>({
      // The value was of type `T` when it was encoded.
      decode: (json) => fromJson(json) as T,
      // `Schema.Json` checks the result.
      encode: (value) => (toJson(value, []) ?? null) as Schema.Json
    })
  )

/** Any value. */
export const value = Schema.declare((_: unknown): _ is unknown => true, { toCodecJson: toCodecJson<unknown>() })

const bytesKey = "~strata/bytes"

const objectKey = "~strata/object"

const toJson = (value: unknown, ancestors: ReadonlyArray<object>): unknown => {
  if (value instanceof Uint8Array) return { [bytesKey]: Base64.encode(value) }
  if (typeof value !== "object" || value === null) return value
  if (ancestors.includes(value)) return Symbol.for("cycle")
  const within = [...ancestors, value]
  if (Array.isArray(value)) return value.map((item) => toJson(item, within) ?? null)
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON()
  const copy = Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => item === undefined ? [] : [[key, toJson(item, within)]])
  )
  return isReserved(copy) ? { [objectKey]: copy } : copy
}

/** Whether an object has a reserved key, and no other. */
const isReserved = (value: object): boolean => {
  const [key, ...others] = Object.keys(value)
  return others.length === 0 && (key === bytesKey || key === objectKey)
}

const fromJson = (json: Schema.Json): unknown => {
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(fromJson)
  const entries = Object.entries(json)
  const [key, value] = entries[0] ?? []
  if (entries.length === 1 && key === bytesKey && typeof value === "string") {
    return Result.getOrElse(Base64.decode(value), () => json)
  }
  const isWrapped = entries.length === 1 && key === objectKey && isObject(value) && isReserved(value)
  // What an object of JSON holds is JSON.
  const own = isWrapped ? Object.entries(value as { readonly [key: string]: Schema.Json }) : entries
  return Object.fromEntries(own.map(([key, value]) => [key, fromJson(value)]))
}
