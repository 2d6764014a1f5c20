/**
 * The text of an answer as it flows, for people: what the events of a stream add to it, in any dialect.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Json from "../Json.ts"
import type * as Recording from "./Recording.ts"

/** The text that one event of an event stream adds. */
export const ofEvent = (event: Recording.Event): string => {
  if ("chunk" in event) return ofJson(event.chunk)
  return "event" in event ? ofJson(event.payload) : ""
}

/** The text that server-sent events add; a line without JSON adds none. */
export const ofLines = (text: string): string =>
  text.split(/\r?\n/).map((line) => {
    if (!line.startsWith("data:")) return ""
    return ofJson(Result.getOrUndefined(Json.parse(line.slice("data:".length))))
  }).join("")

/** The last events of Responses repeat the whole text, and are left out. */
const ofJson = (json: unknown): string => {
  if (!Predicate.isObject(json)) return ""
  const type: unknown = Reflect.get(json, "type")
  if (typeof type === "string" && type.startsWith("response.") && !type.endsWith(".delta")) return ""
  return textIn(json, 0)
}

const textIn = (json: unknown, depth: number): string => {
  if (depth > deepest || typeof json !== "object" || json === null) return ""
  if (Array.isArray(json)) return json.map((item) => textIn(item, depth + 1)).join("")
  return Object.entries(json).map(([key, value]) =>
    typeof value === "string" ? (texts.has(key) ? value : "") : textIn(value, depth + 1)
  ).join("")
}

/** Deeper than the text of any model. */
const deepest = 8

/** The keys of texts in the events of Converse, and of the bodies of models. */
const texts: ReadonlySet<string> = new Set([
  "text",
  "content",
  "delta",
  "generation",
  "outputText",
  "thinking",
  "partial_json",
  "input",
  "arguments"
])
