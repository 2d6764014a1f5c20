/**
 * Splits a stream into frames, and converts them to the events of a recording and back.
 */
import { EventStreamCodec } from "@smithy/eventstream-codec"
import type { Message } from "@smithy/eventstream-codec"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Frame from "../http/Frame.ts"
import * as Content from "./Content.ts"
import { isObject } from "./JsonText.ts"
import type * as Recording from "./Recording.ts"

/** Splits bytes into whole frames; `rest` returns an incomplete one at the end. */
export interface Cutter {
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>
  readonly rest: () => ReadonlyArray<Uint8Array>
}

/** Bytes that do not begin like a frame are passed on unchanged, and so is all that follows. */
export const makeCutter = (): Cutter => {
  let buffered: Uint8Array = new Uint8Array(0)
  let framed = true
  const rest = (): ReadonlyArray<Uint8Array> => {
    const left = buffered
    buffered = new Uint8Array(0)
    return left.length === 0 ? [] : [left]
  }
  return {
    rest,
    push: (bytes) => {
      buffered = buffered.length === 0 ? bytes : Buffer.concat([buffered, bytes])
      const frames: Array<Uint8Array> = []
      while (framed && buffered.length >= prelude) {
        const length = new DataView(buffered.buffer, buffered.byteOffset).getUint32(0)
        framed = length >= shortest && length <= longest
        if (!framed || buffered.length < length) break
        frames.push(buffered.subarray(0, length))
        buffered = buffered.subarray(length)
      }
      return framed ? frames : [...frames, ...rest()]
    }
  }
}

/**
 * The two lengths; the length of a frame without headers and payload; and of the longest, which has 16 MB of payload.
 */
const prelude = 8
const shortest = 16
const longest = 16 * 1024 * 1024 + 128 * 1024 + shortest

/** The event of a frame that arrived after `at` milliseconds. */
export const toEvent = (frame: Uint8Array, at: number): Recording.Event => {
  const message = Result.getOrUndefined(Result.try(() => codec.decode(frame)))
  return message === undefined ? raw(frame, at) : fromMessage(message, at) ?? raw(frame, at)
}

// the bytes are part of a longer buffer
const raw = (frame: Uint8Array, at: number): Recording.Event => ({ at, frame: Uint8Array.from(frame) })

const fromMessage = ({ body, headers }: Message, at: number): Recording.Event | undefined => {
  const names = Object.keys(headers).toSorted().join()
  const text = (name: string) => headers[name]?.type === "string" ? String(headers[name].value) : ""
  if (names === ":error-code,:error-message,:message-type" && body.length === 0) {
    return { at, error: text(":error-code"), message: text(":error-message") }
  }
  const payload = Content.fromBytes(body).body
  if (!isObject(payload) || text(":content-type") !== "application/json") return undefined
  if (names === ":content-type,:exception-type,:message-type") {
    return { at, exception: text(":exception-type"), payload }
  }
  if (names !== ":content-type,:event-type,:message-type") return undefined
  const event = text(":event-type")
  const { p: _padding, ...rest } = payload
  const chunk = event === "chunk" ? chunkOf(rest) : undefined
  return chunk === undefined ? { at, event, payload: rest } : { at, chunk }
}

/** The JSON in `bytes`, if it is the only member, and encodes to the same bytes. */
const chunkOf = ({ bytes, ...others }: Schema.JsonObject): Schema.Json | undefined => {
  if (typeof bytes !== "string" || Object.keys(others).length > 0) return undefined
  const text = Result.getOrUndefined(Base64.decodeString(bytes))
  const json = text === undefined ? undefined : Content.parse(text)
  return json !== undefined && toChunk(json) === bytes ? json : undefined
}

const toChunk = (json: Schema.Json): string => Base64.encode(JSON.stringify(json))

/** The frame of an event, with valid checksums. */
export const fromEvent = (event: Recording.Event): Uint8Array => {
  if ("frame" in event) return event.frame
  if ("chunk" in event) return Frame.event("chunk", { bytes: toChunk(event.chunk) }, 0)
  if ("event" in event) return Frame.event(event.event, event.payload, 0)
  if ("exception" in event) return Frame.exception(event.exception, event.payload)
  return Frame.error(event.error, event.message)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const codec = new EventStreamCodec(
  (input) => typeof input === "string" ? input : decoder.decode(input),
  (input) => encoder.encode(input)
)
