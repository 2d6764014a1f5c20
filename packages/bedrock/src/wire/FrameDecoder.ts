/**
 * Decodes the frames of `application/vnd.amazon.eventstream` from chunks of any size.
 *
 * A frame is its length and that of its headers (4 bytes each), a checksum of these 8 bytes, headers, payload, and a
 * checksum of the whole: https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
 */
import { crc32 } from "node:zlib"
import { GrowingBytes } from "./GrowingBytes.ts"

/**
 * - `messageType`: `event`, `exception` or `error`.
 * - `name`: the type of the event or the exception, or the code of the error.
 * - `errorMessage`: the message of an error; events and exceptions have a payload.
 */
export interface Frame {
  readonly messageType: string
  readonly name: string
  readonly errorMessage: string | undefined
  readonly payload: Buffer
}

/**
 * - `add`: adds a chunk, passes on each complete frame, and returns the problem of an invalid one. Then the rest of the
 *   stream cannot be decoded: frames are delimited only by the length of the one before.
 * - `isInsideFrame`: whether a frame has begun that is not complete.
 */
export interface FrameDecoder {
  readonly add: (piece: Buffer, onFrame: (frame: Frame) => void) => string | undefined
  readonly isInsideFrame: () => boolean
}

/** The maximum frame length in bytes, as in the AWS SDKs. */
export const maxFrameLength = 16 * 1024 * 1024

/** A decoder for one stream. A frame's declared length is not allocated in advance. */
export const make = (): FrameDecoder => {
  let begun: GrowingBytes | undefined
  const readHeaders = makeHeaderReader()

  const decode = (frame: Buffer): Frame | string => {
    const end = frame.length - checksumLength
    if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) return wrongChecksum
    const payloadStart = preludeLength + frame.readUInt32BE(4)
    const headers = readHeaders(frame.subarray(preludeLength, payloadStart))
    return typeof headers === "string" ? headers : { ...headers, payload: frame.subarray(payloadStart, end) }
  }

  return {
    isInsideFrame: () => begun !== undefined,
    add: (piece, onFrame) => {
      for (let at = 0; at < piece.length;) {
        const bytes = begun === undefined ? piece.subarray(at) : begun.view()
        const length = frameLength(bytes)
        if (typeof length === "string") return length
        if (begun === undefined && bytes.length >= length) {
          at += length
          const frame = decode(bytes.subarray(0, length))
          if (typeof frame === "string") return frame
          onFrame(frame)
          continue
        }
        begun ??= new GrowingBytes()
        const part = piece.subarray(at, at + length - begun.length)
        at += part.length
        begun.add(part)
        const needed = frameLength(begun.view())
        if (typeof needed === "string") return needed
        if (begun.length < needed) continue
        const frame = decode(begun.view())
        if (typeof frame === "string") return frame
        begun = undefined
        onFrame(frame)
      }
    }
  }
}

const preludeLength = 12
const checksumLength = 4

/** The length of the frame that begins here: that of its prelude, until it is complete. */
const frameLength = (bytes: Buffer): number | string => {
  if (bytes.length < preludeLength) return preludeLength
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) return wrongChecksum
  const length = bytes.readUInt32BE(0)
  if (length > maxFrameLength) return `a frame of ${length} bytes, of which ${maxFrameLength} are allowed`
  return length < preludeLength + bytes.readUInt32BE(4) + checksumLength ? "a frame shorter than its headers" : length
}

const wrongChecksum = "a frame with a wrong checksum"

type Headers = Omit<Frame, "payload">

/** Consecutive frames mostly have the same headers. */
const makeHeaderReader = () => {
  let last: { readonly bytes: Buffer; readonly headers: Headers } | undefined
  return (bytes: Buffer): Headers | string => {
    if (last?.bytes.equals(bytes) === true) return last.headers
    const headers = readHeaders(bytes)
    // a copy: the bytes may be a small part of a large chunk
    if (typeof headers !== "string") last = { bytes: Buffer.from(bytes), headers }
    return headers
  }
}

/** A header is a name (its length in one byte), a type, and a value. Only string values are read. */
const readHeaders = (bytes: Buffer): Headers | string => {
  const texts = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 1 + bytes.readUInt8(at)
    const type = bytes[nameEnd] ?? -1
    const start = nameEnd + 1 + (hasLength(type) ? 2 : 0)
    if (start > bytes.length) return unreadable
    const length = hasLength(type) ? bytes.readUInt16BE(nameEnd + 1) : lengths[type]
    if (length === undefined || start + length > bytes.length) return unreadable
    if (type === textType) {
      texts.set(bytes.toString("utf8", at + 1, nameEnd), bytes.toString("utf8", start, start + length))
    }
    at = start + length
  }
  const messageType = texts.get(":message-type") ?? ""
  const nameHeader = nameHeaders.get(messageType)
  return nameHeader === undefined ? "a frame that is not an event, exception or error" : {
    messageType,
    name: texts.get(nameHeader) ?? "",
    errorMessage: texts.get(":error-message")
  }
}

const nameHeaders: ReadonlyMap<string, string> = new Map([
  ["event", ":event-type"],
  ["exception", ":exception-type"],
  ["error", ":error-code"]
])

const unreadable = "a frame with headers that cannot be read"

/** Lengths of values by type: true, false, byte, short, integer, long, bytes, text, timestamp, UUID. */
const lengths = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]

const textType = 7

/** Byte arrays and strings are preceded by their length. */
const hasLength = (type: number): boolean => type === 6 || type === textType
