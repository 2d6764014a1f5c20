/**
 * Records of CSV (RFC 4180), in pieces of text of any size.
 *
 * Fields are text and stay as they are: `007` is no number. A field may not be longer than a limit, so that a quote that is
 * never closed cannot swallow the file; errors name the line where that quote began.
 */
import * as Result from "effect/Result"

/** The fields of a record, and the line on which it begins: from 1. */
export interface Record {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** Why a text is not CSV, and the line. */
export interface Problem {
  readonly line: number
  readonly problem: string
}

/** - `delimiter`: a character; `maxField`: the most characters of a field. */
export interface Options {
  readonly delimiter: string
  readonly maxField: number
}

/** Reads pieces of one text. After a problem it must not be used any more. */
export interface Reader {
  readonly push: (text: string) => Result.Result<ReadonlyArray<Record>, Problem>
  readonly end: () => Result.Result<ReadonlyArray<Record>, Problem>
}

/**
 * Where the reader is:
 *
 * - `begin`: at the beginning of a field; `plain`: in one without quotes; `quoted`: between quotes;
 * - `closed`: behind a quote that closes the field, or is the first half of a doubled one;
 * - `return`: behind a carriage return that ends the record, if a line feed follows.
 */
type Place = "begin" | "plain" | "quoted" | "closed" | "return"

/** A reader at the beginning of a text. */
export const make = ({ delimiter, maxField }: Options): Reader => {
  const ends = new RegExp(`[${delimiter === "|" ? "\\|" : delimiter}\r\n]`, "g")
  let place: Place = "begin"
  let fields: Array<string> = []
  let field = ""
  let line = 1
  let begun = 1
  let quotedAt = 1
  let records: Array<Record> = []

  const endField = () => {
    fields.push(field)
    field = ""
    place = "begin"
  }
  const endRecord = () => {
    endField()
    // an empty line is no record
    if (fields.length > 1 || fields[0] !== "") records.push({ line: begun, fields })
    fields = []
    begun = line
  }
  const tooLong = (): Problem | undefined =>
    field.length <= maxField ? undefined : {
      line: place === "quoted" ? quotedAt : begun,
      problem: place === "quoted"
        ? `a quote begins here whose field is longer than ${maxField} characters: it may not be closed`
        : `a field is longer than ${maxField} characters`
    }

  /** Reads from a position; the result is the next one, or a problem. */
  const read = (text: string, at: number): number | Problem => {
    const character = text[at]
    switch (place) {
      case "begin":
        if (character === "\"") {
          place = "quoted"
          quotedAt = line
          return at + 1
        }
        place = "plain"
        return at
      case "plain": {
        ends.lastIndex = at
        const end = ends.exec(text)?.index ?? text.length
        field += text.slice(at, end)
        if (end === text.length) return tooLong() ?? end
        return tooLong() ?? separator(text, end)
      }
      case "quoted": {
        let end = text.indexOf("\"", at)
        // A doubled one is none of the end.
        while (end !== -1 && text[end + 1] === "\"") end = text.indexOf("\"", end + 2)
        const piece = end === -1 ? text.slice(at) : text.slice(at, end)
        for (let feed = piece.indexOf("\n"); feed !== -1; feed = piece.indexOf("\n", feed + 1)) line++
        field += piece.includes("\"\"") ? piece.replaceAll("\"\"", "\"") : piece
        const problem = tooLong()
        if (problem !== undefined) return problem
        if (end === -1) return text.length
        place = "closed"
        return end + 1
      }
      case "closed":
        if (character === "\"") {
          field += "\""
          place = "quoted"
          return at + 1
        }
        if (character === delimiter || character === "\r" || character === "\n") return separator(text, at)
        return { line, problem: "text follows a closing quote: quotes in a field are doubled" }
      case "return":
        if (character === "\n") return separator(text, at)
        field += "\r"
        place = "plain"
        return at
    }
  }

  const separator = (text: string, at: number): number => {
    switch (text[at]) {
      case "\n":
        line++
        endRecord()
        break
      case "\r":
        place = "return"
        break
      default:
        endField()
    }
    return at + 1
  }

  const taken = () => {
    const found = records
    records = []
    return Result.succeed(found)
  }

  return {
    push: (text) => {
      for (let at = 0; at < text.length;) {
        const next = read(text, at)
        if (typeof next !== "number") return Result.fail(next)
        at = next
      }
      return taken()
    },
    end: () => {
      if (place === "quoted") {
        return Result.fail({ line: quotedAt, problem: "a quote begins here that is never closed" })
      }
      if (place !== "begin" || fields.length > 0) endRecord()
      return taken()
    }
  }
}

/** The characters that separate fields, in the order in which they are tried. */
export const delimiters = [",", ";", "\t", "|"] as const

/** The names of {@link delimiters}, for people. */
export const delimiterName = (delimiter: string): string =>
  ({ ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" })[delimiter] ?? delimiter

/**
 * The delimiter of a text by its first records: the one that gives most of them the same number of fields, two or more; the
 * one with more fields where several do. A comma for a text of one column.
 */
export const detectDelimiter = (sample: string): string => {
  let [best, bestScore] = [",", 0]
  for (const delimiter of delimiters) {
    const reader = make({ delimiter, maxField: sample.length })
    const records = Result.getOrElse(reader.push(sample), () => [])
    // A sample of one line is all there is.
    const counted = records.length > 0 ? records : Result.getOrElse(reader.end(), () => [])
    const counts = new Map<number, number>()
    for (const { fields: { length } } of counted) counts.set(length, (counts.get(length) ?? 0) + 1)
    for (const [fields, count] of counts) {
      const score = fields < 2 ? 0 : count / counted.length + Math.min(fields, 1000) / 1_000_000
      if (score > bestScore) [best, bestScore] = [delimiter, score]
    }
  }
  return best
}
