import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as Download from "../../src/storage/Download.ts"
import * as MemoryStorage from "../support/MemoryStorage.ts"

const bucket = "the-bucket"

const key = "out/1.jsonl.out"

const content = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251)

const options: Download.Options = { rangeSize: 300, retry: Schedule.recurs(3) }

/** What a download gives of an object, and what was asked for. */
const download = Effect.fnUntraced(function*(given: MemoryStorage.Options, size = content.length) {
  const memory = MemoryStorage.make({ chunk: 64, ...given })
  memory.write(`s3://${bucket}/${key}`, content)
  const listed = Option.getOrThrow(yield* Stream.runHead(memory.storage.list({ bucket, key: "out/" })))
  const bytes = Download.bytes(memory.storage, bucket, { ...listed, size }, options)
  return { chunks: Buffer.concat(yield* Stream.runCollect(bytes)), reads: memory.reads }
})

describe("Download.bytes", () => {
  it.effect("reads an object in ranges", () =>
    Effect.gen(function*() {
      const { chunks, reads } = yield* download({})
      assert.deepStrictEqual(Uint8Array.from(chunks), content)
      assert.deepStrictEqual(reads, [[0, 300], [300, 600], [600, 900], [900, 1_000]])
    }))

  it.effect("asks again from where a connection was lost, or ended without an error (jobs 32)", () =>
    Effect.gen(function*() {
      const { chunks, reads } = yield* download({
        cutAfter: (count) => count === 1 ? 100 : count === 2 ? 50 : undefined
      })
      assert.deepStrictEqual(Uint8Array.from(chunks), content)
      assert.deepStrictEqual(reads, [[0, 300], [300, 600], [400, 600], [450, 600], [600, 900], [900, 1_000]])
    }))

  it.effect("never takes a cut download for a whole one (jobs 32)", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(download({ cutAfter: (count) => count === 0 ? 100 : 0 }))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.strictEqual((yield* Effect.flip(download({}, 1_200)))._tag, "ConnectionError")
    }))

  it.effect("does not try again what no retry helps", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      const bytes = Download.bytes(memory.storage, bucket, { key, size: 10, etag: undefined }, {
        ...options,
        retry: Schedule.recurs(0)
      })
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(bytes)))._tag, "InvalidRequestError")
      assert.lengthOf(memory.calls, 1)
    }))

  it.effect.prop("gives all bytes in order, wherever it is cut", {
    cuts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 299 }))).check(Schema.isMaxLength(20))
  }, ({ cuts }) =>
    Effect.gen(function*() {
      const { chunks } = yield* download({ cutAfter: (count) => cuts[count] })
      assert.deepStrictEqual(Uint8Array.from(chunks), content)
    }), { arbitrary: { runs: 200 } })
})

describe("Download.whole", () => {
  it.effect("is a small object, and nothing where it is missing or large", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      memory.write(`s3://${bucket}/${key}`, content)
      const whole = (key: string, most: number) => Download.whole(memory.storage, { bucket, key }, most, options)
      assert.deepStrictEqual(yield* whole(key, 1_000), content)
      assert.isUndefined(yield* whole(key, 999))
      assert.isUndefined(yield* whole("other", 999))
    }))
})
