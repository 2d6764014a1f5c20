/**
 * Images as they travel in JSON, and how large they may be.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import { Buffer } from "node:buffer"

/** Bytes of an image that leave a body below the 25 MB it may have: in base64 three bytes are four characters. */
export const mostBytes = 18_000_000

/** The 5 MB many models take; whether AWS counts them by 1,000 or by 1,024 is not written, so the larger number. */
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
