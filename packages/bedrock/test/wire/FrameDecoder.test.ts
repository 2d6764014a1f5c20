import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { crc32 } from "node:zlib"
import * as FrameDecoder from "../../src/wire/FrameDecoder.ts"
import * as Damage from "../support/Damage.ts"
import * as WireServer from "../support/WireServer.ts"

type Seen = readonly [messageType: string, name: string, said: string]

/** The frames in bytes that come in these pieces; what is wrong with them; whether the last is cut. */
const decode = (pieces: Iterable<Uint8Array>) => {
  const decoder = FrameDecoder.make()
  const seen: Array<Seen> = []
  let problem: string | undefined
  for (const piece of pieces) {
    problem ??= decoder.add(Buffer.from(piece), ({ errorMessage, messageType, name, payload }) => {
      seen.push([messageType, name, errorMessage ?? payload.toString()])
    })
  }
  return { seen, problem, cut: decoder.isInsideFrame() }
}

const inPieces = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))

const frames = [
  WireServer.event("messageStart", { role: "assistant" }),
  WireServer.delta("Hello"),
  WireServer.delta("é"),
  WireServer.exception("throttlingException", { message: "slow down" }),
  WireServer.errorFrame("ServiceUnavailable", "busy"),
  WireServer.rawFrame({ ":message-type": "event", ":event-type": "empty" }, "")
]

const expected: Array<Seen> = [
  ["event", "messageStart", `{"role":"assistant"}`],
  ["event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello"},"p":"abc"}`],
  ["event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"é"},"p":"abc"}`],
  ["exception", "throttlingException", `{"message":"slow down"}`],
  ["error", "ServiceUnavailable", "busy"],
  ["event", "empty", ""]
]

const all = Buffer.concat(frames)

/** The first twelve bytes of a frame with these lengths. */
const prelude = (length: number, headersLength: number): Buffer => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(length, 0)
  bytes.writeUInt32BE(headersLength, 4)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}

/** A frame of headers that are bytes, with right checksums. */
const withHeaders = (...headers: ReadonlyArray<number | string>): Buffer => {
  const bytes = Buffer.concat(headers.map((part) => typeof part === "number" ? Buffer.from([part]) : Buffer.from(part)))
  const frame = Buffer.concat([prelude(16 + bytes.length, bytes.length), bytes, Buffer.alloc(4)])
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4)
  return frame
}

const isEvent = [13, ":message-type", 7, 0, 5, "event"] as const

