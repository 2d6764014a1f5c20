/**
 * The checksums of S3's uploads: the value of each algorithm in base64, as in `x-amz-checksum-*` headers.
 */
import * as Crypto from "node:crypto"
import * as Zlib from "node:zlib"

/** The algorithms of S3. */
export const algorithms = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const

/** The name of an algorithm. */
export type Algorithm = (typeof algorithms)[number]

/** A checksum; `value` in base64, followed by `-` and the number of parts where it is one of the parts' checksums. */
export interface Checksum {
  readonly algorithm: Algorithm
  readonly value: string
}

/** The algorithm of this name in any case; `undefined` when there is none. */
export const named = (name: string): Algorithm | undefined =>
  algorithms.find((algorithm) => algorithm === name.toUpperCase())

/** The header of an algorithm's value. */
export const headerOf = (algorithm: Algorithm): string => `x-amz-checksum-${algorithm.toLowerCase()}`

/** The element of an algorithm's value in XML. */
export const elementOf = (algorithm: Algorithm): string => `Checksum${algorithm}`

/** Of these bytes, in base64. */
export const of = (algorithm: Algorithm, bytes: Uint8Array): string => {
  switch (algorithm) {
    case "CRC32":
      return word(Zlib.crc32(bytes))
    case "CRC32C":
      return word(crc32c(bytes))
    case "CRC64NVME":
      return crc64(bytes)
    case "SHA1":
      return digest("sha1", bytes).toString("base64")
    case "SHA256":
      return digest("sha256", bytes).toString("base64")
  }
}

/** Of the parts of an upload: the checksum of their checksums, and their number (Amazon S3 User Guide, "Checksums"). */
export const ofParts = (algorithm: Algorithm, parts: ReadonlyArray<string>): string =>
  `${of(algorithm, Buffer.concat(parts.map((part) => Buffer.from(part, "base64"))))}-${parts.length}`

/** MD5, for entity tags and `content-md5`. */
export const md5 = (bytes: Uint8Array): Buffer => digest("md5", bytes)

const digest = (algorithm: string, bytes: Uint8Array): Buffer => Crypto.createHash(algorithm).update(bytes).digest()

const word = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes.toString("base64")
}

const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (tableOf32[(crc ^ byte) & 0xff] ?? 0)
  return ~crc
}

/** The Castagnoli polynomial, reflected. */
const tableOf32 = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/** In two halves, since numbers have 32 bits for bitwise operators. */
const crc64 = (bytes: Uint8Array): string => {
  let [high, low] = [0xffffffff, 0xffffffff]
  for (const byte of bytes) {
    const at = (low ^ byte) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (tableOf64.low[at] ?? 0)
    high = (high >>> 8) ^ (tableOf64.high[at] ?? 0)
  }
  const value = Buffer.alloc(8)
  value.writeUInt32BE(~high >>> 0, 0)
  value.writeUInt32BE(~low >>> 0, 4)
  return value.toString("base64")
}

/** The polynomial of NVM Express, reflected. */
const tableOf64 = (() => {
  const [high, low] = [new Uint32Array(256), new Uint32Array(256)]
  for (let index = 0; index < 256; index++) {
    let value = BigInt(index)
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n
    high[index] = Number(value >> 32n)
    low[index] = Number(value & 0xffffffffn)
  }
  return { high, low }
})()
