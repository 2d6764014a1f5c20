/**
 * Bytes that come in pieces, as one array that grows by doubling.
 *
 * A list of the pieces would do as well, but for a sender that makes them small: the object for a piece of one byte takes a
 * hundred.
 */
import { Buffer } from "node:buffer"

/** Bytes so far. */
export class GrowingBytes {
  #bytes = Buffer.alloc(0)
  length = 0

  /** Adds a piece. */
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

  /** The bytes so far, not copied. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** {@link view}, for those who do not know of Node's buffers. */
  toUint8Array(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.length)
  }
}
