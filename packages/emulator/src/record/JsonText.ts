/**
 * JSON as text that reads well in a diff: what fits on a line stands on one, and so do lists of numbers.
 */
import type * as Schema from "effect/Schema"

/** The text, indented by two spaces, without a line break at its end. */
export const print = (value: Schema.Json, indent = ""): string => {
  const line = onOneLine(value)
  if (typeof value !== "object" || value === null || line.length + indent.length <= width) return line
  const deeper = `${indent}  `
  if (isArray(value)) {
    return value.every((item) => typeof item === "number")
      ? line
      : `[\n${value.map((item) => deeper + print(item, deeper)).join(",\n")}\n${indent}]`
  }
  const members = Object.entries(value)
    .map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${print(item, deeper)}`)
  return `{\n${members.join(",\n")}\n${indent}}`
}

const width = 120

const onOneLine = (value: Schema.Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(onOneLine).join(", ")}]`
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${onOneLine(item)}`)
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`
}

/** `Array.isArray` does not tell readonly lists from objects. */
export const isArray = (value: Schema.Json | undefined): value is ReadonlyArray<Schema.Json> => Array.isArray(value)

/** An object, and no list. */
export const isObject = (value: Schema.Json | undefined): value is Schema.JsonObject =>
  typeof value === "object" && value !== null && !isArray(value)
