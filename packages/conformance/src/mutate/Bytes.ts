/**
 * Mutations of bytes: of bodies, and of event streams, whose frames may also be valid with mutated payloads.
 */
import * as Result from "effect/Result"
import { crc32 } from "node:zlib"
import * as EventStream from "../wire/EventStream.ts"
import * as Json from "../wire/Json.ts"
import * as JsonText from "./JsonText.ts"
import type { Seeded } from "./Seeded.ts"

/** A mutated body: its bytes or its JSON. */
export const body = (bytes: Uint8Array, random: Seeded): Uint8Array => {
  const json = random.chance(0.8) ? Result.getOrUndefined(Json.parseBytes(bytes)) : undefined
  return json === undefined ? damaged(bytes, random) : Buffer.from(JsonText.mutate(json, random))
}

/** A mutated stream. */
export const stream = (bytes: Uint8Array, random: Seeded): Uint8Array => {
  const frames = [...EventStream.cut(bytes)].filter((frame) => typeof frame !== "string")
  const kind = random.below(10)
  if (kind < 6) return Buffer.concat(said(frames, random))
  if (kind < 8) return Buffer.concat(shuffled(frames, random))
  return kind === 8 ? damaged(bytes, random) : Buffer.concat(misframed(frames, random))
}

/** Flipped, truncated, repeated, deleted or inserted bytes. */
const damaged = (bytes: Uint8Array, random: Seeded): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  const at = random.below(Math.max(1, copy.length))
  const length = 1 + random.below(64)
  switch (random.below(6)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
      return copy
    case 1:
      return copy.subarray(0, at)
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - length))])
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)])
    case 4:
      return Buffer.concat([
        copy.subarray(0, at),
        Uint8Array.from({ length }, () => random.below(256)),
        copy.subarray(at)
      ])
    default:
      return copy.fill(random.below(256), at, at + length)
  }
}

type Frames = ReadonlyArray<Uint8Array>

/** Reordered, repeated or deleted frames. */
const shuffled = (frames: Frames, random: Seeded): Frames => {
  const at = random.below(Math.max(1, frames.length))
  const other = random.below(Math.max(1, frames.length))
  const [one, two] = [frames[at], frames[other]]
  if (one === undefined || two === undefined) return frames
  switch (random.below(4)) {
    case 0:
      return frames.filter((_, index) => index !== at)
    case 1:
      return frames.map((frame, index) => index === at ? two : index === other ? one : frame)
    case 2:
      return frames.flatMap((frame, index) =>
        index === at ? Array.from({ length: 1 + random.below(20) }, () => frame) : [frame]
      )
    default:
      return [...frames.slice(at), ...frames.slice(0, at)]
  }
}

/** Frames with invalid lengths, with valid checksums or not, or with invalid checksums. */
const misframed = (frames: Frames, random: Seeded): Frames => {
  const at = random.below(Math.max(1, frames.length))
  return frames.map((frame, index) => {
    if (index !== at) return frame
    const copy = Uint8Array.from(frame)
    const view = new DataView(copy.buffer)
    const length = random.pick([0, 1, 12, 15, 16, 17, 0x7fffffff, 0xffffffff, 24_000_000, copy.length + 1]) ?? 0
    switch (random.below(4)) {
      case 0:
        view.setUint32(random.pick([0, 4]) ?? 0, length)
        view.setUint32(8, crc32(copy.subarray(0, 8)))
        return copy
      case 1:
        view.setUint32(random.pick([0, 4, 8]) ?? 0, length)
        return copy
      case 2:
        view.setUint32(copy.length - 4, random.below(2 ** 32))
        return copy
      default:
        // lengths of headers and names inside a frame with valid checksums
        copy[12 + random.below(Math.max(1, copy.length - 16))] = random.below(256)
        view.setUint32(copy.length - 4, crc32(copy.subarray(0, -4)))
        return copy
    }
  })
}

/** Valid frames, one to three of them with mutated content. */
const said = (frames: Frames, random: Seeded): Frames => {
  let changed = frames
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(Math.max(1, changed.length))
    changed = changed.map((frame, index) => index === at ? other(frame, random) : frame)
  }
  return changed
}

const other = (bytes: Uint8Array, random: Seeded): Uint8Array => {
  const [frame] = EventStream.read(bytes).frames
  if (frame === undefined) return bytes
  const json = Result.getOrElse(Json.parseBytes(frame.payload), () => null)
  const renamed = random.chance(0.15)
    ? { ...frame.headers, [random.pick(headerNames) ?? ":event-type"]: random.pick(headerValues) ?? "" }
    : frame.headers
  const indexed = Json.isObject(json) && random.chance(0.2)
    ? { ...json, contentBlockIndex: random.pick([0, 1, 2, -1, 1e9, 0.5, "0", null]) ?? null }
    : json
  // the chunks of InvokeModel have their JSON one level deeper
  const inner = Json.text(json, "bytes")
  const payload = inner !== undefined && random.chance(0.5)
    ? JSON.stringify({ bytes: Buffer.from(damaged(Buffer.from(inner, "base64"), random)).toString("base64") })
    : JsonText.mutate(indexed, random)
  return EventStream.write({ headers: renamed, payload: Buffer.from(payload) })
}

const headerNames = [":event-type", ":message-type", ":content-type", ":exception-type", ":error-code"]

const headerValues = [
  "",
  "event",
  "exception",
  "error",
  "contentBlockStart",
  "contentBlockDelta",
  "contentBlockStop",
  "messageStop",
  "metadata",
  "chunk",
  "initial-response",
  "somethingNew",
  "throttlingException",
  "validationException",
  "newException",
  "__proto__",
  "text/plain"
]
