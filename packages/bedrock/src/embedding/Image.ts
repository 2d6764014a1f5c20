/**
 * Encoding of images in JSON, and their maximum size.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import { Buffer } from "node:buffer"

/** Maximum of image bytes in a body limited to 25 MB: base64 encodes three bytes as four characters. */
export const mostBytes = 18_000_000

/**
 * The 5 MB limit of many models; AWS does not say whether a MB has 1,000 or 1,024 units, so the larger number is used.
 */
export const fiveMegabytes = 5 * 1024 * 1024

/**
 * The bytes in base64.
 *
 * `Buffer` takes 0.7 ms for an image of 3 MB, `effect/encoding/Base64` 10 ms (Node 20, before `Uint8Array.toBase64`).
 */
export const base64 = ({ bytes }: Embedding.Image): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** The bytes and their media type, as a data URI. */
export const dataUri = (image: Embedding.Image): string =>
  `data:${image.mediaType.toLowerCase()};base64,${base64(image)}`

/** The media type without `image/`: `png`. */
export const format = ({ mediaType }: Embedding.Image): string => mediaType.toLowerCase().replace("image/", "")
