import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Request from "../../src/segments/Request.ts"
import type * as Segments from "../../src/segments/service.ts"
import { lost } from "../support/MemoryStorage.ts"
import * as SegmentsDouble from "../support/SegmentsDouble.ts"

const { model } = SegmentsDouble

const marengo2 = "twelvelabs.marengo-embed-2-7-v1:0"
const marengo3 = "twelvelabs.marengo-embed-3-0-v1:0"

const video = { uri: "s3://media/talk.mp4", mediaType: "video/mp4" }
const audio = { uri: "s3://media/talk.mp3", mediaType: "audio/mpeg; rate=44100" }

const input = { bucket: "the-bucket", key: "in/" }

/** The model's input for a request. */
const inputOf = Effect.fnUntraced(function*(request: Request.Request, settings: Partial<Segments.Settings> = {}) {
  const double = SegmentsDouble.make({ settings })
  yield* double.service.start(request)
  return { ...double, sent: JSON.parse(double.started[0]!.input) as unknown }
})

describe("A request to embed in segments", () => {
  it.effect("asks Nova for a text, in the request while it fits", () =>
    Effect.gen(function*() {
      const { memory, sent } = yield* inputOf({
        source: { text: "Hello" },
        purpose: "query",
        dimensions: 256,
        truncate: "end",
        segment: { characters: 1_000 }
      })
      assert.deepStrictEqual(sent, {
        taskType: "SEGMENTED_EMBEDDING",
        segmentedEmbeddingParams: {
          embeddingPurpose: "GENERIC_RETRIEVAL",
          embeddingDimension: 256,
          text: { truncationMode: "END", value: "Hello", segmentationConfig: { maxLengthChars: 1_000 } }
        }
      })
      assert.lengthOf(memory.calls, 0)
    }))

  it.effect("puts a long text, or bytes, into the input folder, once for the same content", () =>
    Effect.gen(function*() {
      const { memory, sent, service, started } = yield* inputOf({ source: { text: "x".repeat(9_000) } }, { input })
      const [uri] = memory.uris()
      assert.match(uri ?? "", /^s3:\/\/the-bucket\/in\/[0-9a-f]{64}\.txt$/)
      assert.deepInclude((sent as { segmentedEmbeddingParams: object }).segmentedEmbeddingParams, {
        text: { truncationMode: "NONE", source: { s3Location: { uri } }, segmentationConfig: {} }
      } as object)
      yield* service.start({ source: { text: "x".repeat(9_000) } })
      assert.lengthOf(memory.calls.filter((call) => call === "put"), 1)
      assert.strictEqual(started[1]?.token, started[0]?.token)
      yield* service.start({ source: { bytes: Uint8Array.of(1, 2), mediaType: "audio/wav" } })
      assert.match(memory.uris()[1] ?? "", /\.wav$/)
    }))

  it.effect("asks Nova for video and audio in S3", () =>
    Effect.gen(function*() {
      const { sent } = yield* inputOf({ source: video, audioVideo: "combined", segment: { duration: "10 seconds" } })
      const { segmentedEmbeddingParams } = sent as { segmentedEmbeddingParams: object }
      assert.deepStrictEqual(segmentedEmbeddingParams, {
        embeddingPurpose: "GENERIC_INDEX",
        video: {
          format: "mp4",
          source: { s3Location: { uri: "s3://media/talk.mp4" } },
          embeddingMode: "AUDIO_VIDEO_COMBINED",
          segmentationConfig: { durationSeconds: 10 }
        }
      })
      const { sent: ofAudio } = yield* inputOf({ source: audio })
      assert.deepInclude((ofAudio as { segmentedEmbeddingParams: object }).segmentedEmbeddingParams, {
        audio: { format: "mp3", source: { s3Location: { uri: "s3://media/talk.mp3" } }, segmentationConfig: {} }
      } as object)
    }))

  it.effect("asks Marengo in the format of each version, with the owner of the bucket", () =>
    Effect.gen(function*() {
      const settings = { bucketOwner: "123456789012" }
      const mediaSource = { s3Location: { uri: "s3://media/talk.mp4", bucketOwner: "123456789012" } }
      const segment = { duration: "6 seconds" } as const
      const { sent: two } = yield* inputOf({ model: marengo2, source: video, segment }, settings)
      assert.deepStrictEqual(two, { inputType: "video", mediaSource, useFixedLengthSec: 6 })
      const { sent: three } = yield* inputOf({ model: marengo3, source: video, segment }, settings)
      assert.deepStrictEqual(three, {
        inputType: "video",
        video: { mediaSource, segmentation: { method: "fixed", fixed: { durationSec: 6 } } }
      })
      const bytes = { bytes: Uint8Array.of(1, 2, 3), mediaType: "audio/wav" }
      const { sent: inline } = yield* inputOf({ model: marengo3, source: bytes })
      assert.deepStrictEqual(inline, { inputType: "audio", audio: { mediaSource: { base64String: "AQID" } } })
      const { sent: text } = yield* inputOf({ model: marengo2, source: { text: "a cat" }, truncate: "end" })
      assert.deepStrictEqual(text, { inputType: "text", inputText: "a cat", textTruncate: "end" })
    }))

  it.effect("takes more fields of the model's own format", () =>
    Effect.gen(function*() {
      const { sent } = yield* inputOf(
        { model: marengo3, source: video, body: { video: { embeddingOption: ["visual"], embeddingScope: ["asset"] } } },
        { bucketOwner: "123456789012" }
      )
      const { mediaSource: _, ...own } = (sent as { video: Record<string, unknown> }).video
      assert.deepStrictEqual(own, { embeddingOption: ["visual"], embeddingScope: ["asset"] })
    }))

  it.effect("has a token of its own content, so that the same request is one invocation (jobs 27)", () =>
    Effect.gen(function*() {
      const { invocations, service } = SegmentsDouble.make({
        startFailures: [lost],
        settings: { retry: Schedule.recurs(1) }
      })
      const request = { source: video, segment: { duration: "5 seconds" } } as const
      const { arn } = yield* service.start(request)
      assert.strictEqual((yield* service.start(request)).arn, arn)
      assert.strictEqual(invocations(), 1)
      yield* service.start({ ...request, segment: { duration: "6 seconds" } })
      yield* service.start({ ...request, token: "again" })
      assert.strictEqual(invocations(), 3)
    }))

  it.effect.each<{ readonly what: string; readonly request: object; readonly field: string }>([
    { what: "no source", request: {}, field: "source" },
    { what: "two sources", request: { source: { text: "a", uri: "s3://media/a" } }, field: "source" },
    { what: "bytes without a media type", request: { source: { bytes: Uint8Array.of(1) } }, field: "source" },
    { what: "a URI that is none of S3", request: { source: { ...video, uri: "https://a/b" } }, field: "source" },
    {
      what: "a media type that no model reads",
      request: { source: { ...video, mediaType: "application/pdf" } },
      field: "source.mediaType"
    },
    {
      what: "a text that does not fit, without a folder",
      request: { source: { text: "x".repeat(9_000) } },
      field: "source"
    },
    {
      what: "bytes for Nova, without a folder",
      request: { source: { bytes: Uint8Array.of(1), mediaType: "image/png" } },
      field: "source"
    },
    { what: "S3 for Marengo, without its owner", request: { model: marengo3, source: video }, field: "source" },
    {
      what: "a text in S3 for Marengo",
      request: { model: marengo3, source: { uri: "s3://media/a.txt", mediaType: "text/plain" } },
      field: "source.uri"
    },
    {
      what: "a model without segments",
      request: { model: "amazon.titan-embed-text-v2:0", source: video },
      field: "model"
    },
    { what: "dimensions the model has not", request: { source: video, dimensions: 7 }, field: "dimensions" },
    { what: "a segment of nothing", request: { source: video, segment: { duration: 0 } }, field: "segment.duration" }
  ])("refuses $what before anything is sent", ({ field, request }) =>
    Effect.gen(function*() {
      const { memory, service, started } = SegmentsDouble.make()
      // Any value may come from JavaScript.
      const error = yield* Effect.flip(service.start(request as Request.Request))
      assert(error instanceof ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, field)
      assert.isNotEmpty(error.remedy)
      assert.lengthOf([...memory.calls, ...started], 0)
    }))

  it.effect("has the model of the layer", () =>
    Effect.gen(function*() {
      const { service } = SegmentsDouble.make()
      assert.strictEqual((yield* service.start({ source: video })).model, model)
    }))
})
