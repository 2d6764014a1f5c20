import { assert, describe, it } from "@effect/vitest"
import * as Image from "../../src/embedding/Image.ts"
import * as Answers from "./answers.ts"

describe("Image", () => {
  it.prop("writes the bytes in base64, padded", [Answers.Image], ([image]) => {
    assert.strictEqual(Image.base64(image), Answers.base64(image))
  })

  it("writes the bytes of a view, not of the buffer behind it", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6).subarray(2, 4)
    assert.strictEqual(Image.base64({ bytes, mediaType: "image/png" }), "AwQ=")
  })

  it("writes the media type into a data URI", () => {
    const image = { bytes: Uint8Array.of(3, 4), mediaType: "image/jpeg" }
    assert.strictEqual(Image.dataUri(image), "data:image/jpeg;base64,AwQ=")
  })

  it("writes the media type in lower case", () => {
    const image = { bytes: Uint8Array.of(3, 4), mediaType: "Image/WebP" }
    assert.strictEqual(Image.dataUri(image), "data:image/webp;base64,AwQ=")
    assert.strictEqual(Image.format(image), "webp")
  })

  it("leaves a body below 25 MB", () => {
    assert.isAtMost(Math.ceil(Image.mostBytes / 3) * 4, 25_000_000 - 500_000)
  })
})
