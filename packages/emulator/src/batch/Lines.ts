/**
 * The lines of a stream of bytes, split at line feeds only, each up to a bound.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"

/** A line with its number in the file, from 1; blank ones are left out. `bytes` are without the line feed. */
export interface Line {
  readonly number: number
  readonly bytes: Uint8Array
}

/** Fails when a line is longer than `limit` bytes. */
export const split = (
  bytes: Stream.Stream<Uint8Array, AwsError.AwsError>,
  limit: number
): Stream.Stream<Line, AwsError.AwsError> =>
  Stream.mapEffect(
    Stream.mapAccum(
      Stream.concat(bytes, Stream.succeed(lineFeed)),
      (): State => ({ number: 1, begun: [], size: 0 }),
      (state, chunk) => {
        const lines: Array<Line | "too long"> = []
        let { begun, number, size } = state
        let at = 0
        for (let end = chunk.indexOf(10, at); end >= 0; end = chunk.indexOf(10, at)) {
          const piece = chunk.subarray(at, end)
          if (size + piece.length > limit) lines.push("too long")
          const line = begun.length === 0 ? piece : Buffer.concat([...begun, piece])
          if (!isBlank(line)) lines.push({ number, bytes: line })
          number++
          begun = []
          size = 0
          at = end + 1
        }
        const rest = chunk.subarray(at)
        size += rest.length
        if (size > limit) lines.push("too long")
        else if (rest.length > 0) begun = [...begun, rest]
        return [{ number, begun, size }, lines]
      }
    ),
    (line) => line === "too long" ? Effect.fail(tooLong(limit)) : Effect.succeed(line)
  )

interface State {
  readonly number: number
  readonly begun: ReadonlyArray<Uint8Array>
  readonly size: number
}

const lineFeed = Uint8Array.of(10)

/** Only spaces, tabs and a carriage return. */
const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 32 || byte === 9 || byte === 13)

const tooLong = (limit: number) => AwsError.validation(`A record is longer than ${limit} bytes.`)
