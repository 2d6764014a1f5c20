/**
 * Splits a text that arrives in chunks of bytes into segments of so many characters, at word boundaries where there are
 * any. No more than one segment and one chunk is kept.
 */
import * as Stream from "effect/Stream"
import type * as AwsError from "../AwsError.ts"

/** A segment: `start` and `end` are its first character, and the one behind its last, counted in code points. */
export interface Segment {
  readonly index: number
  readonly text: string
  readonly start: number
  readonly end: number
}

/** What is not UTF-8 becomes U+FFFD. */
export const split = (
  bytes: Stream.Stream<Uint8Array, AwsError.AwsError>,
  maxCharacters: number
): Stream.Stream<Segment, AwsError.AwsError> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder()
    return bytes.pipe(
      Stream.map((chunk) => decoder.decode(chunk, { stream: true })),
      Stream.concat(Stream.suspend(() => Stream.succeed(decoder.decode()))),
      Stream.mapAccum(
        (): State => ({ index: 0, position: 0, rest: "" }),
        (state, text) => {
          const segments: Array<Segment> = []
          let { index, position, rest } = state
          rest += text
          for (let cut = endOf(rest, maxCharacters); cut !== undefined; cut = endOf(rest, maxCharacters)) {
            const segment = toSegment(index, position, rest.slice(0, cut))
            segments.push(segment)
            index++
            position = segment.end
            rest = rest.slice(cut)
          }
          return [{ index, position, rest }, segments]
        },
        {
          onHalt: ({ index, position, rest }) => rest === "" ? [] : [toSegment(index, position, rest)]
        }
      )
    )
  })

interface State {
  readonly index: number
  readonly position: number
  readonly rest: string
}

const toSegment = (index: number, start: number, text: string): Segment => ({
  index,
  start,
  text,
  end: start + lengthOf(text)
})

const lengthOf = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

/** Where the first segment ends, when there is more than one; behind the last white space that fits. */
const endOf = (text: string, maxCharacters: number): number | undefined => {
  // no text has more code points than units
  if (text.length <= maxCharacters) return undefined
  let at = 0
  let boundary = 0
  for (let characters = 0; characters < maxCharacters; characters++) {
    if (at >= text.length) return undefined
    const code = text.codePointAt(at) ?? 0
    at += code > 0xffff ? 2 : 1
    if (code === 32 || (code >= 9 && code <= 13) || code === 0x3000) boundary = at
  }
  return at >= text.length ? undefined : boundary === 0 ? at : boundary
}
