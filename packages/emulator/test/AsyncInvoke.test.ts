import * as Bedrock from "@aws-sdk/client-bedrock-runtime"
import * as S3 from "@aws-sdk/client-s3"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"
import * as S3Fixture from "./S3Fixture.ts"

const live = Fixture.emulator({ s3: { buckets: ["data"] } })

const nova = "amazon.nova-2-multimodal-embeddings-v1:0"

const open = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  const bedrock = yield* Fixture.connect("1.1")
  const s3 = yield* S3Fixture.connect()
  const put = (Key: string, Body: string | Uint8Array, Metadata: Record<string, string> = {}) =>
    Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket: "data", Key, Body, Metadata })))
  const read = (Key: string) =>
    Fixture.attempt(async () => {
      const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket: "data", Key }))
      return await Body?.transformToString() ?? ""
    })
  const start = (modelId: string, modelInput: Bedrock.StartAsyncInvokeCommandInput["modelInput"], more = {}) =>
    Fixture.attempt(() =>
      bedrock.send(
        new Bedrock.StartAsyncInvokeCommand({
          modelId,
          modelInput,
          outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://data/out" } },
          ...more
        })
      )
    ).pipe(Effect.map(({ invocationArn = "" }) => invocationArn))
  const get = (invocationArn: string) =>
    Fixture.attempt(() => bedrock.send(new Bedrock.GetAsyncInvokeCommand({ invocationArn })))
  const list = (query: Bedrock.ListAsyncInvokesCommandInput = {}) =>
    Fixture.attempt(() => bedrock.send(new Bedrock.ListAsyncInvokesCommand(query)))
  /** The invocation when it is over, and its output. */
  const run = Effect.fnUntraced(function*(...given: Parameters<typeof start>) {
    const arn = yield* start(...given)
    yield* emulator.advance("1 minute")
    const over = yield* get(arn)
    assert.isUndefined(over.failureMessage)
    assert.strictEqual(over.status, "Completed")
    const folder = `out/${arn.slice(-12)}/`
    assert.strictEqual(over.outputDataConfig?.s3OutputDataConfig?.s3Uri, `s3://data/${folder.slice(0, -1)}`)
    const json = (name: string) => Effect.map(read(`${folder}${name}`), (text) => JSON.parse(text))
    const lines = (name: string) =>
      Effect.map(read(`${folder}${name}`), (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line)))
    return { folder, json, lines }
  })
  return { emulator, bedrock, put, start, get, list, run }
})

/** A WAV header of 8,000 bytes a second, and so many seconds of silence. */
const wav = (seconds: number): Buffer => {
  const bytes = Buffer.alloc(44 + seconds * 8_000)
  bytes.write("RIFF", 0, "latin1")
  bytes.write("WAVE", 8, "latin1")
  bytes.writeUInt32LE(8_000, 28)
  return bytes
}

const segmented = (params: object) => ({
  taskType: "SEGMENTED_EMBEDDING",
  segmentedEmbeddingParams: { embeddingPurpose: "GENERIC_INDEX", embeddingDimension: 256, ...params }
})

const at = (uri: string) => ({ s3Location: { uri } })

