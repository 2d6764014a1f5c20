/**
 * What is known of a refused or failed request: where it was sent, and what the bodies of errors say, whose shapes differ from
 * server to server.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Head } from "../client/Answer.ts"
import * as Redaction from "./Redaction.ts"

/** Who was asked. `server` is its host; `url` the one called, without query; `secrets` and `request` are kept out of messages. */
export interface Asked {
  readonly provider: string
  readonly model?: string | undefined
  readonly server?: string | undefined
  readonly url?: string | undefined
  readonly requestId?: string | undefined
  readonly secrets?: ReadonlyArray<string> | undefined
  readonly request?: unknown
}

/**
 * - `codes`: the names that the server gives the error, the most specific one first.
 * - `words`: its own words, safe to show; `raw`: the same unredacted, for classification only.
 * - `param`: the field of the request that they are about. `detail`: the object that holds all this.
 * - `html`: whether the body is a page.
 */
export interface Facts {
  readonly asked: Asked
  readonly status: number
  readonly headers: Head["headers"]
  readonly requestId: string | undefined
  readonly codes: ReadonlyArray<string>
  readonly words: string
  readonly raw: string
  readonly param: string | undefined
  readonly detail: Readonly<Record<string, unknown>>
  readonly html: boolean
}

/** From the body of an answer. */
export const ofText = (asked: Asked, head: Head, text: string): Facts => {
  const parsed = Result.getOrUndefined(ExactJson.parse(text))
  if (parsed !== undefined) return ofJson(asked, head, parsed)
  const start = text.trim()
  const html = /^<(!doctype|html|head|body|\?xml|title|h1|center)/i.test(start)
  const raw = html ? start.slice(0, 120).replace(/\s+/g, " ") : start.slice(0, longest)
  return facts(asked, head, { codes: [], raw, param: undefined, detail: {}, html })
}

/** From JSON, of an answer or of an event in a stream. */
export const ofJson = (asked: Asked, head: Head, json: unknown): Facts => {
  const { detail, raw } = read(json)
  const inner = record(detail["innererror"] ?? detail["inner_error"])
  const amazon = head.headers["x-amzn-errortype"]?.split(":", 1)[0]
  const codes = [detail["code"], inner["code"], amazon, detail["__type"], detail["type"], detail["status"]]
    // AWS may write a namespace in front.
    .flatMap((code) => typeof code === "string" && code !== "" ? [code.slice(0, 100).replace(/^[\w.]+#/, "")] : [])
  const param = typeof detail["param"] === "string" && detail["param"] !== ""
    ? detail["param"].slice(0, 100)
    : undefined
  const status = head.status >= 300 ? head.status : statusOf(detail) ?? statusOfCodes(codes)
  return facts(asked, { ...head, status }, { codes, raw, param, detail, html: false })
}

const longest = 2000

const facts = (
  asked: Asked,
  { headers, requestId, status }: Head,
  said: Pick<Facts, "codes" | "raw" | "param" | "detail" | "html">
): Facts => ({ asked, status, headers, requestId, ...said, words: Redaction.redact(said.raw, asked) })

/**
 * The object with the error and its words:
 *
 *     {"error": {"message", "type", "param", "code"}}      OpenAI, Azure, LiteLLM, Ollama, LM Studio, newer vLLM
 *     {"object": "error", "message", "type", "code"}       vLLM
 *     {"error": "text"}                                    LM Studio, Ollama
 *     {"detail": "text" | [{"loc", "msg"}]}                FastAPI
 *     {"message"} or {"Message"}                           AWS
 */
const read = (json: unknown): Pick<Facts, "detail" | "raw"> => {
  if (Array.isArray(json)) return read(json[0])
  const body = record(json)
  const { detail, error } = body
  if (typeof error === "string") return { detail: body, raw: cut(error) }
  if (Predicate.isObject(error) && !Array.isArray(error)) return { detail: record(error), raw: wordsOf(record(error)) }
  if (typeof detail === "string") return { detail: body, raw: cut(detail) }
  if (Array.isArray(detail)) return { detail: body, raw: cut(detail.slice(0, 5).map(problemOf).join("; ")) }
  if (Predicate.isObject(detail)) return read({ error: detail })
  return { detail: body, raw: wordsOf(body) }
}

/** Without its `input`, which is content of the request. */
const problemOf = (given: unknown): string => {
  const { loc, msg } = record(given)
  const place = Array.isArray(loc) ? loc.filter((part) => Predicate.isString(part) || Predicate.isNumber(part)) : []
  return `${place.join(".")}: ${Predicate.isString(msg) ? msg : "invalid"}`
}

const wordsOf = (error: Readonly<Record<string, unknown>>): string => {
  const { metadata, msg } = error
  const said = error["message"] ?? error["Message"] ?? msg ?? error["error_description"] ?? error["title"]
  const { raw } = record(metadata)
  return cut([said, raw].filter(Predicate.isString).join(" "))
}

const cut = (text: string): string => text.length > longest ? `${text.slice(0, longest)}…` : text

const statusOf = ({ code, status, status_code }: Readonly<Record<string, unknown>>): number | undefined =>
  [status_code, status, code].map(Number).find((number) => Number.isInteger(number) && number >= 400 && number < 600)

/** Of an error that came with status 200, such as an event of a stream. */
const statusOfCodes = (codes: ReadonlyArray<string>): number => {
  const found = codes.flatMap((code) => statuses.filter(([pattern]) => pattern.test(code)))
  return found[0]?.[1] ?? 500
}

const statuses: ReadonlyArray<readonly [pattern: RegExp, status: number]> = [
  [/invalid_?request|bad_?request|validation/i, 400],
  [/not_?found/i, 404]
]

/** An object that can be read, whatever the value is. */
export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && !Array.isArray(value) ? value : {}
