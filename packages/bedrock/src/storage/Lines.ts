/**
 * Splits bytes into lines at line feeds only: U+2028 and U+2029 are legal inside JSON. Holds one line in memory.
 */
import * as Stream from "effect/Stream"

/** A line without its line break; `undefined` for one with more than `most` bytes, which was not kept. */
export type Line = Uint8Array | undefined

/** The lines of some bytes, without blank ones; the last may lack its line break. */
export const split = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, most: number): Stream.Stream<Line, E, R> =>
  Stream.suspend(() => {
    let pieces: Array<Uint8Array> = []
    let length = 0

    const keep = (piece: Uint8Array): void => {
      length += piece.length
      if (length > most) pieces = []
      else if (piece.length > 0) pieces.push(piece)
    }
    const end = (): ReadonlyArray<Line> => {
      const line = length > most ? undefined : joined(pieces, length)
      pieces = []
      length = 0
      return line !== undefined && isBlank(line) ? [] : [line]
    }
    const cut = (chunk: Uint8Array): ReadonlyArray<Line> => {
      const lines: Array<Line> = []
      let start = 0
      for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, start)) {
        keep(chunk.subarray(start, at))
        lines.push(...end())
        start = at + 1
      }
      // A copy: a piece keeps the whole chunk in memory.
      if (start < chunk.length) keep(chunk.slice(start))
      return lines
    }
    return Stream.concat(
      Stream.mapAccumArray(bytes, () => undefined, (_, chunks) => [undefined, chunks.flatMap(cut)] as const),
      Stream.suspend(() => Stream.fromIterable(end()))
    )
  })

const joined = (pieces: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const [first] = pieces
  if (first !== undefined && pieces.length === 1) return first
  const line = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    line.set(piece, at)
    at += piece.length
  }
  return line
}

const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)

const lineFeed = 0x0a
