/**
 * Mutations of JSON: wrong types, nulls, missing or unknown members, huge numbers, deep nesting.
 *
 * The result is text, since JSON can hold numbers beyond JavaScript's.
 */
import * as Json from "../wire/Json.ts"
import type { Seeded } from "./Seeded.ts"

/** The text of a value after one to three mutations. */
export const mutate = (json: Json.Json, random: Seeded): string => {
  let changed = json
  for (let count = 1 + random.below(3); count > 0; count--) changed = change(changed, random)
  return print(changed)
}

/** Descends to a random value, and mutates it. */
const change = (json: Json.Json, random: Seeded): Json.Json => {
  if (Json.isArray(json) && json.length > 0 && random.chance(0.85)) {
    const at = random.below(json.length)
    switch (random.below(8)) {
      case 0:
        return json.filter((_, index) => index !== at)
      case 1:
        return [...json, json[at] ?? null]
      case 2:
        return json.toReversed()
      default:
        return json.map((item, index) => index === at ? change(item, random) : item)
    }
  }
  if (Json.isObject(json) && Object.keys(json).length > 0 && random.chance(0.85)) return changeMember(json, random)
  return hostile(random)
}

const changeMember = (json: Json.JsonObject, random: Seeded): Json.Json => {
  const entries = Object.entries(json)
  const at = random.below(entries.length)
  switch (random.below(8)) {
    case 0:
      return Object.fromEntries(entries.filter((_, index) => index !== at))
    case 1:
      return Object.fromEntries([...entries, [random.pick(names) ?? "x", hostile(random)]])
    case 2:
      return Object.fromEntries(
        entries.map(([name, value], index) => [index === at ? random.pick(names) ?? name : name, value])
      )
    default:
      return Object.fromEntries(
        entries.map(([name, value], index) => [name, index === at ? change(value, random) : value])
      )
  }
}

/** Member names with a meaning somewhere. */
const names = [
  "__proto__",
  "constructor",
  "length",
  "toJSON",
  "then",
  "$unknown",
  "$metadata",
  "text",
  "toolUse",
  "toolResult",
  "reasoningContent",
  "redactedContent",
  "citation",
  "citationsContent",
  "image",
  "content",
  "contentBlockIndex",
  "usage",
  "stopReason",
  "message",
  "trace",
  "embedding",
  "bytes",
  "unheard of"
]

const hostile = (random: Seeded): Json.Json => random.pick(values)?.(random) ?? null

const values: ReadonlyArray<(random: Seeded) => Json.Json> = [
  () => null,
  () => true,
  () => false,
  () => "",
  () => "x",
  () => "12",
  () => "\ud83d",
  (random) => "a\n".repeat(1 + random.below(2_000)),
  () => 0,
  () => -1,
  () => 0.5,
  () => 1e308,
  () => 2 ** 31,
  () => 9007199254740993n,
  () => -170141183460469231731687303715884105728n,
  () => raw("1e999"),
  () => raw("-0"),
  () => raw("0.1e-999"),
  () => [],
  () => ({}),
  () => [null],
  () => [[]],
  () => ["x", 1, null],
  () => ({ length: 99_999_999 }),
  () => ({ "0": 1, length: 3 }),
  () => raw(`{"toJSON":"x","then":1}`),
  () => ({ $unknown: ["x", 1] }),
  () => raw(`{"__proto__":{"text":"x"}}`),
  () => raw(`{"text":"a","text":1}`),
  (random) => raw(nested("[", "]", 1 + random.below(3_000))),
  (random) => raw(nested(`{"a":`, "}", 1 + random.below(3_000))),
  (random) => Array.from({ length: random.below(300) }, () => null)
]

/** A value that is printed as this text. */
const raw = (text: string): string => `${mark}${text}`

const mark = "\u0001raw\u0001"

const nested = (open: string, close: string, depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`

const print = (json: Json.Json): string => {
  if (typeof json === "string" && json.startsWith(mark)) return json.slice(mark.length)
  if (Json.isArray(json)) return `[${json.map(print).join(",")}]`
  if (Json.isObject(json)) {
    return `{${Object.entries(json).map(([name, value]) => `${JSON.stringify(name)}:${print(value)}`).join(",")}}`
  }
  return Json.print(json)
}
