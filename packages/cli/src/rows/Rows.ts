/**
 * Rows of a JSONL or CSV file as a stream, in flat memory.
 */
import { ExactJson } from "@strata/core"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Csv from "./Csv.ts"
import * as Decoding from "./Decoding.ts"
import * as Lines from "./Lines.ts"

/**
 * A row.
 *
 * - `line`: where it begins in the file, from 1.
 * - `text`: a JSON object; of a JSONL file the line itself, so that nothing in it changes on the way.
 * - `values`: its members. An integer that a number cannot hold is its text, and all fields of CSV are.
 */
export interface Row {
  readonly line: number
  readonly text: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * - `format`: by the name of the file, or its first character, when missing.
 * - `delimiter`: of CSV; found by the first rows when missing, and said.
 * - `isSilent`: the delimiter is not said, since it was before.
 * - `maxField`: the most characters of a field; a million when missing. A line of JSONL may have 32 times as many.
 */
export interface Options {
  readonly format?: "jsonl" | "csv" | undefined
  readonly delimiter?: string | undefined
  readonly maxField?: number | undefined
  readonly isSilent?: boolean | undefined
}

/** The rows of a file; `name` is for errors. */
export const read = (
  file: string,
  options: Options = {},
  name: string = file
): Stream.Stream<Row, CommandError.CommandError, FileSystem.FileSystem | Output> =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fileSystem) =>
    fromBytes(
      Stream.mapError(
        fileSystem.stream(file),
        (cause) => CommandError.usage(`${name} cannot be read: ${CommandError.whyNot(cause)}`, cause)
      ),
      name,
      { ...options, format: options.format ?? formatOf(file) }
    )))

const formatOf = (file: string): Options["format"] =>
  /\.(jsonl|ndjson)$/i.test(file) ? "jsonl" : /\.(csv|tsv)$/i.test(file) ? "csv" : undefined

/** The rows in bytes; `name` is for errors. */
export const fromBytes = <R>(
  bytes: Stream.Stream<Uint8Array, CommandError.CommandError, R>,
  name: string,
  { delimiter, format, isSilent = false, maxField = 1_000_000 }: Options = {}
): Stream.Stream<Row, CommandError.CommandError, R | Output> =>
  Stream.unwrap(Effect.gen(function*() {
    const { note } = yield* Output
    const invalid = ({ line, problem }: Csv.Problem) => CommandError.usage(`${name}, line ${line}: ${problem}`)
    let parser: Parser | undefined
    let sample = ""

    /** The parser is chosen when there is enough to choose by, and gets that first. */
    const begin = (isLast: boolean): ReturnType<Parser["push"]> => {
      const kind = format ?? (/^\s*\{/.test(sample) ? "jsonl" : "csv")
      if (kind === "csv" && !isLast && sample.length < sampleLength && delimiter === undefined) {
        return Effect.succeed([])
      }
      const used = delimiter ?? Csv.detectDelimiter(sample)
      parser = kind === "csv"
        ? csv({ delimiter: used, maxField, invalid })
        : jsonl({ maxLength: 32 * maxField, invalid })
      const rows = parser.push(sample)
      sample = ""
      return kind === "csv" && delimiter === undefined && !isSilent
        ? Effect.andThen(note(`${name}: fields are separated by ${Csv.delimiterName(used)}`), rows)
        : rows
    }
    const push = (text: string) => {
      if (parser !== undefined) return parser.push(text)
      sample += text
      return sample === "" ? Effect.succeed([]) : begin(false)
    }
    const end = Effect.suspend(() =>
      parser === undefined
        ? Effect.flatMap(
          begin(true),
          (rows) => Effect.map(parser?.end() ?? Effect.succeed([]), (last) => [...rows, ...last])
        )
        : parser.end()
    )
    return Decoding.decode(bytes, name).pipe(
      Stream.mapEffect(push),
      Stream.concat(Stream.fromEffect(end)),
      Stream.flattenIterable
    )
  }))

/** Enough to see which character separates fields. */
const sampleLength = 65_536

interface Parser {
  readonly push: (text: string) => Effect.Effect<ReadonlyArray<Row>, CommandError.CommandError>
  readonly end: () => Effect.Effect<ReadonlyArray<Row>, CommandError.CommandError>
}

type Invalid = (problem: Csv.Problem) => CommandError.CommandError

const jsonl = ({ invalid, maxLength }: { readonly maxLength: number; readonly invalid: Invalid }): Parser => {
  const lines = Lines.make(maxLength)
  const rows = Effect.fnUntraced(function*(found: ReadonlyArray<Lines.Line>) {
    const rows: Array<Row> = []
    for (const { line, text } of found) {
      if (text.trim() === "") continue
      const values = ExactJson.parse(text)
      if (Result.isFailure(values)) return yield* invalid({ line, problem: values.failure })
      if (!Predicate.isObject(values.success) || Array.isArray(values.success)) {
        return yield* invalid({ line, problem: "not a JSON object" })
      }
      rows.push({ line, text, values: { ...values.success } })
    }
    return rows
  })
  return {
    push: (text) => Effect.flatMap(Effect.mapError(Effect.fromResult(lines.push(text)), invalid), rows),
    end: () => rows(lines.end())
  }
}

const csv = ({ invalid, ...options }: Csv.Options & { readonly invalid: Invalid }): Parser => {
  const reader = Csv.make(options)
  let header: ReadonlyArray<string> | undefined
  const rows = Effect.fnUntraced(function*(records: ReadonlyArray<Csv.Record>) {
    const rows: Array<Row> = []
    for (const { fields, line } of records) {
      if (header === undefined) {
        const twice = fields.find((name, index) => fields.indexOf(name) !== index)
        if (twice !== undefined) return yield* invalid({ line, problem: `two columns have the name "${twice}"` })
        header = fields
        continue
      }
      if (fields.length !== header.length) {
        return yield* invalid({
          line,
          problem: `${fields.length} fields, but ${header.length} names of columns on the first line`
        })
      }
      const values = Object.fromEntries(header.map((name, index) => [name, fields[index] ?? ""]))
      rows.push({
        line,
        values,
        // An estimate does not need it.
        get text() {
          return JSON.stringify(values)
        }
      })
    }
    return rows
  })
  const read = (records: ReturnType<Csv.Reader["push"]>) =>
    Effect.flatMap(Effect.mapError(Effect.fromResult(records), invalid), rows)
  return { push: (text) => read(reader.push(text)), end: () => Effect.suspend(() => read(reader.end())) }
}
