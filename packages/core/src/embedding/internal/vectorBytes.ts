/**
 * A vector as bytes that can be kept: a header of twelve bytes, then its numbers as they lie in memory.
 *
 * Whatever does not come back as it went is no vector: cut or altered bytes, another format, another byte order.
 */
import * as Checksum from "../../cache/internal/checksum.ts"
import type * as Embedding from "../Embedding.ts"

/** Format and kind, count, and checksum of the numbers, each in four bytes. */
export const encode = (vector: Embedding.Vector): Uint8Array => {
  const numbers = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
  const bytes = new Uint8Array(headerLength + numbers.length)
  bytes.set(numbers, headerLength)
  new Uint32Array(bytes.buffer, 0, 3).set([
    format + kinds.findIndex(({ is }) => is(vector)),
    vector.length,
    Checksum.make(numbers)
  ])
  return bytes
}

/** The vector in memory of its own, or nothing. */
export const decode = (bytes: Uint8Array): Embedding.Vector | undefined => {
  if (bytes.length <= headerLength) return undefined
  // A copy, because the bytes may lie where no number can begin, and may belong to somebody else.
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  const [header, length, checksum] = new Uint32Array(copy.buffer, 0, 3)
  const kind = kinds[header! - format]
  const numbers = copy.subarray(headerLength)
  return kind !== undefined && kind.bytes * length! === numbers.length && checksum === Checksum.make(numbers)
    ? kind.view(copy.buffer)
    : undefined
}

const headerLength = 12

/** The letters `SV1`, and a byte for the kind. */
const format = 0x53563100

const kinds: ReadonlyArray<{
  readonly is: (vector: Embedding.Vector) => boolean
  readonly bytes: number
  readonly view: (buffer: ArrayBuffer) => Embedding.Vector
}> = [
  {
    is: (vector) => vector instanceof Float32Array,
    bytes: 4,
    view: (buffer) => new Float32Array(buffer, headerLength)
  },
  { is: (vector) => vector instanceof Int8Array, bytes: 1, view: (buffer) => new Int8Array(buffer, headerLength) },
  { is: (vector) => vector instanceof Uint8Array, bytes: 1, view: (buffer) => new Uint8Array(buffer, headerLength) }
]
