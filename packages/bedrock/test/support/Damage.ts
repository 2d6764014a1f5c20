/**
 * What may happen to an answer on its way: to its JSON, and to its bytes.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

/** JSON that stands where something else belongs. Some of it only a text can say. */
const odd = [
  "null",
  "true",
  "5",
  "-1",
  "1.5",
  "-0",
  "1e999",
  "-1e999",
  "9007199254740993",
  "123456789012345678901234567890",
  "\"\"",
  "\"AQID\"",
  "\"not base64!\"",
  "\"\\ud800\"",
  "[]",
  "{}",
  "[null]",
  "[[[[]]]]",
  "{\"length\":99999999}",
  "{\"__proto__\":{\"text\":1}}",
  "{\"constructor\":1,\"$unknown\":[\"a\",1],\"__type\":\"b\"}",
  "{\"text\":\"a\",\"image\":{}}"
] as const

/** Replaces, removes, renames, repeats or wraps one of the values in an answer. */
export const Mutation = Schema.Struct({
  how: Schema.Literals(["replace", "remove", "rename", "repeat", "wrap"]),
  at: position,
  by: Schema.Literals(odd)
})

/** The text of an answer after mutations, one after the other. */
export const mutate = (answer: unknown, mutations: ReadonlyArray<typeof Mutation.Type>): string => {
  // what only a text can say stands for itself until the end
  const raw = new Map<string, string>()
  const root: Holder = { answer: structuredClone(answer) }
  for (const [index, { at, by, how }] of mutations.entries()) {
    const places = placesIn(root)
    const [holder, key] = places[at % places.length] ?? [root, "answer"]
    const value = holder[key]
    if (how === "replace") {
      holder[key] = `\0${index}`
      raw.set(JSON.stringify(holder[key]), by)
    } else if (how === "wrap") holder[key] = [value]
    else if (how === "repeat" && Array.isArray(holder)) holder.push(value)
    else if (how === "rename" && !Array.isArray(holder)) {
      delete holder[key]
      holder["somethingNew"] = value
    } else if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else delete holder[key]
  }
  return [...raw].reduce((text, [mark, by]) => text.replace(mark, () => by), JSON.stringify(root["answer"] ?? null))
}

type Holder = Record<string, unknown>

const placesIn = (value: unknown): ReadonlyArray<readonly [Holder, string]> => {
  if (!Predicate.isObjectKeyword(value) || typeof value === "function") return []
  const holder = value as Holder // an array has its items by their names too
  return Object.keys(holder).flatMap((key) => [[holder, key] as const, ...placesIn(holder[key])])
}

/** Changes a bit, or cuts the end off. */
export const ByteDamage = Schema.Union([
  Schema.Struct({
    type: Schema.tag("flip"),
    at: position,
    bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
  }),
  Schema.Struct({ type: Schema.tag("cut"), at: position })
])

/** The bytes after the damages, one after the other. */
export const spoil = (whole: Uint8Array, damages: ReadonlyArray<typeof ByteDamage.Type>): Uint8Array => {
  let bytes = Uint8Array.from(whole)
  for (const damage of damages) {
    if (bytes.length === 0) break
    const at = damage.at % bytes.length
    if (damage.type === "flip") bytes[at] = bytes[at]! ^ (1 << damage.bit)
    else bytes = bytes.subarray(0, at)
  }
  return bytes
}
