/**
 * The inner loops of vector arithmetic in plain JavaScript. They check nothing, and allocate nothing for a single row.
 */
import type * as Embedding from "../Embedding.ts"

/** Vectors one behind the other. */
export interface Rows<V extends Embedding.Vector = Embedding.Vector> {
  readonly data: V
  readonly dimensions: number
  readonly rows: number
}

/** Which rows to look at. */
export type Filter = ((row: number) => boolean) | undefined

/** Receives what was found for a row; rows come in ascending order. */
export type OnRow = (row: number, value: number) => void

/** Sums even and odd places apart, as {@link dotFour} does, so that both find the very same number. */
export const dot = (self: Float32Array, that: Float32Array): number => {
  const length = Math.min(self.length, that.length)
  let even = 0
  let odd = 0
  let index = 0
  for (; index + 1 < length; index += 2) {
    even += self[index]! * that[index]!
    odd += self[index + 1]! * that[index + 1]!
  }
  if (index < length) even += self[index]! * that[index]!
  return even + odd
}

/**
 * The inner product of a query with every row.
 *
 * Four rows go together: a number of the query is read once for all of them, and their sums do not wait for each other.
 * Rows of single bytes are widened a block at a time: a loop that only ever sees one kind of array runs much faster.
 */
export const dotRows = ({ data, dimensions, rows }: Rows, query: Embedding.Vector, filter: Filter, onRow: OnRow) => {
  const wideQuery = new Float64Array(query)
  const blockRows = 4 * Math.ceil(blockLength / (4 * dimensions))
  const blockOf = blocks(data, blockRows * dimensions)
  const chosen = new Int32Array(4)
  const sums = new Float64Array(4)
  for (let first = 0; first < rows; first += blockRows) {
    const size = Math.min(blockRows, rows - first)
    let block: Float32Array | undefined
    let count = 0
    for (let row = 0; row < size; row++) {
      if (filter === undefined || filter(first + row)) chosen[count++] = row
      if (count < 4 && (count === 0 || row < size - 1)) continue
      block ??= blockOf(first * dimensions, size * dimensions)
      // When fewer than four are left, the first of them fills the empty places: nothing outside of the block is read.
      chosen.fill(chosen[0]!, count)
      dotFour(block, dimensions, chosen, wideQuery, sums)
      for (let place = 0; place < count; place++) onRow(first + chosen[place]!, sums[place]!)
      count = 0
    }
  }
}

/** The inner product of every row with itself. */
export const squareRows = ({ data, dimensions, rows }: Rows, onRow: OnRow) => {
  const blockOf = blocks(data, dimensions)
  for (let row = 0; row < rows; row++) {
    const numbers = blockOf(row * dimensions, dimensions)
    onRow(row, dot(numbers, numbers))
  }
}

/** How many bits differ, four bytes at a time. */
export const differingBits = (self: Uint8Array, that: Uint8Array): number => {
  const length = Math.min(self.length, that.length)
  let bits = 0
  let index = 0
  for (; index + 3 < length; index += 4) {
    bits += ones(
      (self[index]! ^ that[index]!) |
        (self[index + 1]! ^ that[index + 1]!) << 8 |
        (self[index + 2]! ^ that[index + 2]!) << 16 |
        (self[index + 3]! ^ that[index + 3]!) << 24
    )
  }
  for (; index < length; index++) bits += ones(self[index]! ^ that[index]!)
  return bits
}

/** How many bits of every row differ from a query: by words where rows lie on the bounds of words, else by bytes. */
export const differingBitsOfRows = (
  { data, dimensions, rows }: Rows<Uint8Array>,
  query: Uint8Array,
  filter: Filter,
  onRow: OnRow
) => {
  const inWords = dimensions % 4 === 0 && data.byteOffset % 4 === 0
  const words = inWords ? new Int32Array(data.buffer, data.byteOffset, rows * dimensions / 4) : undefined
  const queryWords = inWords ? new Int32Array(query.slice().buffer) : new Int32Array(0)
  for (let row = 0; row < rows; row++) {
    if (filter !== undefined && !filter(row)) continue
    const distance = words === undefined
      ? differingBits(data.subarray(row * dimensions, (row + 1) * dimensions), query)
      : differingBitsAt(words, row * queryWords.length, queryWords)
    onRow(row, distance)
  }
}

/** Numbers of a block: small enough to stay in the cache of a core while it is widened and read again. */
const blockLength = 32_768

/** Pieces of `numbers` as floats: the piece itself, or what it is when widened. */
const blocks = (numbers: Embedding.Vector, length: number) => {
  const wide = new Float32Array(numbers instanceof Float32Array ? 0 : length)
  return (start: number, length: number): Float32Array => {
    const piece = numbers.subarray(start, start + length)
    if (piece instanceof Float32Array) return piece
    wide.set(piece)
    return wide
  }
}

const dotFour = (
  block: Float32Array,
  dimensions: number,
  rows: Int32Array,
  query: Float64Array,
  sums: Float64Array
) => {
  const first = rows[0]! * dimensions
  const second = rows[1]! * dimensions
  const third = rows[2]! * dimensions
  const fourth = rows[3]! * dimensions
  let even1 = 0
  let even2 = 0
  let even3 = 0
  let even4 = 0
  let odd1 = 0
  let odd2 = 0
  let odd3 = 0
  let odd4 = 0
  let even = 0
  for (let odd = 1; odd < dimensions; odd += 2) {
    const x = query[even]!
    const y = query[odd]!
    even1 += block[first + even]! * x
    even2 += block[second + even]! * x
    even3 += block[third + even]! * x
    even4 += block[fourth + even]! * x
    odd1 += block[first + odd]! * y
    odd2 += block[second + odd]! * y
    odd3 += block[third + odd]! * y
    odd4 += block[fourth + odd]! * y
    even += 2
  }
  if (even < dimensions) {
    const x = query[even]!
    even1 += block[first + even]! * x
    even2 += block[second + even]! * x
    even3 += block[third + even]! * x
    even4 += block[fourth + even]! * x
  }
  sums[0] = even1 + odd1
  sums[1] = even2 + odd2
  sums[2] = even3 + odd3
  sums[3] = even4 + odd4
}

const differingBitsAt = (words: Int32Array, start: number, query: Int32Array): number => {
  let bits = 0
  for (let index = 0; index < query.length; index++) bits += ones(words[start + index]! ^ query[index]!)
  return bits
}

/** The ones of a word, counted in pairs, then in fours, then in bytes, which the product adds up in its highest one. */
const ones = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
