import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Decoding from "../src/batch/Decoding.ts"
import * as Families from "../src/embedding/Families.ts"
import * as Download from "../src/storage/Download.ts"
import * as Lines from "../src/storage/Lines.ts"
import type * as Storage from "../src/storage/Storage.ts"
import * as Upload from "../src/storage/Upload.ts"
import * as MemoryStorage from "./support/MemoryStorage.ts"

const megabyte = 1024 * 1024

const model = "amazon.titan-embed-text-v2:0"

const line = Buffer.from(
  `${
    JSON.stringify({
      recordId: "R0000000000",
      modelInput: { inputText: "word ".repeat(1_000) },
      modelOutput: { embedding: Array.from({ length: 1_024 }, (_, index) => index / 1_024), inputTextTokenCount: 3 }
    })
  }\n`
)

/** What an object has at a place: the line again and again. */
const contentAt = (start: number, length: number): Buffer => {
  const first = start % line.length
  const lines = Math.ceil((first + length) / line.length)
  return Buffer.concat(Array.from({ length: lines }, () => line)).subarray(first, first + length)
}

/** How much more is in use at most, of 300 MB that pass by. */
const peak = Effect.fnUntraced(function*<A, E>(work: (sample: () => void) => Effect.Effect<A, E>) {
  V8.setFlagsFromString("--expose-gc")
  const collect: unknown = Vm.runInNewContext("gc")
  const used = () => {
    if (typeof collect === "function") collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  const before = used()
  let most = 0
  const result = yield* work(() => {
    most = Math.max(most, used() - before)
  })
  return { result, most: most / megabyte }
})

const retry = Schedule.recurs(0)

describe("Memory of a batch job", () => {
  it.live("does not grow with the results: 300 MB of them (jobs 32)", () =>
    Effect.gen(function*() {
      const records = Math.floor(300 * megabyte / line.length)
      const size = records * line.length
      const storage: Pick<Storage.Storage, "read"> = {
        read: (_, { end, start }) =>
          Stream.map(
            // As a connection gives them: one after another.
            Stream.rechunk(Stream.range(0, Math.ceil((end - start) / 65_536) - 1), 1),
            (chunk) => contentAt(start + chunk * 65_536, Math.min(65_536, end - start - chunk * 65_536))
          )
      }
      const family = Families.find(model)!
      const options = { model, purpose: "document", vectorType: "float", truncate: "none" } as const
      const decode = Decoding.embedding(family, options, {})
      const { most, result } = yield* peak((sample) => {
        const bytes = Download.bytes(
          { ...MemoryStorage.make().storage, ...storage },
          "the-bucket",
          { key: "out/1.jsonl.out", size, etag: undefined },
          { rangeSize: 32 * megabyte, retry }
        )
        return Stream.runFold(Lines.split(bytes, 64 * megabyte), () => 0, (count, line) => {
          const { result } = decode(line)
          if (count % 1_000 === 0) sample()
          return result._tag === "Success" ? count + 1 : count
        })
      })
      assert.strictEqual(result, records)
      assert.isBelow(most, 48)
    }), 120_000)

  it.live("does not grow with the records: 300 MB of them (jobs 41)", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      let sent = 0
      const digests: Array<Buffer> = []
      const storage: Storage.Storage = {
        ...memory.storage,
        part: (_, __, { bytes, number, sha256 }) =>
          Effect.sync(() => {
            sent += bytes.length
            digests.push(Buffer.from(sha256, "base64"))
            return { number, etag: undefined, sha256 }
          }),
        complete: () => Effect.void,
        head: () =>
          Effect.sync(() => {
            const whole = Crypto.createHash("sha256").update(Buffer.concat(digests)).digest("base64")
            return { size: sent, etag: undefined, sha256: `${whole}-${digests.length}` }
          })
      }
      const records = Math.floor(300 * megabyte / line.length)
      const { most } = yield* peak((sample) =>
        Upload.lines(
          storage,
          { bucket: "the-bucket", key: "in/1.jsonl" },
          Stream.map(Stream.rechunk(Stream.range(1, records), 10), (number) => {
            if (number % 1_000 === 0) sample()
            return Uint8Array.from(line.subarray(0, -1))
          }),
          { partSize: 8 * megabyte, retry }
        )
      )
      assert.strictEqual(sent, records * line.length)
      assert.isBelow(most, 48)
    }), 120_000)
})
