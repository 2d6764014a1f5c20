import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Upload from "../../src/storage/Upload.ts"
import * as MemoryStorage from "../support/MemoryStorage.ts"

const location = { bucket: "the-bucket", key: "in/reviews.jsonl" }

const uri = "s3://the-bucket/in/reviews.jsonl"

const options: Upload.Options = { partSize: 10, retry: Schedule.recurs(2) }

const bytes = (text: string) => new TextEncoder().encode(text)

const upload = <E = never>(
  memory: ReturnType<typeof MemoryStorage.make>,
  lines: ReadonlyArray<string>,
  end: Stream.Stream<Uint8Array, E> = Stream.empty
): Effect.Effect<void, E | ProviderError.CallError> =>
  Upload.lines(memory.storage, location, Stream.concat(Stream.fromIterable(lines.map(bytes)), end), options)

describe("Upload.lines", () => {
  it.effect("puts what is smaller than a part as it is, with a line break after each line", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      yield* upload(memory, ["{}", "[1]"])
      assert.strictEqual(memory.text(uri), "{}\n[1]\n")
      assert.deepStrictEqual(memory.calls, ["uploads", "put", "head"])
    }))

  it.effect("sends what is larger in parts, none of them larger than asked", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      const lines = ["x".repeat(25), "{}", "y".repeat(9)]
      yield* upload(memory, lines)
      assert.strictEqual(memory.text(uri), lines.map((line) => `${line}\n`).join(""))
      assert.deepStrictEqual(memory.calls, ["uploads", "open", "part", "part", "part", "part", "complete", "head"])
      assert.strictEqual(memory.openUploads(), 0)
    }))

  it.effect("aborts what a process before left of the same key, and nothing else (jobs 41)", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      memory.leave(uri)
      memory.leave(uri)
      memory.leave(`${uri}.other`)
      yield* upload(memory, ["{}"])
      assert.strictEqual(memory.openUploads(), 1)
    }))

  it.effect("aborts its upload when the lines fail, and fails as they do (jobs 41)", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      const error = yield* Effect.flip(upload(memory, ["x".repeat(30)], Stream.fail("the database is gone")))
      assert.strictEqual(error, "the database is gone")
      assert.include(memory.calls, "part")
      assert.strictEqual(memory.openUploads(), 0)
      assert.deepStrictEqual(memory.uris(), [])
    }))

  it.effect.each(["open", "part", "complete"] as const)(
    "aborts its upload when %s keeps failing (jobs 41)",
    (call) =>
      Effect.gen(function*() {
        const memory = MemoryStorage.make({ fault: (name) => name === call ? MemoryStorage.lost : undefined })
        const error = yield* Effect.flip(upload(memory, ["x".repeat(30)]))
        assert.strictEqual(error, MemoryStorage.lost)
        assert.lengthOf(memory.calls.filter((name) => name === call), 3)
        assert.strictEqual(memory.openUploads(), 0)
      })
  )

  it.effect("aborts its upload when it is interrupted, and leaves nothing (jobs 41)", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make({ fault: (name, count) => name === "part" && count === 1 ? "hang" : undefined })
      const fiber = yield* Effect.forkChild(upload(memory, ["x".repeat(30)]))
      for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
      assert.strictEqual(memory.openUploads(), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(memory.openUploads(), 0)
    }))

  it.effect("sends a part again that failed once", () =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make({
        fault: (name, count) => name === "part" && count === 1 ? MemoryStorage.lost : undefined
      })
      yield* upload(memory, ["x".repeat(30)])
      assert.strictEqual(memory.text(uri), `${"x".repeat(30)}\n`)
    }))

  it.effect("fails when S3 has something else than was sent (jobs 41)", () =>
    Effect.gen(function*() {
      for (const stored of [{ size: 3 }, { sha256: "other" }]) {
        const memory = MemoryStorage.make()
        const { storage } = memory
        const head = Effect.map(storage.head(location), (found) => found && { ...found, ...stored })
        const spoiled = { ...memory, storage: { ...storage, head: () => head } }
        const error = yield* Effect.flip(upload(spoiled, ["{}", "[]"]))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, uri)
      }
    }))

  it.effect.prop("stores the lines, whatever their lengths and the parts", {
    lines: Schema.Array(Schema.String),
    partSize: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))
  }, ({ lines, partSize }) =>
    Effect.gen(function*() {
      const memory = MemoryStorage.make()
      const texts = lines.map((line) => JSON.stringify(line.toWellFormed()))
      const given = Stream.fromIterable(texts.map(bytes))
      yield* Upload.lines(memory.storage, location, given, { ...options, partSize })
      assert.strictEqual(memory.text(uri), texts.map((text) => `${text}\n`).join(""))
    }), { arbitrary: { runs: 200 } })
})
