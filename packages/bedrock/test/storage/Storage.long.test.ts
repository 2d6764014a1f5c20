import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as BedrockClient from "../../src/BedrockClient.ts"
import * as BedrockError from "../../src/BedrockError.ts"
import * as Storage from "../../src/storage/Storage.ts"

const live = Emulator.layer({ s3: { buckets: ["the-bucket"] } }).pipe(
  Layer.provide(Layer.merge(TestChat.layer(), TestEmbedding.layer({ dimensions: 2 })))
)

const connect = Effect.gen(function*() {
  const { client: options } = yield* Emulator.Emulator
  const client = yield* BedrockClient.make(options)
  const s3 = { endpoint: options.endpoint, forcePathStyle: true }
  return yield* Storage.make(client, s3, {}, "a test")
})

const digest = (bytes: Uint8Array) => Crypto.createHash("sha256").update(bytes).digest("base64")

const bytes = (text: string) => new TextEncoder().encode(text)

const file = { bucket: "the-bucket", key: "in/one.jsonl" }

describe("S3, by its SDK", () => {
  it.live("keeps a whole object, with its digest, until it is removed", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      assert.isUndefined(yield* storage.head(file))
      const content = bytes("Hello, S3")
      yield* storage.put(file, content, digest(content))
      assert.deepInclude(yield* storage.head(file), { size: 9, sha256: digest(content) })
      yield* storage.remove(file)
      yield* storage.remove(file)
      assert.isUndefined(yield* storage.head(file))
    }).pipe(Effect.provide(live)))

  it.live("refuses bytes that do not have their digest", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      const error = yield* Effect.flip(storage.put(file, bytes("Hello"), digest(bytes("Other"))))
      assert.include(["InvalidRequestError", "ProviderInternalError"], error._tag)
      assert.isUndefined(yield* storage.head(file))
    }).pipe(Effect.provide(live)))

  it.live("keeps an object of parts, with the digest of their digests; what is open is listed and aborted", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      const pieces = [Buffer.alloc(5 * 1024 * 1024, "a"), Buffer.from("the end")]
      const other = yield* storage.open({ ...file, key: `${file.key}.other` })
      const upload = yield* storage.open(file)
      assert.deepStrictEqual(yield* storage.uploads(file), [upload])
      const parts = yield* Effect.forEach(
        pieces,
        (piece, index) => storage.part(file, upload, { number: index + 1, bytes: piece, sha256: digest(piece) })
      )
      yield* storage.complete(file, upload, parts)
      const whole = digest(Buffer.concat(pieces.map((piece) => Buffer.from(digest(piece), "base64"))))
      assert.deepInclude(yield* storage.head(file), { size: 5 * 1024 * 1024 + 7, sha256: `${whole}-2` })
      assert.deepStrictEqual(yield* storage.uploads(file), [])
      yield* storage.abort({ ...file, key: `${file.key}.other` }, other)
      yield* storage.abort({ ...file, key: `${file.key}.other` }, other)
      assert.deepStrictEqual(yield* storage.uploads({ ...file, key: `${file.key}.other` }), [])
    }).pipe(Effect.provide(live)))

  it.live("reads ranges as they arrive, of one version of an object", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      const content = Buffer.alloc(200_000, "0123456789")
      yield* storage.put(file, content, digest(content))
      const etag = (yield* storage.head(file))?.etag
      const read = (start: number, end: number) => Stream.runCollect(storage.read(file, { start, end, etag }))
      assert.strictEqual(Buffer.concat(yield* read(12, 15)).toString(), "234")
      assert.deepStrictEqual(Buffer.concat(yield* read(0, 200_000)), content)
      // What nobody reads to its end is closed: the layer would wait for it.
      yield* Stream.runDrain(Stream.take(storage.read(file, { start: 0, end: 200_000, etag }), 1))
      yield* storage.put(file, bytes("changed"), digest(bytes("changed")))
      const error = yield* Effect.flip(read(0, 3))
      assert.strictEqual(error._tag, "InvalidRequestError")
      const missing = yield* Effect.flip(
        Stream.runDrain(storage.read({ ...file, key: "none" }, { start: 0, end: 1, etag: undefined }))
      )
      assert.isTrue(BedrockError.isMissing(missing))
    }).pipe(Effect.provide(live)))

  it.live("lists objects by the front of their keys, over pages", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      const keys = Array.from({ length: 1_005 }, (_, index) => `out/${String(index).padStart(4, "0")}`)
      const content = bytes("{}")
      yield* Effect.forEach(["other", ...keys], (key) => storage.put({ ...file, key }, content, digest(content)), {
        concurrency: 20,
        discard: true
      })
      const listed = yield* Stream.runCollect(storage.list({ ...file, key: "out/" }))
      assert.deepStrictEqual(listed.map(({ key }) => key), keys)
      assert.deepInclude(listed[0], { size: 2 })
    }).pipe(Effect.provide(live)), 20_000)

  it.live("says where a bucket is, and whether it is there", () =>
    Effect.gen(function*() {
      const storage = yield* connect
      assert.strictEqual(yield* storage.regionOf("the-bucket"), "us-east-1")
      const error = yield* Effect.flip(storage.regionOf("no-such-bucket"))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "bucket" })
      assert.include(error.message, "s3://no-such-bucket/")
    }).pipe(Effect.provide(live)))
})
