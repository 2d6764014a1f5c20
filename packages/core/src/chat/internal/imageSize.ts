/**
 * Reads the width and height of an image from its first bytes: PNG, JPEG, GIF and WebP. Nothing is decoded.
 */

/** In pixels. */
export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** The size of an image; `undefined` where the bytes do not tell. */
export const read = (bytes: Uint8Array): ImageSize | undefined => {
  const size = starts(bytes, 0, "\u0089PNG")
    ? { width: big(bytes, 16, 4), height: big(bytes, 20, 4) }
    : starts(bytes, 0, "GIF8")
    ? { width: little(bytes, 6, 2), height: little(bytes, 8, 2) }
    : starts(bytes, 0, "RIFF") && starts(bytes, 8, "WEBP")
    ? webp(bytes)
    : starts(bytes, 0, "\u00ff\u00d8")
    ? jpeg(bytes)
    : undefined
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined
}

/** Three formats in one: lossy, lossless, and extended. https://developers.google.com/speed/webp/docs/riff_container */
const webp = (bytes: Uint8Array): ImageSize | undefined => {
  if (bytes.length < 25) return undefined
  if (starts(bytes, 12, "VP8X")) return { width: 1 + little(bytes, 24, 3), height: 1 + little(bytes, 27, 3) }
  if (starts(bytes, 12, "VP8 ")) {
    return { width: little(bytes, 26, 2) & 0x3fff, height: little(bytes, 28, 2) & 0x3fff }
  }
  if (!starts(bytes, 12, "VP8L")) return undefined
  const packed = little(bytes, 21, 4)
  return { width: 1 + packed % 0x4000, height: 1 + Math.floor(packed / 0x4000) % 0x4000 }
}

/** Segments follow each other, each with its length, until the one that starts the frame. */
const jpeg = (bytes: Uint8Array): ImageSize | undefined => {
  let offset = 2
  while (offset + 9 <= bytes.length && bytes[offset] === 0xff) {
    const marker = bytes[offset + 1]!
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { width: big(bytes, offset + 7, 2), height: big(bytes, offset + 5, 2) }
    }
    // A marker may be padded with more bytes of 0xff.
    offset += marker === 0xff ? 1 : 2 + Math.max(2, big(bytes, offset + 2, 2))
  }
  return undefined
}

const starts = (bytes: Uint8Array, offset: number, magic: string): boolean => {
  for (let index = 0; index < magic.length; index++) {
    if (bytes[offset + index] !== magic.charCodeAt(index)) return false
  }
  return true
}

/** A number of several bytes, the highest first; a missing byte is 0. */
const big = (bytes: Uint8Array, offset: number, length: number): number => {
  let value = 0
  for (let index = 0; index < length; index++) value = value * 256 + (bytes[offset + index] ?? 0)
  return value
}

/** A number of several bytes, the lowest first; a missing byte is 0. */
const little = (bytes: Uint8Array, offset: number, length: number): number => {
  let value = 0
  for (let index = length - 1; index >= 0; index--) value = value * 256 + (bytes[offset + index] ?? 0)
  return value
}
