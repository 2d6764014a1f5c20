/**
 * Differences between two requests, as text.
 */
import type * as Schema from "effect/Schema"
import * as JsonFile from "../JsonFile.ts"
import { isArray, isObject } from "./JsonText.ts"

/** A path of the body with different values; the missing side has none. */
export interface Difference {
  readonly path: string
  readonly recorded?: Schema.Json | undefined
  readonly sent?: Schema.Json | undefined
}

/** Every path where two values differ, in the order of the recorded one. */
export const between = (
  recorded: Schema.Json | undefined,
  sent: Schema.Json | undefined,
  path: ReadonlyArray<string | number> = []
): ReadonlyArray<Difference> => {
  if (isArray(recorded) && isArray(sent)) {
    return Array.from(
      { length: Math.max(recorded.length, sent.length) },
      (_, index) => between(recorded[index], sent[index], [...path, index])
    ).flat()
  }
  if (isObject(recorded) && isObject(sent)) {
    return [...new Set([...Object.keys(recorded), ...Object.keys(sent)])]
      .flatMap((key) => between(recorded[key], sent[key], [...path, key]))
  }
  return recorded === sent ? [] : [{ path: JsonFile.pathOf(path), recorded, sent }]
}

/** A distance: 1 for each difference, less for similar texts. */
export const distance = (differences: ReadonlyArray<Difference>): number =>
  differences.reduce((sum, { recorded, sent }) => sum + apart(recorded, sent), 0)

const apart = (recorded: Schema.Json | undefined, sent: Schema.Json | undefined): number => {
  if (typeof recorded !== "string" || typeof sent !== "string") return 1
  const [a, b] = [[...recorded].toReversed(), [...sent].toReversed()]
  const alike = commonStart(recorded, sent) + commonStart(a, b)
  return 1 - 0.9 * Math.min(1, alike / Math.max(recorded.length, sent.length))
}

/** Such as `messages[0].content[0].text: "a" recorded, "b" sent`. */
export const toText = ({ path, recorded, sent }: Difference): string => {
  // of long texts, an excerpt around the difference
  const from = typeof recorded === "string" && typeof sent === "string" ? commonStart(recorded, sent) : 0
  const place = path === "" ? "the body" : path
  return `${place}: ${excerpt(recorded, from)} recorded, ${excerpt(sent, from)} sent`
}

const excerpt = (value: Schema.Json | undefined, from: number): string => {
  if (value === undefined) return "nothing"
  const text = typeof value === "string" ? value : JSON.stringify(value)
  const begin = text.length > longest && from > context ? from - context : 0
  const end = begin + longest
  const shown = `${begin === 0 ? "" : "…"}${text.slice(begin, end)}${end < text.length ? "…" : ""}`
  return typeof value === "string" ? JSON.stringify(shown) : shown
}

/** The maximum length of an excerpt, and the number of characters before the difference. */
const longest = 80
const context = 20

const commonStart = (a: ArrayLike<string>, b: ArrayLike<string>): number => {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
