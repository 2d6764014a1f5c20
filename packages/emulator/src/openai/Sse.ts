/**
 * Server-sent events, one a frame, and what a fault makes of them.
 */
import * as Result from "effect/Result"
import { isObject } from "../converse/rule/Finding.ts"
import * as Json from "../Json.ts"
import type * as Quirks from "./Quirks.ts"

const encoder = new TextEncoder()

const decoder = new TextDecoder()

/** The headers of a stream. */
export const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" }

/** `data: {…}` */
export const data = (value: unknown): Uint8Array => encoder.encode(`data: ${JSON.stringify(value)}\n\n`)

/** `event: …`, `data: {…}` */
export const event = (name: string, value: unknown): Uint8Array =>
  encoder.encode(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`)

/** `data: [DONE]`, the end of a stream of Chat Completions. */
export const done: Uint8Array = encoder.encode("data: [DONE]\n\n")

/** The frame with half of its JSON, so that it cannot be parsed. */
export const corrupted = (frame: Uint8Array): Uint8Array => {
  const text = decoder.decode(frame)
  return encoder.encode(`${text.slice(0, Math.ceil((text.length - 2) / 2))}\n\n`)
}

/** The frame as other servers send it: followed by a comment, or with other ends of lines. */
export const dressed = (frame: Uint8Array, quirks: Quirks.Quirks): Uint8Array => {
  if (!quirks.has("comments") && !quirks.has("crlf")) return frame
  const text = decoder.decode(frame) + (quirks.has("comments") ? ": keepalive\n\n" : "")
  return encoder.encode(quirks.has("crlf") ? text.replaceAll("\n", "\r\n") : text)
}

/** The ends that a stream can lack: the reason why the model stopped, the mark of the end, or both. */
export type End = "finish" | "done" | "both"

/** The frame without what tells the end; `undefined` when nothing of it is left. */
export const withoutEnd = (frame: Uint8Array, end: End): Uint8Array | undefined => {
  const text = decoder.decode(frame)
  if (text.startsWith("data: [DONE]")) return end === "finish" ? frame : undefined
  if (end === "done") return frame
  const [, name = "", json = ""] = /^((?:event: [^\n]*\n)?)data: ([^\r\n]*)/.exec(text) ?? []
  const value: unknown = Result.getOrUndefined(Json.parse(json))
  if (!isObject(value)) return frame
  const { choices, type } = value
  if (terminal.has(type)) return undefined
  return Array.isArray(choices)
    ? encoder.encode(`${name}data: ${JSON.stringify({ ...value, choices: choices.map(unfinished) })}\n\n`)
    : frame
}

const unfinished = (choice: unknown) => isObject(choice) ? { ...choice, finish_reason: null } : choice

const terminal: ReadonlySet<unknown> = new Set(["response.completed", "response.incomplete", "response.failed"])
