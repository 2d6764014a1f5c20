import { AudioFormat, DocumentFormat, ImageFormat, VideoFormat } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as Media from "../../src/converse/Media.ts"

describe("converse/Media", () => {
  it.each([
    ["images", Media.image, ImageFormat],
    ["documents", Media.document, DocumentFormat],
    ["videos", Media.video, VideoFormat],
    ["audio", Media.audio, AudioFormat]
  ])("has a media type for each format of %s that the SDK knows", (_, formats, known) => {
    for (const format of Object.values(known)) {
      assert.strictEqual(Media.formatOf<string>(formats, Media.mediaTypeOf(formats, format) ?? ""), format)
    }
  })
})
