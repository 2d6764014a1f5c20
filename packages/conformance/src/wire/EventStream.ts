/**
 * Decodes and encodes `application/vnd.amazon.eventstream`: two lengths, two CRC-32 checksums, typed headers, a
 * payload.
 *
 * Independent of the SDK's codec and the emulator's, which it checks.
 */
import { crc32 } from "node:zlib"

/** One frame. Only string headers are read, the only type that Bedrock uses. */
export interface Frame {
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
}

/** The frames of a body, and the problem after the last valid one. */
export interface Frames {
  readonly frames: ReadonlyArray<Frame>
  readonly problem?: string | undefined
}

/** Reads all frames of a body. */
export const read = (body: Uint8Array): Frames => {
  const frames: Array<Frame> = []
  for (const bytes of cut(body)) {
    if (typeof bytes === "string") return { frames, problem: bytes }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const headerBytes = view.getUint32(4)
    if (view.getUint32(8) !== crc32(bytes.subarray(0, 8))) return { frames, problem: "checksum of a prelude" }
    if (view.getUint32(bytes.length - 4) !== crc32(bytes.subarray(0, -4))) return { frames, problem: "checksum" }
    if (headerBytes > bytes.length - 16) return { frames, problem: "length of the headers" }
    frames.push({
      headers: readHeaders(bytes.subarray(12, 12 + headerBytes)),
      payload: bytes.subarray(12 + headerBytes, -4)
    })
  }
  return { frames }
}

/** The bytes of each frame, split by the declared lengths; ends with a text if the rest is invalid. */
export const cut = function*(body: Uint8Array): Generator<Uint8Array | string> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  let offset = 0
  while (offset < body.length) {
    if (body.length - offset < 16) return yield `${body.length - offset} bytes behind the last frame`
    const length = view.getUint32(offset)
    if (length < 16 || length > body.length - offset) return yield `a frame of ${length} bytes`
    yield body.subarray(offset, offset + length)
    offset += length
  }
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

const textType = 7

const readHeaders = (bytes: Uint8Array): Record<string, string> => {
  const headers: Record<string, string> = {}
  let at = 0
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] ?? 0)
    const length = ((bytes[nameEnd + 1] ?? 0) << 8) + (bytes[nameEnd + 2] ?? 0)
    if (bytes[nameEnd] !== textType) return headers
    headers[decoder.decode(bytes.subarray(at + 1, nameEnd))] = decoder.decode(
      bytes.subarray(nameEnd + 3, nameEnd + 3 + length)
    )
    at = nameEnd + 3 + length
  }
  return headers
}

/** Encodes a frame with valid checksums. */
export const write = ({ headers, payload }: Frame): Uint8Array => {
  const named = Object.entries(headers).map(([name, value]) => {
    const [nameBytes, valueBytes] = [encoder.encode(name), encoder.encode(value)]
    return Buffer.concat([
      Uint8Array.of(nameBytes.length),
      nameBytes,
      Uint8Array.of(textType, valueBytes.length >> 8, valueBytes.length & 255),
      valueBytes
    ])
  })
  const headerBytes = named.reduce((sum, { length }) => sum + length, 0)
  const bytes = new Uint8Array(16 + headerBytes + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length)
  view.setUint32(4, headerBytes)
  view.setUint32(8, crc32(bytes.subarray(0, 8)))
  let at = 12
  for (const header of named) {
    bytes.set(header, at)
    at += header.length
  }
  bytes.set(payload, at)
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)))
  return bytes
}

/** A frame with an event; the payload is JSON text, so that numbers keep their notation. */
export const event = (type: string, payload: string): Uint8Array =>
  write({
    headers: { ":event-type": type, ":content-type": "application/json", ":message-type": "event" },
    payload: encoder.encode(payload)
  })

/** A frame that ends a stream with an exception. */
export const exception = (type: string, payload: string): Uint8Array =>
  write({
    headers: { ":exception-type": type, ":content-type": "application/json", ":message-type": "exception" },
    payload: encoder.encode(payload)
  })

/** A frame that ends a stream with an unmodelled error. */
export const error = (code: string, message: string): Uint8Array =>
  write({
    headers: { ":error-code": code, ":error-message": message, ":message-type": "error" },
    payload: new Uint8Array(0)
  })
