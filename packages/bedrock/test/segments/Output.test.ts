import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Output from "../../src/segments/Output.ts"
import { lost } from "../support/MemoryStorage.ts"
import * as SegmentsDouble from "../support/SegmentsDouble.ts"

const { folder } = SegmentsDouble

const arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/id0"

/** The segments of an invocation that is over, with these files in its folder. */
const resumed = (files: Readonly<Record<string, unknown>>, options: SegmentsDouble.Options = {}) => {
  const { memory, service } = SegmentsDouble.make(options)
  for (const [name, content] of Object.entries(files)) {
    memory.write(`${folder}${name}`, typeof content === "string" ? content : JSON.stringify(content))
  }
  return Effect.map(Stream.runCollect(service.resume(arn)), Array.from<Output.Segment>)
}

const line = (segmentMetadata: object, more: object = {}) =>
  JSON.stringify({ embedding: [1, 0], segmentMetadata, status: "SUCCESS", ...more })

const vector = Float32Array.of(1, 0)

describe("The segments of an invocation", () => {
  it.effect("are Nova's lines, with their places in text, audio and video", () =>
    Effect.gen(function*() {
      const segments = yield* resumed({
        "segmented-embedding-result.json": { embeddingResults: [] },
        "manifest.json": {},
        "embedding-audio.jsonl": line({ segmentIndex: 0, segmentStartSeconds: 0, segmentEndSeconds: 4.5 }),
        "embedding-text.jsonl": [
          line({ segmentIndex: 0, segmentStartCharPosition: 0, segmentEndCharPosition: 800, truncatedCharLength: 0 }),
          line({
            segmentIndex: 1,
            segmentStartCharPosition: 800,
            segmentEndCharPosition: 900,
            truncatedCharLength: 850
          })
        ].join("\n"),
        "embedding-image.json": { embedding: [1, 0] }
      })
      assert.deepStrictEqual(segments, [
        { vector, content: "audio", whole: false, index: 0, startSeconds: 0, endSeconds: 4.5 },
        { vector, content: "image", whole: false },
        { vector, content: "text", whole: false, index: 0, startCharacter: 0, endCharacter: 800 },
        { vector, content: "text", whole: false, index: 1, startCharacter: 800, endCharacter: 900, truncatedAt: 850 }
      ])
    }))

  it.effect("are Marengo's clips and assets", () =>
    Effect.gen(function*() {
      const clip = { embedding: [1, 0], embeddingOption: "visual", embeddingScope: "clip", startSec: 0, endSec: 6 }
      const asset = { ...clip, embeddingOption: "transcription", embeddingScope: "asset" }
      assert.deepStrictEqual(yield* resumed({ "output.json": { data: [clip, asset] } }), [
        { vector, content: "visual", whole: false, startSeconds: 0, endSeconds: 6 },
        { vector, content: "transcription", whole: true, startSeconds: 0, endSeconds: 6 }
      ])
      const [single] = yield* resumed({ "output.json": { data: { embedding: [1, 0] } } })
      assert.deepStrictEqual(single?.vector, vector)
    }))

  it.effect("are looked for in the folder of the invocation, whichever of the two the service names", () =>
    Effect.gen(function*() {
      const files = { "embedding-text.jsonl": line({ segmentIndex: 3 }) }
      for (const key of ["out", "out/", "out/id0", "out/id0/"]) {
        const [segment] = yield* resumed(files, { states: [{ output: { bucket: "the-bucket", key } }] })
        assert.strictEqual(segment?.index, 3)
      }
      const [segment] = yield* resumed(files, { states: [{ output: undefined }] })
      assert.strictEqual(segment?.index, 3)
    }))

  it.effect.each([
    { reason: "RATE_LIMIT_EXCEEDED", tag: "RateLimitError" },
    { reason: "INTERNAL_SERVER_EXCEPTION", tag: "ProviderInternalError" },
    { reason: "INVALID_CONTENT", tag: "InvalidRequestError" },
    { reason: "RAI_VIOLATION_INPUT_TEXT_DEFLECTION", tag: "InvalidRequestError" }
  ])(
    "fail with $tag after all others, for one that the model failed on: $reason",
    ({ reason, tag }) =>
      Effect.gen(function*() {
        const { memory, service } = SegmentsDouble.make()
        const failed = line({ segmentIndex: 1 }, { status: "FAILURE", failureReason: reason, message: "it went wrong" })
        const lines = [line({ segmentIndex: 0 }), failed, line({ segmentIndex: 2 })]
        memory.write(`${folder}embedding-text.jsonl`, lines.join("\n"))
        const seen: Array<number | undefined> = []
        const error = yield* Effect.flip(
          Stream.runForEach(service.resume(arn), ({ index }) => Effect.sync(() => seen.push(index)))
        )
        assert.deepStrictEqual(seen, [0, 2])
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, "segment 1: it went wrong")
      })
  )

  it.effect("fail when what is there cannot be read, or nothing is there", () =>
    Effect.gen(function*() {
      const broken = [
        {},
        { "manifest.json": {} },
        { "embedding-text.jsonl": "{" },
        { "embedding-text.jsonl": line({}, { embedding: ["one"] }) },
        { "output.json": "[" },
        { "output.json": { data: [7] } },
        { "output.json": {} }
      ]
      for (const files of broken) {
        const error = yield* Effect.flip(resumed(files))
        assert.strictEqual(error._tag, "MalformedResponseError", JSON.stringify(files))
      }
    }))

  it.effect("are waited for; polls that are throttled change nothing", () =>
    Effect.gen(function*() {
      const throttled = new ProviderError.RateLimitError({ provider: "aws.bedrock", message: "too many requests" })
      const { memory, polls, service } = SegmentsDouble.make({
        states: [{ state: "running" }, throttled, lost, { state: "running" }, {}]
      })
      memory.write(`${folder}embedding-text.jsonl`, line({ segmentIndex: 0 }))
      const fiber = yield* Effect.forkChild(Stream.runCollect(service.resume(arn)))
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(polls(), 4)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* Fiber.join(fiber), 1)
    }))

  it.effect("fail as the invocation did, and when waiting ends before it is over", () =>
    Effect.gen(function*() {
      const reasons = [
        ["The bucket is not accessible: access denied", "PermissionDeniedError"],
        ["The video is longer than two hours", "InvalidRequestError"],
        ["Too many jobs: the limit is exceeded", "RateLimitError"]
      ] as const
      for (const [message, tag] of reasons) {
        const states = [{ state: "failed", message }] as const
        assert.strictEqual((yield* Effect.flip(resumed({}, { states })))._tag, tag)
        const { failure, state } = yield* SegmentsDouble.make({ states }).service.status(arn)
        assert.strictEqual(state, "failed")
        assert.include(failure?.message, message)
      }
      const settings = { polling: Schedule.recurs(0) }
      const error = yield* Effect.flip(resumed({}, { states: [{ state: "running" }], settings }))
      assert.deepInclude(error, { _tag: "TimeoutError", phase: "deadline" })
    }))

  it.effect("fail for expired credentials, and can be read with new ones (jobs 40)", () =>
    Effect.gen(function*() {
      const expired = new ProviderError.AuthenticationError({ provider: "aws.bedrock", message: "expired" })
      const { memory, service } = SegmentsDouble.make({ states: [expired, {}] })
      memory.write(`${folder}embedding-text.jsonl`, line({ segmentIndex: 0 }))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(service.resume(arn))), expired)
      assert.lengthOf(yield* Stream.runCollect(service.resume(arn)), 1)
    }))
})
