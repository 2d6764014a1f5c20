/**
 * The frames of `application/vnd.amazon.eventstream`: two lengths and two CRC-32 checksums around typed headers and a
 * JSON payload.
 */
import { EventStreamCodec } from "@smithy/eventstream-codec"
import type { MessageHeaders } from "@smithy/eventstream-codec"

/** A frame with an event. `padding` is the number of padding characters in the payload, 0 to 62. */
export const event = (type: string, payload: Readonly<Record<string, unknown>>, padding: number): Uint8Array =>
  encode(
    { ":event-type": text(type), ":content-type": json, ":message-type": text("event") },
    { ...payload, p: alphabet.slice(0, padding) }
  )

/** A frame that ends a stream with an exception of its operation. */
export const exception = (type: string, payload: Readonly<Record<string, unknown>>): Uint8Array =>
  encode({ ":exception-type": text(type), ":content-type": json, ":message-type": text("exception") }, payload)

/** A frame that ends a stream with an unmodelled error. */
export const error = (code: string, message: string): Uint8Array =>
  codec.encode({
    headers: { ":error-code": text(code), ":error-message": text(message), ":message-type": text("error") },
    body: new Uint8Array(0)
  })

/** The frame with a wrong checksum: that of the whole message, or that of its prelude, the two lengths. */
export const corrupted = (frame: Uint8Array, checksum: "message" | "prelude"): Uint8Array => {
  const copy = Uint8Array.from(frame)
  const last = checksum === "prelude" ? preludeLength - 1 : copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 0xff
  return copy
}

/** Two lengths and their checksum, four bytes each. */
const preludeLength = 12

/** The longest padding, in characters. */
export const maxPadding = 62

/** The alphabet of the padding: the service hides the length of a token by appending a prefix of it. */
const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const codec = new EventStreamCodec(
  (input) => typeof input === "string" ? input : decoder.decode(input),
  (input) => encoder.encode(input)
)

const text = (value: string) => ({ type: "string", value }) as const

const json = text("application/json")

const encode = (headers: MessageHeaders, payload: Readonly<Record<string, unknown>>): Uint8Array =>
  codec.encode({ headers, body: encoder.encode(JSON.stringify(payload)) })
