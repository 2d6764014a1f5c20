/**
 * A byte buffer that grows by doubling.
 *
 * A list of chunks would use a hundred bytes of overhead for each, which a sender of tiny chunks could exploit.
 */
import { Buffer } from "node:buffer"

/** No more is believed: memory that is not written to is not taken from the machine either. */
const mostExpected = 16 * 1024 * 1024

/** A buffer of received bytes; `expected` is how many there may be. */
export class GrowingBytes {
  #bytes: Buffer
  length = 0

  constructor(expected = 0) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(expected, mostExpected))
  }

  /** Appends a chunk. */
  add(piece: Uint8Array): void {
    const length = this.length + piece.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length))
      this.view().copy(larger)
      this.#bytes = larger
    }
    this.#bytes.set(piece, this.length)
    this.length = length
  }

  /** The bytes so far, without a copy. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** {@link view} as a plain `Uint8Array`. */
  toUint8Array(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.length)
  }
}
