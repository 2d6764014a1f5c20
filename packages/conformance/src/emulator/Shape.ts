/**
 * The shape of an answer: nested member names, without values.
 */
import { compare, type Difference } from "../Difference.ts"
import * as Json from "../wire/Json.ts"

/** The shape of JSON: type names for scalars, equal consecutive list items once. */
export const of = (json: Json.Json): Json.Json => {
  if (Json.isArray(json)) return distinct(json.map(of))
  if (!Json.isObject(json)) return "·"
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, of(value)]))
}

/** Equal consecutive items count as one. */
const distinct = (items: ReadonlyArray<Json.Json>): ReadonlyArray<Json.Json> =>
  items.filter((item, index) => index === 0 || Json.print(item) !== Json.print(items[index - 1] ?? null))

/** An event by its name. */
export type Named = readonly [name: string, payload: Json.Json]

/**
 * Compares streams: the same events in the same order, with the same members. Consecutive deltas of one kind count as
 * one.
 */
export const compareEvents = (
  expected: ReadonlyArray<Named>,
  actual: ReadonlyArray<Named>
): ReadonlyArray<Difference> => {
  const [told, said] = [shapes(expected), shapes(actual)]
  const names = (events: ReadonlyArray<Json.JsonObject>) => events.map((event) => Object.keys(event)[0]).join(" ")
  if (names(told) !== names(said)) {
    return [{ path: "(events)", problem: "different", expected: names(told), actual: names(said) }]
  }
  return told.flatMap((event, index) => compare(event, said[index], "exact"))
}

const shapes = (events: ReadonlyArray<Named>): ReadonlyArray<Json.JsonObject> =>
  Json.objects(distinct(events.map(([name, payload]) => ({ [name]: of(payload) }))))

/** Names the events of InvokeModelWithResponseStream by the model's own event type. */
export const named = (payload: Json.JsonObject): Named => {
  const type = Json.text(payload, "type")
  const [first = "chunk"] = Object.keys(payload)
  if (type !== undefined) return [type, payload]
  return Json.isObject(payload[first]) ? [first, payload] : ["chunk", payload]
}
