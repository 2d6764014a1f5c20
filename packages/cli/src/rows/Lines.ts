/**
 * Lines of a text, in pieces of any size. A line ends at a line feed and nowhere else: U+2028 is a character like any other.
 */
import * as Result from "effect/Result"

/** A line without its end, and its number from 1. */
export interface Line {
  readonly line: number
  readonly text: string
}

/** A line that is too long. */
export interface Problem {
  readonly line: number
  readonly problem: string
}

/** A reader of one text; lines are at most `maxLength` characters long. */
export const make = (maxLength: number) => {
  let pieces: Array<string> = []
  let length = 0
  let line = 0

  const take = (): Line => {
    const text = pieces.join("")
    pieces = []
    length = 0
    return { line: ++line, text: text.endsWith("\r") ? text.slice(0, -1) : text }
  }
  const keep = (piece: string) => {
    pieces.push(piece)
    length += piece.length
    return length <= maxLength
  }
  const tooLong = () =>
    Result.fail<Problem>({ line: line + 1, problem: `the line is longer than ${maxLength} characters` })

  return {
    push: (text: string): Result.Result<ReadonlyArray<Line>, Problem> => {
      const lines: Array<Line> = []
      let from = 0
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
        if (!keep(text.slice(from, end))) return tooLong()
        lines.push(take())
        from = end + 1
      }
      return keep(text.slice(from)) ? Result.succeed(lines) : tooLong()
    },
    /** The last line, if the text did not end with a line feed. */
    end: (): ReadonlyArray<Line> => length === 0 ? [] : [take()]
  }
}
