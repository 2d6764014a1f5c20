/**
 * Prints JSON for readable diffs: values that fit on a line, and lists of numbers, are on one line.
 */
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"

/** The text, indented by two spaces, without a line break at its end. */
export const print = (value: Schema.Json, indent = ""): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (isArray(value) && value.every((item) => typeof item === "number")) return `[${value.join(", ")}]`
  const line = onOneLine(value, width - indent.length)
  if (line !== undefined) return line
  const deeper = `${indent}  `
  if (isArray(value)) return `[\n${value.map((item) => deeper + print(item, deeper)).join(",\n")}\n${indent}]`
  const members = Object.entries(value)
    .map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${print(item, deeper)}`)
  return `{\n${members.join(",\n")}\n${indent}}`
}

const width = 120

/** `undefined` when it is longer than `room`, which is detected early. */
const onOneLine = (value: Schema.Json, room: number): string | undefined => {
  if (typeof value === "string" && value.length > room) return undefined
  if (typeof value !== "object" || value === null) return within(JSON.stringify(value), room)
  if (isArray(value)) {
    let line = "["
    for (const item of value) {
      const next = onOneLine(item, room - line.length)
      if (next === undefined) return undefined
      line += line === "[" ? next : `, ${next}`
    }
    return within(`${line}]`, room)
  }
  let line = "{"
  for (const key in value) {
    const item = value[key]
    if (item === undefined) continue
    const next = onOneLine(item, room - line.length)
    if (next === undefined) return undefined
    line += `${line === "{" ? " " : ", "}${JSON.stringify(key)}: ${next}`
  }
  return within(line === "{" ? "{}" : `${line} }`, room)
}

const within = (line: string, room: number): string | undefined => line.length <= room ? line : undefined

/** `Array.isArray` does not narrow readonly arrays. */
export const isArray = (value: Schema.Json | undefined): value is ReadonlyArray<Schema.Json> => Array.isArray(value)

/** An object that is not an array. */
export const isObject = (value: Schema.Json | undefined): value is Schema.JsonObject => Predicate.isObject(value)
