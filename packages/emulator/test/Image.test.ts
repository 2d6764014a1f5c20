import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Image from "../src/invoke/embedding/Image.ts"

const latin1 = (text: string) => Buffer.from(text, "latin1")

describe("Image", () => {
  it.each([
    ["\x89PNG\r\n", "image/png"],
    ["\xff\xd8\xff\xe0", "image/jpeg"],
    ["GIF89a", "image/gif"],
    ["RIFF\n\0\0\0WEBPVP8 ", "image/webp"],
    ["RIFF\n\0\0\0WAVEfmt ", "application/octet-stream"],
    ["?", "application/octet-stream"]
  ])("detects %j as the start of %s", (start, mediaType) => {
    const image = Schema.decodeUnknownSync(Image.Base64)(latin1(start).toString("base64"))
    assert.deepStrictEqual(image, { bytes: new Uint8Array(latin1(start)), mediaType })
  })

  it("derives the same vector from the same bytes on every machine", () => {
    const image = { bytes: Uint8Array.of(1, 2, 3), mediaType: "image/png" }
    const vector = Image.vectorOf(image, 256)
    assert.deepStrictEqual(Image.vectorOf({ ...image, mediaType: "image/gif" }, 256), vector)
    assert.deepStrictEqual(Array.from(vector.subarray(0, 8), (x) => Math.sign(x)), [1, -1, 1, 1, 1, 1, -1, -1])
    assert.approximately(Math.hypot(...vector), 1, 1e-6)
  })
})
