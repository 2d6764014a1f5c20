/**
 * Bodies in a recording: as JSON, as text, or else as bytes.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Json from "../Json.ts"
import type * as Recording from "./Recording.ts"

/** Decodes a body. */
export const fromBytes = (bytes: Uint8Array): Recording.Content => {
  if (bytes.length === 0) return {}
  const text = Result.getOrUndefined(Result.try(() => decoder.decode(bytes)))
  if (text === undefined) return { bytes }
  return Result.match(Json.parse(text), { onSuccess: (body) => ({ body }), onFailure: () => ({ text }) })
}

/** Encodes a body; JSON without white space. */
export const toBytes = ({ body, bytes, text }: Recording.Content): Uint8Array =>
  body === undefined ? bytes ?? encoder.encode(text ?? "") : encoder.encode(JSON.stringify(body))

/** A text as JSON; `undefined` when it is not. */
export const parse = (text: string): Schema.Json | undefined => Result.getOrUndefined(Json.parse(text))

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const encoder = new TextEncoder()