describe("wire/FrameDecoder", () => {
  it("hands over the frames of one piece", () => {
    assert.deepStrictEqual(decode([all]), { seen: expected, problem: undefined, cut: false })
  })

  it("does so wherever the bytes are divided", () => {
    for (let at = 0; at <= all.length; at++) {
      assert.deepStrictEqual(decode([all.subarray(0, at), all.subarray(at)]).seen, expected)
    }
    for (let size = 1; size < 40; size++) {
      assert.deepStrictEqual(decode(inPieces(all, size)), { seen: expected, problem: undefined, cut: false })
    }
  })

  it("hands over a frame with the last of its bytes", () => {
    const first = frames[0]!
    for (let at = 1; at < first.length; at++) {
      const { cut, seen } = decode(inPieces(first.subarray(0, at), 7))
      assert.deepStrictEqual([seen, cut], [[], true])
    }
    assert.lengthOf(decode(inPieces(first, 7)).seen, 1)
  })

  it("finds any bit that was changed", () => {
    for (let at = 0; at < all.length; at++) {
      const { problem, seen, cut } = decode([all.map((byte, index) => index === at ? byte ^ 4 : byte)])
      assert.isTrue(problem !== undefined || cut, `byte ${at}`)
      assert.deepStrictEqual(seen, expected.slice(0, seen.length))
    }
  })

  it.prop(
    "never says what was not sent, and nothing after a problem",
    [Schema.NonEmptyArray(Damage.ByteDamage), Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))],
    ([damages, size]) => {
      const { seen } = decode(inPieces(Damage.spoil(all, damages), size))
      assert.deepStrictEqual(seen, expected.slice(0, seen.length))
    }
  )

  it("skips headers of all types", () => {
    const types: ReadonlyArray<ReadonlyArray<number | string>> = [
      [1, "a", 0],
      [1, "b", 1],
      [1, "c", 2, 9],
      [1, "d", 3, 9, 9],
      [1, "e", 4, 9, 9, 9, 9],
      [1, "f", 5, "12345678"],
      [1, "g", 6, 0, 3, "abc"],
      [1, "h", 7, 0, 2, "ab"],
      [1, "i", 8, "12345678"],
      [1, "j", 9, "1234567890123456"]
    ]
    const name = [11, ":event-type", 7, 0, 4, "ping"]
    for (const type of types) {
      const { problem, seen } = decode([withHeaders(...type, ...isEvent, ...type, ...name, ...type)])
      assert.deepStrictEqual([problem, seen], [undefined, [["event", "ping", ""]]])
    }
    assert.lengthOf(decode([withHeaders(...types.flat(), ...isEvent, ...name)]).seen, 1)
  })

  it.each([
    ["a name longer than the headers", [200, "a"]],
    ["a name and no type", [1, "a"]],
    ["a type nobody knows", [...isEvent, 1, "a", 10]],
    ["a value longer than the headers", [...isEvent, 1, "a", 7, 0, 9, "ab"]],
    ["a value whose length is cut", [...isEvent, 1, "a", 6, 0]],
    ["an integer that is cut", [...isEvent, 1, "a", 5, "1234"]]
  ])("refuses headers with %s", (_, headers) => {
    assert.deepStrictEqual(decode([withHeaders(...headers)]), {
      seen: [],
      problem: "a frame with headers that cannot be read",
      cut: false
    })
  })

  it.each([
    ["none", []],
    ["one nobody knows", [13, ":message-type", 7, 0, 4, "ping"]],
    ["one that is no text", [13, ":message-type", 4, 0, 0, 0, 1]]
  ])("refuses a frame whose message type is %s", (_, headers) => {
    assert.strictEqual(decode([withHeaders(...headers)]).problem, "a frame that is not an event, exception or error")
  })

  it.each([
    ["16 MB and a byte", 16 * 1024 * 1024 + 1, 0, "a frame of 16777217 bytes, of which 16777216 are allowed"],
    ["4 GB", 0xffffffff, 0, "a frame of 4294967295 bytes, of which 16777216 are allowed"],
    ["less than it must have", 15, 0, "a frame shorter than its headers"],
    ["less than its headers", 100, 85, "a frame shorter than its headers"]
  ])("refuses a frame that declares %s, as soon as it does", (_, length, headersLength, problem) => {
    const bytes = prelude(length, headersLength)
    for (const pieces of [[bytes], inPieces(bytes, 1), [Buffer.concat([bytes, Buffer.alloc(100)])]]) {
      assert.strictEqual(decode(pieces).problem, problem)
    }
  })

  it("allocates no more than came", () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 64 }, () => {
      const decoder = FrameDecoder.make()
      decoder.add(prelude(16 * 1024 * 1024, 100), () => {})
      return decoder
    })
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 1024 * 1024)
    assert.isTrue(decoders.every((decoder) => decoder.isInsideFrame()))
  })

  it("decodes a frame of 16 MB from chunks of 64 bytes with few copies, in memory of its size", () => {
    const length = FrameDecoder.maxFrameLength - withHeaders(...isEvent).length
    const frame = Buffer.from(WireServer.rawFrame({ ":message-type": "event" }, new Uint8Array(length)))
    assert.strictEqual(frame.length, FrameDecoder.maxFrameLength)
    const before = process.memoryUsage().arrayBuffers
    const decoder = FrameDecoder.make()
    let payload = 0
    // to copy what is there with each piece would take many minutes
    for (let at = 0; at < frame.length; at += 64) {
      assert.isUndefined(decoder.add(frame.subarray(at, at + 64), (frame) => {
        payload = frame.payload.length
      }))
    }
    assert.strictEqual(payload, length)
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 4 * frame.length)
  })
})
