import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as BedrockAsync from "../src/BedrockAsync.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import { credentials } from "./support/Client.ts"

const nova = "amazon.nova-2-multimodal-embeddings-v1:0"

const marengo = "twelvelabs.marengo-embed-3-0-v1:0"

const options: BedrockAsync.Options = {
  model: nova,
  output: "s3://data/out/",
  input: "s3://data/in/",
  bucketOwner: "123456789012",
  polling: Schedule.spaced("20 millis")
}

const live = (dimensions: number, more: Partial<BedrockAsync.Options> = {}) =>
  Layer.effect(
    BedrockAsync.BedrockAsync,
    Effect.gen(function*() {
      const { client } = yield* Emulator.Emulator
      const sdk = yield* BedrockClient.make(client)
      const made = BedrockAsync.make({ ...options, s3: { endpoint: client.endpoint, forcePathStyle: true }, ...more })
      return yield* Effect.provideService(made, BedrockClient.BedrockClient, sdk)
    })
  ).pipe(
    Layer.provideMerge(Emulator.layer({ s3: { buckets: ["data"] } })),
    Layer.provide(
      Layer.merge(TestChat.layer(), TestEmbedding.layer({ dimensions, limits: { maxLength: 100_000 } }))
    )
  )

const text = "Straße 🙂 of words and more words. ".repeat(400)

/** A WAV header of 8,000 bytes a second, and so many seconds of silence. */
const wav = (seconds: number): Uint8Array => {
  const bytes = Buffer.alloc(44 + seconds * 8_000)
  bytes.write("RIFF", 0, "latin1")
  bytes.write("WAVE", 8, "latin1")
  bytes.writeUInt32LE(8_000, 28)
  return bytes
}

const collect = (request: BedrockAsync.Request) => Stream.runCollect(BedrockAsync.embedSegments(request))

describe("Embedding in segments, by the SDK's clients", () => {
  it.live("embeds a long text with Nova, whose segments cover it without gaps", () =>
    Effect.gen(function*() {
      const segments = yield* collect({
        source: { text },
        dimensions: 256,
        segment: { characters: 800 }
      })
      assert.isAbove(segments.length, 10)
      let end = 0
      for (const [index, { content, endCharacter, startCharacter, vector, ...rest }] of segments.entries()) {
        assert.strictEqual(content, "text")
        assert.strictEqual(rest.index, index)
        assert.strictEqual(startCharacter, end)
        assert.lengthOf(vector, 256)
        end = endCharacter!
      }
      assert.strictEqual(end, [...text].length)
    }).pipe(Effect.provide(live(256))))

  it.live("embeds audio with Nova, from S3, with its times", () =>
    Effect.gen(function*() {
      const source = { bytes: wav(12), mediaType: "audio/wav" }
      const segments = yield* collect({ source, dimensions: 256, segment: { duration: "5 seconds" } })
      const times = segments.map(({ content, endSeconds, startSeconds }) => [content, startSeconds, endSeconds])
      assert.deepStrictEqual(times, [["audio", 0, 5], ["audio", 5, 10], ["audio", 10, 12]])
    }).pipe(Effect.provide(live(256))))

  it.live("embeds audio with Marengo, in the request", () =>
    Effect.gen(function*() {
      const bytes = wav(12)
      const inline = yield* collect({ model: marengo, source: { bytes, mediaType: "audio/wav" } })
      assert.isNotEmpty(inline)
      for (const { endSeconds, startSeconds, vector } of inline) {
        assert.lengthOf(vector, 512)
        assert.isAbove(endSeconds!, startSeconds!)
      }
    }).pipe(Effect.provide(live(512))))

  it.live("is one invocation for one request, whose answer may be lost; another process reads it (jobs 27)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "reset", operation: "StartAsyncInvoke", afterBytes: 0 })
      const request: BedrockAsync.Request = { source: { text: "Hello" }, dimensions: 256 }
      const { arn } = yield* BedrockAsync.start(request)
      assert.strictEqual((yield* BedrockAsync.start(request)).arn, arn)
      assert.lengthOf(yield* Stream.runCollect(BedrockAsync.resume(arn)), 1)
      assert.strictEqual((yield* BedrockAsync.status(arn)).state, "completed")
      const other = yield* Effect.flip(BedrockAsync.status(arn.replace(/.{12}$/, "abcdefghijkl")))
      assert.include(["InvalidRequestError", "ModelNotFoundError"], other._tag)
    }).pipe(Effect.provide(live(256))))

  it.live("fails with what the service says of content that is not there", () =>
    Effect.gen(function*() {
      const source = { uri: "s3://data/in/none.mp3", mediaType: "audio/mpeg" }
      const error = yield* Effect.flip(collect({ source, dimensions: 256 }))
      assert.include(["InvalidRequestError", "PermissionDeniedError"], error._tag)
    }).pipe(Effect.provide(live(256))))
})

describe("BedrockAsync", () => {
  const client = BedrockClient.layer({ region: "us-east-1", credentials })

  it.live.each<readonly [field: string, options: object]>([
    ["output", { output: "out/" }],
    ["input", { input: 7 }],
    ["bucketOwner", { bucketOwner: "12" }],
    ["family", { family: "titan" }],
    ["polling", { polling: "5 seconds" }],
    ["endpoint", { s3: { endpoint: "nowhere" } }]
  ])("refuses options that cannot be right: %s, %j", ([field, more]) =>
    Effect.gen(function*() {
      // Any value may come from JavaScript.
      const layer = BedrockAsync.layer({ ...options, ...more } as BedrockAsync.Options)
      const error = yield* Effect.flip(Layer.build(Layer.provide(layer, client)))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field })
    }))

  it.live("takes options from the configuration", () =>
    Effect.gen(function*() {
      const layer = BedrockAsync.layerConfig({ ...options, output: Config.String("OUTPUT") })
      const provider = ConfigProvider.fromUnknown({ OUTPUT: "no folder" })
      const error = yield* Effect.flip(
        Effect.provideService(Layer.build(Layer.provide(layer, client)), ConfigProvider.ConfigProvider, provider)
      )
      assert.deepInclude(error, { field: "output" } as object)
    }))
})