describe("AsyncInvoke", () => {
  it.effect("embeds the segments of a long text of S3 with Nova", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      const text = "Straße 🙂 of words and more words. ".repeat(100)
      yield* put("in/long.txt", text)
      const text100 = {
        truncationMode: "NONE",
        source: at("s3://data/in/long.txt"),
        segmentationConfig: { maxLengthChars: 800 }
      }
      const { folder, json, lines } = yield* run(nova, segmented({ text: text100 }))
      assert.deepStrictEqual(yield* json("segmented-embedding-result.json"), {
        sourceFileUri: "s3://data/in/long.txt",
        embeddingDimension: 256,
        embeddingResults: [{
          embeddingType: "TEXT",
          status: "SUCCESS",
          outputFileUri: `s3://data/${folder}embedding-text.jsonl`
        }]
      })
      const segments = yield* lines("embedding-text.jsonl")
      const characters = [...text]
      let end = 0
      for (const [index, { embedding, segmentMetadata, status }] of segments.entries()) {
        assert.deepInclude(segmentMetadata, { segmentIndex: index, segmentStartCharPosition: end })
        assert.strictEqual(status, "SUCCESS")
        assert.strictEqual(embedding.length, 256)
        end = segmentMetadata.segmentEndCharPosition
        assert.isAtMost(end - segmentMetadata.segmentStartCharPosition, 800)
        if (index < segments.length - 1) assert.strictEqual(characters[end - 1], " ")
        // the double's vectors tell the length of the text
        const units = characters.slice(segmentMetadata.segmentStartCharPosition, end).join("").length
        assert.strictEqual(embedding[0], units)
      }
      assert.strictEqual(end, characters.length)
    }).pipe(Effect.provide(live)))

  it.effect("embeds a text of the request, and reports a segment that is too long", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      const short = yield* run(
        nova,
        segmented({ text: { truncationMode: "END", value: "Hello", segmentationConfig: {} } })
      )
      assert.strictEqual((yield* short.lines("embedding-text.jsonl")).length, 1)
      yield* put("in/words.txt", `${"x".repeat(40_000)} ${"y".repeat(10)}`)
      const source = at("s3://data/in/words.txt")
      const segmentationConfig = { maxLengthChars: 40_001 }
      const cut = yield* run(nova, segmented({ text: { truncationMode: "NONE", source, segmentationConfig } }))
      const [first, second] = yield* cut.lines("embedding-text.jsonl")
      assert.include(first, { status: "FAILURE", failureReason: "INVALID_CONTENT" })
      assert.include(second, { status: "SUCCESS" })
      const { embeddingResults } = yield* cut.json("segmented-embedding-result.json")
      assert.strictEqual(embeddingResults[0].status, "PARTIAL_SUCCESS")
      const truncated = yield* run(nova, segmented({ text: { truncationMode: "END", source, segmentationConfig } }))
      const [kept] = yield* truncated.lines("embedding-text.jsonl")
      assert.strictEqual(kept.segmentMetadata.truncatedCharLength, 32_768)
    }).pipe(Effect.provide(live)))

  it.effect("embeds the segments of audio and video with Nova", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      yield* put("in/a.wav", wav(12))
      const audio = { format: "wav", source: at("s3://data/in/a.wav"), segmentationConfig: {} }
      const heard = yield* run(nova, segmented({ audio }))
      const segments = yield* heard.lines("embedding-audio.jsonl")
      assert.deepStrictEqual(
        segments.map(({ segmentMetadata: { segmentEndSeconds, segmentStartSeconds } }) => [
          segmentStartSeconds,
          segmentEndSeconds
        ]),
        [[0, 5], [5, 10], [10, 12]]
      )
      assert.notDeepEqual(segments[0].embedding, segments[1].embedding)
      const again = yield* run(nova, segmented({ audio }))
      assert.deepStrictEqual(yield* again.lines("embedding-audio.jsonl"), segments)
      yield* put("in/v.mp4", "film", { "duration-seconds": "65" })
      const video = (embeddingMode: string) => ({
        format: "mp4",
        embeddingMode,
        source: at("s3://data/in/v.mp4"),
        segmentationConfig: { durationSeconds: 30 }
      })
      const seen = yield* run(nova, segmented({ video: video("AUDIO_VIDEO_SEPARATE") }))
      assert.strictEqual((yield* seen.lines("embedding-video.jsonl")).length, 3)
      assert.strictEqual((yield* seen.lines("embedding-audio.jsonl")).length, 3)
      const both = yield* run(nova, segmented({ video: video("AUDIO_VIDEO_COMBINED") }))
      const { embeddingResults } = yield* both.json("segmented-embedding-result.json")
      assert.strictEqual(embeddingResults[0].embeddingType, "AUDIO_VIDEO_COMBINED")
    }).pipe(Effect.provide(live)))

  it.effect("embeds an image with Nova", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      yield* put("in/i.png", Buffer.from("\x89PNG1234", "latin1"))
      const image = { format: "png", source: at("s3://data/in/i.png") }
      const { json } = yield* run(nova, segmented({ image }))
      const { embedding, status } = yield* json("embedding-image.json")
      assert.strictEqual(embedding.length, 256)
      assert.strictEqual(status, "SUCCESS")
    }).pipe(Effect.provide(live)))

  it.effect("embeds the clips of a video with Marengo 2.7 and 3.0", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      yield* put("in/v.mp4", "film", { "duration-seconds": "9.5" })
      const mediaSource = at("s3://data/in/v.mp4")
      const older = yield* run("twelvelabs.marengo-embed-2-7-v1:0", {
        inputType: "video",
        mediaSource,
        useFixedLengthSec: 5
      })
      const { data } = yield* older.json("output.json")
      assert.strictEqual(data.length, 6)
      const { embedding, ...first } = data[0]
      assert.strictEqual(embedding.length, 1024)
      assert.deepStrictEqual(first, { embeddingOption: "visual-text", startSec: 0, endSec: 5 })
      assert.deepInclude(data.at(-1), { embeddingOption: "audio", startSec: 5, endSec: 9.5 })
      const newer = yield* run("twelvelabs.marengo-embed-3-0-v1:0", {
        inputType: "video",
        video: {
          mediaSource,
          segmentation: { method: "fixed", fixed: { durationSec: 5 } },
          embeddingOption: ["visual", "audio"],
          embeddingScope: ["clip", "asset"]
        }
      })
      const found: ReadonlyArray<Record<string, unknown>> = (yield* newer.json("output.json")).data
      assert.deepStrictEqual(
        found.map(({ embeddingOption, embeddingScope, endSec, startSec }) => [
          embeddingScope,
          embeddingOption,
          startSec,
          endSec
        ]),
        [
          ["clip", "visual", 0, 5],
          ["clip", "audio", 0, 5],
          ["clip", "visual", 5, 9.5],
          ["clip", "audio", 5, 9.5],
          ["asset", "visual", 0, 9.5],
          ["asset", "audio", 0, 9.5]
        ]
      )
    }).pipe(Effect.provide(live)))

  it.effect("embeds audio, texts and images with Marengo", () =>
    Effect.gen(function*() {
      const { put, run } = yield* open
      const marengo = "twelvelabs.marengo-embed-2-7-v1:0"
      const base64String = wav(25).toString("base64")
      const audio = yield* run(marengo, { inputType: "audio", mediaSource: { base64String } })
      const { data } = yield* audio.json("output.json")
      assert.strictEqual(data.length, 3)
      assert.notProperty(data[0], "embeddingOption")
      const text = yield* run(marengo, { inputType: "text", inputText: "Hello" })
      assert.strictEqual((yield* text.json("output.json")).data[0].embedding.length, 1024)
      yield* put("in/i.png", Buffer.from("\x89PNG1234", "latin1"))
      const image = yield* run("twelvelabs.marengo-embed-3-0-v1:0", {
        inputType: "image",
        image: { mediaSource: at("s3://data/in/i.png") }
      })
      assert.strictEqual((yield* image.json("output.json")).data[0].embedding.length, 512)
    }).pipe(Effect.provide(live)))

  it.effect("fails what cannot be read or written, with a message", () =>
    Effect.gen(function*() {
      const { emulator, get, list, start } = yield* open
      const text = (uri: string) =>
        segmented({ text: { truncationMode: "NONE", source: at(uri), segmentationConfig: {} } })
      const out = (s3Uri: string) => ({ outputDataConfig: { s3OutputDataConfig: { s3Uri } } })
      const missing = yield* start(nova, text("s3://data/none.txt"))
      const nowhere = yield* start(nova, text("s3://data/none.txt"), out("s3://nowhere/out"))
      yield* emulator.inject({ type: "jobFailure", message: "Not today." })
      const struck = yield* start(nova, text("s3://data/none.txt"))
      assert.strictEqual((yield* get(missing)).status, "InProgress")
      yield* emulator.advance("1 second")
      assert.include((yield* get(missing)).failureMessage, "does not exist: s3://data/none.txt")
      assert.include((yield* get(nowhere)).failureMessage, "nowhere")
      assert.include(yield* get(struck), { status: "Failed", failureMessage: "Not today." })
      const failed = yield* list({ statusEquals: "Failed", maxResults: 2 })
      assert.strictEqual(failed.asyncInvokeSummaries?.length, 2)
      const rest = yield* list({ statusEquals: "Failed", maxResults: 2, nextToken: failed.nextToken })
      assert.strictEqual(rest.asyncInvokeSummaries?.length, 1)
    }).pipe(Effect.provide(live)))

  it.effect("refuses invalid requests, and gives the same invocation for the same token", () =>
    Effect.gen(function*() {
      const { get, list, start } = yield* open
      const text = (more: object) =>
        segmented({ text: { truncationMode: "NONE", value: "x", segmentationConfig: {}, ...more } })
      const cases = [
        [nova, { taskType: "SINGLE_EMBEDDING", singleEmbeddingParams: {} }],
        [nova, segmented({})],
        [nova, text({ segmentationConfig: { maxLengthChars: 799 } })],
        [nova, text({ source: at("s3://data/x") })],
        [nova, text({ truncationMode: "MIDDLE" })],
        ["amazon.titan-embed-text-v2:0", { inputText: "x" }],
        ["no.such-model", {}],
        ["twelvelabs.marengo-embed-2-7-v1:0", { inputType: "video", mediaSource: {} }],
        ["twelvelabs.marengo-embed-3-0-v1:0", { inputType: "video" }]
      ] as const
      for (const [model, input] of cases) {
        assert.deepInclude(yield* Effect.flip(start(model, input)), { name: "ValidationException", status: 400 })
      }
      assert.strictEqual((yield* Effect.flip(get("arn:aws:s3:::x"))).name, "ValidationException")
      const unknown = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl"
      assert.strictEqual((yield* Effect.flip(get(unknown))).name, "ValidationException")
      const token = { clientRequestToken: "token" }
      const first = yield* start(nova, text({}), token)
      assert.strictEqual(yield* start(nova, text({}), token), first)
      assert.strictEqual((yield* Effect.flip(start(nova, text({ value: "y" }), token))).name, "ConflictException")
      assert.strictEqual((yield* list()).asyncInvokeSummaries?.length, 1)
    }).pipe(Effect.provide(live)))
})
