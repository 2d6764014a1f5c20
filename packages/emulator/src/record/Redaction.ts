/**
 * Redacts the texts of an exchange and keeps its shape: a placeholder shows the approximate length of a text, and is
 * equal for equal texts, so that a redacted recording can still be matched.
 *
 * Everything but known names of the protocol counts as text. Numbers are kept, those of embeddings too, and so are
 * errors and keys. A guessed text can be verified against its placeholder.
 */
import type * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import * as Content from "./Content.ts"
import { isArray, isObject } from "./JsonText.ts"
import type * as Recording from "./Recording.ts"

/** Redacts a text. Must be idempotent. */
export type Redact = (text: string) => string

/**
 * The placeholder: `<redacted 64 1f8a…>`, with the length of the text rounded up to a power of two, and 16 digits of
 * its SHA-256.
 */
export const placeholder: Redact = (text) => {
  if (text === "" || placeholderPattern.test(text)) return text
  const length = 2 ** Math.ceil(Math.log2(text.length))
  return `<redacted ${length} ${Crypto.createHash("sha256").update(text).digest("hex").slice(0, 16)}>`
}

const placeholderPattern = /^<redacted \d+ [0-9a-f]{16}>$/

/** Redacts an exchange. */
export const exchange = (exchange: Recording.Exchange, redact: Redact): Recording.Exchange => ({
  ...exchange,
  redacted: true,
  request: { ...exchange.request, ...content(exchange.request, redact) },
  response: response(exchange.response, redact)
})

/** Redacts a body. */
export const content = ({ body, bytes, text }: Recording.Content, redact: Redact): Recording.Content => {
  if (body !== undefined) return { body: mapTexts(body, textOf(redact)) }
  if (bytes !== undefined) return { text: redact(Buffer.from(bytes).toString("base64")) }
  return text === undefined ? {} : { text: redact(text) }
}

const response = (response: Recording.Response, redact: Redact): Recording.Response => {
  // an error describes the request, and clients depend on its message
  if (response.status >= 400) return response
  const { events } = response
  return {
    ...response,
    ...content(response, redact),
    ...(events === undefined ? undefined : { events: stream(events, redact) })
  }
}

/** The path of a text in JSON, without array indices. */
type Place = ReadonlyArray<string>

const textOf = (redact: Redact) => (text: string, place: Place): string => {
  const key = place.at(-1) ?? ""
  if (key !== "bytes" && key !== "data") return whole(text, redact)
  // a client may decode it
  const decoded = Buffer.from(text, "base64").toString()
  return placeholderPattern.test(decoded) ? text : Buffer.from(redact(text)).toString("base64")
}

/** JSON in a text stays JSON. */
const whole = (text: string, redact: Redact): string => {
  if (text === "") return text
  const json = /^\s*[[{]/.test(text) ? Content.parse(text) : undefined
  return json === undefined ? redact(text) : JSON.stringify(mapTexts(json, redact, ["input"]))
}

/**
 * The deltas of a text are redacted together, and the placeholder is split into as many: the client's concatenation is
 * the placeholder of the whole text, also when it sends it back.
 */
const stream = (events: ReadonlyArray<Recording.Event>, redact: Redact): ReadonlyArray<Recording.Event> => {
  const pieces = new Map<string, Array<string>>()
  for (const event of events) {
    mapEvent(event, (text, key) => {
      pieces.set(key, [...pieces.get(key) ?? [], text])
      return text
    })
  }
  const left = new Map([...pieces].map(([key, texts]) => [key, cut(whole(texts.join(""), redact), texts.length)]))
  return events.map((event) => mapEvent(event, (_, key) => left.get(key)?.shift() ?? ""))
}

const mapEvent = (event: Recording.Event, f: (text: string, key: string) => string): Recording.Event => {
  const map = (json: Schema.Json) => {
    const block = blockOf(json) ?? ""
    return mapTexts(json, (text, place) => f(text, [block, ...place].join("/")))
  }
  if ("chunk" in event) return { ...event, chunk: map(event.chunk) }
  if (!("event" in event)) return event
  const payload = map(event.payload)
  return isObject(payload) ? { ...event, payload } : event
}

/** The index of the content block of an event. */
const blockOf = (json: Schema.Json): number | undefined => {
  if (!isObject(json)) return undefined
  const { contentBlockIndex, index } = json
  if (typeof contentBlockIndex === "number") return contentBlockIndex
  if (typeof index === "number") return index
  for (const item of Object.values(json)) {
    const block = blockOf(item)
    if (block !== undefined) return block
  }
}

const cut = (text: string, count: number): Array<string> =>
  Array.from(
    { length: count },
    (_, piece) => text.slice(Math.round(text.length * piece / count), Math.round(text.length * (piece + 1) / count))
  )

/** Maps every text that is not a name of the protocol. */
const mapTexts = (json: Schema.Json, f: (text: string, place: Place) => string, place: Place = []): Schema.Json => {
  if (typeof json === "string") return isName(place) ? json : f(json, place)
  if (isArray(json)) return json.map((item) => mapTexts(item, f, place))
  return isObject(json)
    ? Object.fromEntries(Object.entries(json).map(([key, item]) => [key, mapTexts(item, f, [...place, key])]))
    : json
}

const isName = (place: Place): boolean => {
  const key = place.at(-1) ?? ""
  return names.has(key) && !place.some((step) => free.has(step)) && !(key === "name" && place.at(-2) === "document")
}

/** Members below these keys are user data, whatever their names. */
const free = new Set(["input", "json", "metadata", "parameters", "promptVariables", "requestMetadata"])

/** Keys whose texts are names of Bedrock and its models, ids and signatures. */
const names = new Set([
  "action",
  "anthropic_version",
  "completionReason",
  "effort",
  "embeddingPurpose",
  "embedding_types",
  "event_type",
  "finish_reason",
  "format",
  "guardrailIdentifier",
  "guardrailVersion",
  "id",
  "input_type",
  "latency",
  "mediaType",
  "media_type",
  "model",
  "name",
  "object",
  "redactedContent",
  "role",
  "service_tier",
  "signature",
  "status",
  "stopReason",
  "stop_reason",
  "taskType",
  "toolUseId",
  "tool_use_id",
  "truncate",
  "truncationMode",
  "ttl",
  "type"
])
